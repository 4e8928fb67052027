"""docs/measurements/exporter-peers.md claims what tests prove; the tests it names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_named_test_exists():
    """Proves that each `tests/....py` on the page is a file, and that a function named after `::` is in it."""
    page = (ROOT / "docs/measurements/exporter-peers.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", page)
    assert len(named) > 10
    assert len(named) == page.count("test_") - sum(1 for _, function in named if function)
    for path, function in named:
        content = (ROOT / path).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in content, f"{path}::{function}"
