"""The options of `catdog-export`: what they ask for, and which do not go together."""

from dataclasses import fields, replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edge_runtime.bundle import FORMATS
from exporter.cli import ExportOptions, _targets, main

PLAIN = ExportOptions(
    run=None,
    quantize="int8",
    format="all",
    max_drop=0.01,
    repair=False,
    calibration=None,
    calibration_count=256,
    seed=0,
    keras=None,
    test=None,
    input_range=None,
    name=None,
    bundles=Path("bundles"),
)


def test_the_record_has_every_option():
    """Proves that no option is lost on the way, and that the record's example above is what no option gives."""
    options = {option.name: option for option in main.params if option.name not in ("version", "help")}
    assert list(options) == [field.name for field in fields(ExportOptions)]
    context = main.make_context("catdog-export", [])
    given = {name: value for name, value in context.params.items() if name in options}
    assert ExportOptions(**given) == PLAIN


def test_every_format_can_be_asked_for():
    """Proves that the choices of --format are the table of formats and `all`."""
    [option] = [option for option in main.params if option.name == "format"]
    assert list(option.type.choices) == [*FORMATS, "all"]


FOLDERS = {"keras": Path("m.keras"), "test": Path("test"), "calibration": Path("shots")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": Path("test")}, "go with --keras"),
        ({"input_range": (0.0, 1.0)}, "go with --keras"),
        ({**FOLDERS, "run": Path("runs/a")}, "cannot go with --run"),
        ({**FOLDERS, "test": None}, "needs --test and --calibration"),
        ({**FOLDERS, "calibration": None}, "needs --test and --calibration"),
        ({"quantize": "dynamic", "format": "onnx"}, "no dynamic file of the format onnx"),
    ],
)
def test_options_that_do_not_go_together(changes, message):
    """Proves that each is wrong use with the reason, before anything is read."""
    with pytest.raises(click.UsageError, match=message):
        _targets(replace(PLAIN, **changes))


@pytest.mark.parametrize("changes", [{}, FOLDERS, {"quantize": "dynamic"}, {"quantize": "none", "format": "onnx"}])
def test_options_that_go_together(changes):
    """Proves that a model of one's own with its folders is no wrong use, nor one format of two without dynamic."""
    assert _targets(replace(PLAIN, **changes))


def test_the_help_names_every_exit_code():
    """Proves that a script's author finds all six codes on the help page."""
    text = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    for code in ("0 every file passed", "1 error", "2 wrong use", "3 a file failed", "4 too few", "130 stopped"):
        assert code in text
