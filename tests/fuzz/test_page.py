"""The page with the figures of the fuzzers."""

import json
from pathlib import Path

from tests.fuzz.page import BEGIN, END, write_page
from tests.fuzz.targets import TARGETS

PAGE = Path(__file__).parents[2] / "docs/measurements/fuzzing.md"


def test_figures_are_written_between_the_marks(tmp_path: Path) -> None:
    """Proves that the tables hold the figures of the runs, and that the text around them stays."""
    versions = {"python": "3.11.7", "versions": {"atheris": "3.0.0"}}
    run = {"seconds": 60, "executions": 12345, "edges": 7, "inputs": 3, "lines": {"a.py": [1, 2], "b.py": [3, 4]}}
    model = {
        "seconds": 9,
        "executions": 1000,
        "endings": {"a.onnx refused": 990, "a.onnx killed": 10},
        "findings": [],
    }
    (tmp_path / "run.json").write_text(json.dumps(run | {"findings": ["it"]} | versions))
    (tmp_path / "model.json").write_text(json.dumps(model | versions))
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_page(page, tmp_path)
    text = page.read_text()
    assert "| run | 60 | 12,345 | 7 | 3 | 4 of 6 | 1 |" in text
    assert "| a.onnx | killed | 10 |" in text
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text


def test_the_page_has_every_target() -> None:
    """Proves that the documentation has a row for each target that the fuzzers know."""
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| {name} |" in text for name in TARGETS)
    assert "damaged model files" in text
