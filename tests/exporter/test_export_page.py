"""docs/reference/export.md lists the files that `catdog-export` writes."""

import re
from pathlib import Path

from edge_runtime.proof.gate import DEFAULT_MAX_DROP
from exporter.cli import main, wanted_targets

PAGE = (Path(__file__).parents[2] / "docs/reference/export.md").read_text(encoding="utf-8")


def test_the_table_of_files_is_that_of_the_command():
    """Proves that every choice of `--quantize` has a row with the files it writes, and the default its mark."""
    [option] = [parameter for parameter in main.params if parameter.name == "quantize"]
    rows = re.findall(r"^\| `(\w+)`( \(default\))? \| (.+) \|$", PAGE, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(option.type.choices)
    assert [name for name, default, _ in rows if default] == [option.default]
    for name, _, listed in rows:
        assert re.findall(r"`(.+?)`", listed) == [target.file_name for target in wanted_targets(name, "all")]


def test_the_page_states_the_default_of_the_gate():
    """Proves that the drop of accuracy on the page is the one that the gate allows by default."""
    assert f"default {DEFAULT_MAX_DROP:g}: one point" in " ".join(PAGE.split())
