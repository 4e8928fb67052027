"""`catdog-edge`, seen from a terminal and from a script."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from edge_runtime.backends import BACKENDS
from edge_runtime.bundle import MANIFEST, Precision
from edge_runtime.cli import COMMANDS, main
from edge_runtime.commands import classify as command
from edge_runtime.picture.signatures import FORMATS
from edge_runtime.terminal import ExitCode, one_line_errors

MAIN = "from edge_runtime.cli import run; run()"


def classify(*arguments: str | Path) -> Result:
    """Run `catdog-edge classify` in this process."""
    return CliRunner().invoke(main, ["classify", *map(str, arguments)])


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `catdog-edge classify` as its own process in a folder."""
    line = [sys.executable, "-c", MAIN, "classify", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(line, capture_output=True, text=True, cwd=folder, env=environment)


def test_one_line_a_picture(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that stdout has path, label, confidence and time of each picture, and stderr everything else."""
    result = classify(pictures["red"], pictures["blue"], "--bundle", onnx_bundle)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    for colour, line in zip(("red", "blue"), lines, strict=True):
        assert re.fullmatch(re.escape(str(pictures[colour])) + rf" +{colour} +100\.0% +\d+\.\d ms", line)
    assert result.stderr.splitlines() == [
        f"{onnx_bundle}/float32.onnx with onnxruntime",
        f"next: catdog-bench run --bundle {onnx_bundle} --data {pictures['red'].parent}",
    ]


def test_json_lines(onnx_bundle: Path, pictures: dict[str, Path], tmp_path: Path) -> None:
    """Proves that --json prints one object for each picture on stdout, also for a picture with an error."""
    result = classify("--json", pictures["red"], tmp_path / "none.jpg", pictures["blue"], "--bundle", onnx_bundle)
    red, none, blue = (json.loads(line) for line in result.stdout.splitlines())
    assert (red["path"], red["label"], blue["label"]) == (str(pictures["red"]), "red", "blue")
    assert list(red["scores"]) == ["blue", "red"]
    assert none == {"path": str(tmp_path / "none.jpg"), "error": "no such file"}
    assert result.exit_code == 1
    assert "none.jpg" not in result.stderr


def test_bad_picture_stops_nothing(onnx_bundle: Path, pictures: dict[str, Path], tmp_path: Path) -> None:
    """Proves that the other pictures are classified, stderr names the bad ones, and the exit code is 1."""
    text, empty = tmp_path / "text.jpg", tmp_path / "empty"
    text.write_text("no picture")
    empty.mkdir()
    result = classify(text, pictures["red"], empty, pictures["blue"], "--bundle", onnx_bundle)
    assert result.exit_code == 1
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["red", "blue"]
    assert result.stderr.splitlines()[1:] == [
        f"error: {text}: not a picture that can be read: expected one of {', '.join(FORMATS)}",
        f"error: {empty}: is a folder without a picture in it",
        "2 of 4 pictures could not be classified",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bundle", "none"], "error: none: no manifest.json there. Make a bundle with: catdog-export"),
        (["--bundle", "bundles"], "error: bundles: no manifest.json there. The bundle is bundles/pets"),
        (
            ["--bundle", "bundles/pets/a.tflite"],
            "error: bundles/pets/a.tflite: no manifest.json there. The bundle is bundles/pets",
        ),
        (
            ["--bundle", "runs/pets"],
            "error: runs/pets: no manifest.json there. Make a bundle with: catdog-export --run runs/pets",
        ),
    ],
    ids=["missing", "folder of bundles", "file of a bundle", "run"],
)
def test_without_a_bundle_there_is_one_clear_line(tmp_path: Path, options: list[str], words: str) -> None:
    """Proves that a missing bundle gives one line that says what to do, exit code 1 and no traceback."""
    for path in ("bundles/pets/manifest.json", "bundles/pets/a.tflite", "runs/pets/run.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    done = run("x.png", *options, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(words)
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is a device of Linux")
@pytest.mark.parametrize("arguments", [["classify", "--help"], ["info"], ["classify", "red"]], ids=" ".join)
def test_full_disk_is_one_line(arguments: list[str], pictures: dict[str, Path]) -> None:
    """Proves that results that cannot be written end in one line and exit code 1, without a traceback."""
    paths = [str(pictures.get(word, word)) for word in arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", MAIN, *paths], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: the output: No space left on device")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--backend", "--precision"])
def test_unknown_choice_is_one_line(onnx_bundle: Path, option: str) -> None:
    """Proves that the error for an unknown backend or precision lists all known ones."""
    result = classify("x.png", "--bundle", onnx_bundle, option, "fast")
    assert result.exit_code == 2
    known = ("auto", *(BACKENDS if option == "--backend" else Precision))
    received = re.findall(r"'([\w-]+)'", result.stderr.splitlines()[-1])
    assert (received[1], set(received[2:])) == ("fast", set(known))


def test_choice_is_passed_on(both_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that --backend and --precision reach the classifier."""
    options = ["--backend", "litert", "--precision", "float32"]
    result = classify(pictures["red"], "--bundle", both_bundle, *options)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0].endswith("float32.tflite with litert")


def test_threads_are_passed_on(onnx_bundle: Path, pictures: dict[str, Path], threads_asked: list[int]) -> None:
    """Proves that --threads 3 loads one model of three threads for one picture, and two of one thread for two."""
    options = ("--bundle", onnx_bundle, "--threads", "3")
    assert classify(pictures["red"], *options).exit_code == 0
    assert threads_asked == [3]
    assert classify(pictures["red"], pictures["blue"], *options).exit_code == 0
    assert threads_asked[1:] == [1, 1]


def test_top_k_is_passed_on(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that --top-k sets how many labels are shown, the best first, and that each format has its default."""

    def shown(*options: str) -> list[str]:
        text = classify(pictures["red"], "--bundle", onnx_bundle, *options).stdout
        return list(json.loads(text)["scores"]) if "--json" in options else re.findall(r"  (red|blue) ", text)

    assert shown() == ["red"]
    assert shown("--top-k", "2") == ["red", "blue"]
    assert shown("--json") == ["blue", "red"]
    assert shown("--json", "--top-k", "1") == ["red"]


def test_newest_bundle_is_the_default(
    write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes], pictures: dict[str, Path]
) -> None:
    """Proves that without --bundle the newest bundle is used, and that the next command names it."""
    for age_s, name in ((10, "old"), (0, "new one"), (20, "oldest")):
        folder = write_bundle({"float32.onnx": onnx_file("sigmoid")}, name=name)
        os.utime(folder / MANIFEST, (1_700_000_000 - age_s,) * 2)
    done = run(pictures["red"], folder=folder.parents[1])
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stderr.splitlines()
    assert first == "bundles/new one/float32.onnx with onnxruntime"
    assert last.startswith("next: catdog-bench run --bundle 'bundles/new one' --data ")


def test_next_command_is_one_that_runs(monkeypatch, capsys, tmp_path: Path) -> None:
    """Proves that the next command is the self-test when the libraries of catdog-bench are missing."""
    monkeypatch.setattr(command, "MEASURING", ("json", "no_such_library"))
    command._say_next(tmp_path / "new one", ["a.jpg"])
    assert capsys.readouterr().err == f"next: catdog-edge selftest --bundle '{tmp_path / 'new one'}'\n"


def test_terminal_stays_clean(both_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that the line that LiteRT prints on opening a model reaches neither stdout nor stderr."""
    done = run(pictures["red"], "--bundle", both_bundle, "--backend", "litert", folder=both_bundle)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.splitlines() == [
        f"{both_bundle}/int8.tflite with litert",
        f"next: catdog-bench run --bundle {both_bundle} --data PICTURES",  # they lie above the working folder
    ]


def test_no_warnings_about_odd_metadata(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that a picture with damaged EXIF is classified without a warning on stderr."""
    from PIL import Image

    path = tmp_path / "odd.jpg"
    Image.new("RGB", (30, 20), "red").save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05damaged")
    done = run(path, "--bundle", onnx_bundle, folder=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 2), done.stderr


def test_file_name_that_is_not_utf8(onnx_bundle: Path, pictures: dict[str, Path], tmp_path: Path) -> None:
    """Proves that a file name of any bytes works, also in an error, without a traceback."""
    good, bad = tmp_path / os.fsdecode(b"\xff.png"), tmp_path / os.fsdecode(b"\xfe.png")
    try:
        shutil.copy(pictures["red"], good)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for options in ([], ["--json"]):
        command = [sys.executable, "-c", MAIN, "classify", good, bad, "--bundle", onnx_bundle, *options]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
        done = subprocess.run(command, capture_output=True, env=environment)
        assert done.returncode == 1, done.stderr
        assert b"red" in done.stdout
        assert b"Traceback" not in done.stderr
        assert b"1 of 2 pictures could not be classified" in done.stderr


def test_reader_that_stops_early_gets_no_traceback(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that `catdog-edge classify ... | head -1` ends without a traceback."""
    script = f"{MAIN!r} classify {' '.join([str(pictures['red'])] * 50)} --bundle {onnx_bundle}"
    done = subprocess.run(
        f"{sys.executable} -u -c {script} | head -1", shell=True, capture_output=True, text=True, cwd=onnx_bundle
    )
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_help_names_every_option() -> None:
    """Proves that the help explains each option of each command."""
    runner = CliRunner()
    assert runner.invoke(main, ["--help"]).exit_code == 0
    context = click.Context(main)
    names = main.list_commands(context)
    assert names == ["classify", "doctor", "info", "selftest", "teach", "watch"]
    for name in names:
        found = main.get_command(context, name)
        assert found is not None
        text = runner.invoke(main, [name, "--help"]).output
        assert (found.help or "").startswith(COMMANDS[name].summary)
        for parameter in found.params:
            assert parameter.param_type_name == "argument" or parameter.opts[-1] in text
            assert parameter.param_type_name == "argument" or getattr(parameter, "help", None)


def test_names_of_before_are_taken(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that the old options --model and --min-confidence still work."""
    result = classify(pictures["red"], "--model", onnx_bundle, "--min-confidence", "1")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(f"{onnx_bundle}/float32.onnx")


@pytest.mark.parametrize(
    ("missing", "brings"), [("numpy", "numpy"), ("PIL", "pillow"), ("onnxruntime", "'catdog-edge[onnx]'")]
)
def test_missing_package_names_what_brings_it(
    missing: str, brings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Proves that the advice for a module of a base install names its package and not an extra."""
    with pytest.raises(SystemExit) as left, one_line_errors("onnx"):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=f"{missing}.core")
    assert left.value.code == ExitCode.ERROR
    assert capsys.readouterr().err.endswith(f"Install what this command needs: pip install {brings}\n")


def test_no_pictures_is_a_usage_error(onnx_bundle: Path) -> None:
    """Proves that a call without pictures prints the usage and ends with Click's exit code 2."""
    result = classify("--bundle", onnx_bundle)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


@pytest.mark.parametrize(("closed", "lines"), [("2>&-", 1), (">&- 2>&-", 0)])
def test_closed_streams_are_no_hindrance(
    onnx_bundle: Path, pictures: dict[str, Path], closed: str, lines: int
) -> None:
    """Proves that classify works without a terminal: closed streams cause no crash."""
    command = f"{sys.executable} -c '{MAIN}' classify {pictures['red']} --bundle {onnx_bundle} {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.count("  red  ") == lines
