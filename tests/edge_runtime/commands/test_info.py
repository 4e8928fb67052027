"""`catdog-edge info` says what a bundle holds and what would run."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_runtime.cli import main
from tests.edge_runtime.damaged import crashing_bundle


def info(folder: Path, *options: str) -> Result:
    """Run `catdog-edge info` in this process."""
    return CliRunner().invoke(main, ["info", "--bundle", str(folder), *options])


@pytest.mark.parametrize(
    ("features", "file", "runtime", "order"),
    [
        ("avx2", "int8.onnx", "onnxruntime", "ONNX Runtime before LiteRT"),
        ("asimd", "int8.tflite", "litert", "LiteRT before ONNX Runtime"),
    ],
)
def test_every_file_has_a_status(
    both_bundle: Path, processor: Callable[[str], None], features: str, file: str, runtime: str, order: str
) -> None:
    """Proves that people see labels, sizes, each file, the file in use on this processor, and why it is in use."""
    processor(features)
    result = info(both_bundle)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1] == "labels     blue, red"
    statuses = {line.split()[0]: line for line in lines if line.split()[1:2] and "MB" in line}
    assert statuses[file].endswith(f"in use with {runtime}")
    assert statuses["float32.onnx"].endswith("runs with onnxruntime")
    assert lines[-2] == f"in use: {file} with {runtime}"
    reason = f"It comes first of the 4 that can be run here: int8 before float, {order} on this processor. "
    assert lines[-1].startswith(reason)


def test_reason_names_no_runtime_that_was_not_asked_for(both_bundle: Path) -> None:
    """Proves that the reason leaves out the order of backends if only one of them may run."""
    lines = info(both_bundle, "--backend", "litert").stdout.splitlines()
    assert lines[-1].startswith("It comes first of the 2 that can be run here: int8 before float. ")


def test_choice_changes_the_file_in_use(both_bundle: Path) -> None:
    """Proves that --backend and --precision are followed, and that other files are marked as not asked for."""
    values = json.loads(info(both_bundle, "--backend", "onnxruntime", "--json").stdout)
    assert values["use"] == {"path": "int8.onnx", "backend": "onnxruntime"}
    statuses = {file["path"]: file["status"] for file in values["files"]}
    assert statuses["int8.tflite"] == "not asked for"


def test_file_passed_over_is_explained(write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes]) -> None:
    """Proves that a faster file that does not load is named with its reason."""
    folder = write_bundle({"int8.onnx": b"too new", "float32.onnx": onnx_file("sigmoid")}, confidence_threshold=0.7)
    text = info(folder).stdout
    assert "does not load" in text
    assert "Passed over: int8.onnx: onnxruntime does not load this file" in text
    assert "threshold  70%: less is unsure" in text


def test_bundle_that_nothing_runs_is_still_described(onnx_bundle: Path) -> None:
    """Proves that a bundle is described where it cannot run, with the reason."""
    values = json.loads(info(onnx_bundle, "--backend", "litert", "--json").stdout)
    assert values["use"] is None
    assert "the bundle has no file for backend litert" in values["reason"]
    assert "in use: none" in info(onnx_bundle, "--backend", "litert").stdout


def test_what_is_not_known_of_a_training_is_left_out(onnx_bundle: Path) -> None:
    """Proves that the bundle of a user's own Keras model shows its name, without an empty architecture or seed."""
    path = onnx_bundle / "manifest.json"
    values = json.loads(path.read_text())
    values["training"] = {"name": "mine", "architecture": "", "seed": None}
    path.write_text(json.dumps(values))
    assert "training   name mine\n" in info(onnx_bundle).stdout
    path.write_text(json.dumps(values | {"training": {"name": "a", "architecture": "compact", "seed": 0}}))
    assert "training   name a, architecture compact, seed 0\n" in info(onnx_bundle).stdout


def test_a_file_that_ends_its_process_does_not_end_info(tmp_path: Path) -> None:
    """Proves that info lives on, says which file ends with which signal, and names no file that is not used."""
    folder = crashing_bundle(tmp_path / "bundle")
    result = info(folder, "--backend", "litert")
    assert result.exit_code == 0
    assert "does not load: ended by signal 11 (SIGSEGV)" in result.stdout
    assert "in use: none" in result.stdout
    assert "every command that loads it ends so" in result.stdout
    if find_spec("onnxruntime"):
        assert "in use: model.int8.onnx with onnxruntime" in info(folder, "--backend", "onnxruntime").stdout


def test_a_crash_of_classify_is_not_silent(tmp_path: Path) -> None:
    """Proves that a file that ends `classify` leaves words on standard error, though the process is gone."""
    folder = crashing_bundle(tmp_path / "bundle")
    picture = next((folder / "selftest").iterdir())
    script = "from edge_runtime.cli import run; run()"
    command = [
        sys.executable,
        "-c",
        script,
        "classify",
        str(picture),
        "--bundle",
        str(folder),
        "--backend",
        "litert",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -11
    assert done.stderr.startswith("Fatal Python error: Segmentation fault")
    assert "interpreter.py" in done.stderr
