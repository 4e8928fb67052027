"""The options of `catdog-export`: what they ask for, and which do not go together."""

import re
import resource
from dataclasses import fields, replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edge_runtime import read_bundle
from edge_runtime.bundle import FORMATS
from exporter.cli import ExportOptions, _targets, main, wanted_targets
from tests.exporter.conftest import run_export

PLAIN = ExportOptions(
    run=None,
    quantize="int8",
    format="all",
    max_drop=0.01,
    repair=False,
    calibration=None,
    calibration_count=256,
    seed=0,
    model=None,
    test=None,
    test_labels=None,
    labels=None,
    input_range=None,
    mean=None,
    deviation=None,
    size=None,
    validation=None,
    min_accuracy=None,
    trust=None,
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


FOLDERS = {"model": Path("m.keras"), "test": Path("test"), "calibration": Path("shots")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": Path("test")}, "--test goes with --model"),
        ({"input_range": (0.0, 1.0)}, "--input-range goes with --model"),
        ({"min_accuracy": 0.5}, "--min-accuracy goes with --model"),
        ({"trust": Path("a.py")}, "--trust goes with --model"),
        ({**FOLDERS, "run": Path("runs/a")}, "cannot go with --run"),
        ({**FOLDERS, "test": None}, "--model needs --test"),
        ({**FOLDERS, "mean": (1.0,)}, "--mean and --deviation go together"),
        ({**FOLDERS, "mean": (1.0,), "deviation": (1.0, 1.0, 1.0)}, "need as many numbers"),
        ({**FOLDERS, "mean": (1.0,), "deviation": (1.0,), "input_range": (0.0, 1.0)}, "not with --input-range"),
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
    for code in (
        "0 every file passed",
        "1 error",
        "2 wrong use",
        "3 a file failed",
        "4 too few",
        "no better than guessing",
        "130 stopped",
    ):
        assert code in text


OPTIONS = ("--format", "tflite", "--quantize", "none", "--max-drop", "1", "--calibration-count", "8")


def test_the_command_line_exports_a_model_of_ones_own(own, tmp_path, capfd):
    """Proves that one command leads from a .keras file and two folders to a bundle."""
    options = ("--keras", own / "one.keras", "--test", own / "test", "--calibration", own / "train")
    code, out, _ = run_here(*options, "--input-range", 0, 1, *OPTIONS, bundles=tmp_path / "bundles", capfd=capfd)
    assert code == 4  # it was never trained
    assert out.splitlines()[-1] == f"{tmp_path}/bundles/one/report.md"
    assert read_bundle(tmp_path / "bundles" / "one").name == "one"


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
@pytest.mark.parametrize("limit_bytes", [1_000_000, 30_000])
def test_no_space_left_is_one_clear_line(run_folder, tmp_path, capfd, format_, limit_bytes):
    """Proves that where files cannot grow there is exit code 1, one error line and no trace of a bundle.

    A limit on the size of files stands for a full disk: the same call fails, with another number.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        options = ("--run", run_folder, "--format", format_, "--quantize", "none")
        code, out, lines = run_here(*options, bundles=tmp_path / "bundles", capfd=capfd)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (code, out) == (1, "")
    assert not any("Traceback" in line for line in lines)
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
    assert re.search(r"bundles/small: cannot be written .* --bundles|no room in /\S+", lines[-1])
    assert {path.name for path in (tmp_path / "bundles").glob("*")} <= {"small.failed"}  # the converter's log


def run_here(*arguments, bundles, capfd) -> tuple[int, str, list[str]]:
    """Run the command in this process, where its libraries are loaded; return exit code and both outputs."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments), "--bundles", str(bundles)])
    out, err = capfd.readouterr()
    return left.value.code, out, err.splitlines()


@pytest.mark.parametrize(
    ("quantize", "format_", "names"),
    [
        ("none", "all", ["float32.tflite", "float32.onnx"]),
        ("float16", "all", ["float32.tflite", "float16.tflite", "float32.onnx", "float16.onnx"]),
        ("dynamic", "all", ["float32.tflite", "dynamic.tflite", "float32.onnx"]),
        ("int8", "onnx", ["float32.onnx", "int8.onnx"]),
        ("all", "tflite", ["float32.tflite", "float16.tflite", "dynamic.tflite", "int8.tflite"]),
    ],
)
def test_the_files_of_each_choice(quantize, format_, names):
    """Proves that --quantize and --format ask for these files."""
    assert [wanted.file_name for wanted in wanted_targets(quantize, format_)] == [f"model.{name}" for name in names]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "no finished run in runs/"), (("--run", "nowhere"), "nowhere: no finished run there")],
)
def test_a_missing_run_is_one_clear_line(tmp_path, arguments, message):
    """Proves that there is exit code 1 and one line that names the command to type."""
    done = run_export(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert "catdog-train" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--max-drop", "2"),
        ("--test", "x"),
        ("--keras", "m.keras"),
        ("--quantize", "int4"),
        ("--quantize", "dynamic", "--format", "onnx"),
        ("--calibration", "none"),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, arguments):
    """Proves that values out of range, unknown choices and missing folders are wrong use, with the usage."""
    done = run_export(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Usage:" in done.stderr
