"""docs/exporter-peers.md claims what tests prove; the tests it names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_named_test_exists():
    """Each `test_....py` is a file below tests/, and each function named after `::` is in it."""
    page = (ROOT / "docs/exporter-peers.md").read_text(encoding="utf-8")
    named = re.findall(r"\b(test_\w+)\.py(?:::(test_\w+))?", page)
    assert len(named) > 10
    assert len(named) == len(re.findall(r"`test_", page))
    for stem, function in named:
        [file] = (ROOT / "tests").rglob(f"{stem}.py")
        assert not function or f"def {function}(" in file.read_text(encoding="utf-8"), function
