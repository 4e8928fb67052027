"""scripts/network_table.py: what became of each network, taken up where it stopped, as a page."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

from tests.exporter.idioms import IDIOMS

SCRIPT = Path(__file__).parents[2] / "scripts/network_table.py"


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("network_table", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(network: str, **found) -> dict:
    empty = {"parameters": 1234, "files": {}, "missing": {}, "left": [], "error": "", "seconds": 60.2}
    return {"network": network} | empty | found


def test_the_table_has_25_of_each(script):
    """Proves that as many networks of Keras and idioms are tried as the page says, and that each network exists."""
    import keras

    assert len(script.APPLICATIONS) == len(IDIOMS) == 25
    assert all(callable(getattr(keras.applications, name)) for name in script.APPLICATIONS)


def test_the_page_has_each_outcome(script):
    """Proves that a file, a mixed file, a missing one and an error each stand in the page as what they are."""
    files = {
        "float32.tflite": {"agreement": 1.0, "seconds": 3.4},
        "mixed.onnx": {"agreement": 0.979, "seconds": 12.0},
    }
    rows = [
        row("MobileNetV2", files=files, missing={"int8.tflite": "no integer form"}, left=["folding: it moved"]),
        row("swish", error="exit code -9: no word"),
    ]
    text = script.page(rows)
    assert "| MobileNetV2 | 1,234 | 100%, 3 s | - | - | - | - | - | 98%, 12 s *mixed* | 60 |" in text
    assert "| swish | 1,234 | - | - | - | - | - | - | - | 60 |" in text
    for line in (
        "- MobileNetV2, int8.tflite: no integer form",
        "- MobileNetV2, left out: folding: it moved",
        "- swish: exit code -9: no word",
    ):
        assert line in text
    assert "xception" not in text.lower()


def test_what_is_done_is_not_done_again(script, tmp_path, monkeypatch):
    """Proves that a stopped table goes on with the next network, and that each has its line at once."""
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps(row("swish")) + "\n")
    tried = []

    def run(name):
        tried.append((name, len(results.read_text().splitlines())))
        return row(name)

    monkeypatch.setattr(script, "_run", run)
    monkeypatch.setattr(script, "PAGE", tmp_path / "page.md")
    script.main(results, ["swish", "tanh", "ELU"])
    assert tried == [("tanh", 1), ("ELU", 2)]
    assert "| ELU |" in (tmp_path / "page.md").read_text()


def test_a_network_that_dies_is_a_row(script, monkeypatch):
    """Proves that a crash and a time limit are errors of that network alone."""

    def ended(command, **options):
        if command[-1] == "ELU":
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return subprocess.CompletedProcess(command, -11, stdout="", stderr="some\nlast word")

    monkeypatch.setattr(subprocess, "run", ended)
    assert script._run("swish")["error"] == "exit code -11: last word"
    assert script._run("ELU")["error"] == "not done in 1800 s"


def test_one_idiom_is_exported_for_real(script):
    """Proves that a network's row has all seven files of an idiom, and how far they agree with Keras."""
    found = script.export_one("names that collide")
    assert found["missing"] == {}
    assert found["left"] == []
    assert set(found["files"]) == set(script.FILES)
    assert all(file["agreement"] > 0.9 for file in found["files"].values())
    assert found["files"]["int8.onnx"]["seconds"] > 0
