"""`catdog-edge selftest` passes a whole bundle, and finds and names each kind of damage."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edge_runtime import classifier as classifier_module
from edge_runtime.bundle import MANIFEST, SELFTEST
from edge_runtime.classifier import Classifier
from edge_runtime.cli import main
from edge_runtime.commands.selftest import run_selftest
from edge_runtime.errors import BackendError
from edge_runtime.picture.preprocessing import load_picture
from tests.edge_runtime.damaged import CRASHING, crashing_bundle, endless_onnx, put_file


def selftest(folder: Path, *options: str) -> Result:
    """Run `catdog-edge selftest` in this process."""
    return CliRunner().invoke(main, ["selftest", "--bundle", str(folder), *options])


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit a manifest in place."""
    values = json.loads((folder / MANIFEST).read_text())
    edit(values)
    (folder / MANIFEST).write_text(json.dumps(values))


@pytest.fixture
def bundle(both_bundle: Path) -> Path:
    """A bundle of four files with two self-test pictures, and the scores that these files give here."""
    (both_bundle / SELFTEST).mkdir()
    pictures = []
    for colour in ("red", "blue"):
        path = both_bundle / SELFTEST / f"{colour}.png"
        Image.new("RGB", (30, 20), colour).save(path)
        scores, classifier = {}, Classifier.open(both_bundle)
        pixels = load_picture(path, classifier.bundle.preprocessing)
        for file in classifier.bundle.files:
            backend = "litert" if file.format == "tflite" else "onnxruntime"
            opened = Classifier.open(both_bundle, backend, precision=file.precision)
            scores[file.path] = opened.scores(pixels).tolist()
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        pictures.append({"path": f"{SELFTEST}/{colour}.png", "pixels_sha256": digest, "scores": scores})
    change(both_bundle, lambda values: values.update(selftest=pictures))
    return both_bundle


def test_whole_bundle_passes(bundle: Path) -> None:
    """Proves that it checks each file's hash, each picture, and each file with each backend."""
    result = selftest(bundle)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 4 + 2 + 4
    assert all(line.startswith("pass  ") for line in lines)
    assert result.stderr == "all 10 checks passed\n"


def test_choice_narrows_what_is_run(bundle: Path) -> None:
    """Proves that --backend and --precision choose which files run, and that all hashes are still checked."""
    names = [check.name for check in run_selftest(bundle, "litert", precision="int8")]
    assert names[-1] == "int8.tflite with litert"
    assert len(names) == 4 + 2 + 1


def test_damaged_model_file_fails(bundle: Path) -> None:
    """Proves that a changed model file fails by its hash and does not run."""
    (bundle / "int8.tflite").write_bytes(b"other")
    result = selftest(bundle, "--json")
    assert result.exit_code == 1
    checks = {check["name"]: check for check in map(json.loads, result.stdout.splitlines())}
    assert not checks["int8.tflite"]["passed"]
    assert "not the file that was exported" in checks["int8.tflite with litert"]["detail"]
    assert checks["float32.onnx"]["passed"]


def test_other_scores_fail_with_both_numbers(bundle: Path) -> None:
    """Proves that a score beyond the tolerance fails, with the difference, the tolerance and advice."""

    def edit(values: dict[str, Any]) -> None:
        values["selftest"][0]["scores"]["float32.onnx"] = [0.4, 0.6]

    change(bundle, edit)
    result = selftest(bundle)
    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert line.startswith("FAIL  float32.onnx with onnxruntime: largest difference of a score 0.4")
    assert "allowed 0.001" in line
    assert "Use another --backend" in line


def test_other_pixels_fail(bundle: Path) -> None:
    """Proves that a change of the preprocessed pixels is found, even if the scores stay the same."""
    Image.new("RGB", (30, 20), (250, 0, 0)).save(bundle / SELFTEST / "red.png")
    result = selftest(bundle)
    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if "preprocessed to other pixels" in line]
    assert line.startswith("FAIL  selftest/red.png")


def test_missing_picture_fails(bundle: Path) -> None:
    """Proves that a missing self-test picture is one failed check, and that the others still run."""
    (bundle / SELFTEST / "blue.png").unlink()
    result = selftest(bundle)
    assert result.exit_code == 1
    assert "no such file. Copy or export the bundle again." in result.stdout
    assert result.stderr == "1 of 10 checks failed\n"


def test_bundle_without_pictures_says_so(onnx_bundle: Path) -> None:
    """Proves that a bundle without self-test pictures passes, and that the check says what was not compared."""
    result = selftest(onnx_bundle)
    assert result.exit_code == 0
    assert "the bundle carries no self-test pictures" in result.stdout


def test_bundle_that_nothing_runs_fails(onnx_bundle: Path) -> None:
    """Proves that a machine without a fitting backend fails, with the command that installs one."""
    result = selftest(onnx_bundle, "--backend", "litert")
    assert result.exit_code == 1
    assert "pip install 'catdog-edge[onnx]'" in result.stdout


def test_no_bundle_is_one_line(tmp_path: Path) -> None:
    """Proves that a missing bundle is an error before any check."""
    result = selftest(tmp_path)
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)


def test_a_file_that_ends_its_process_is_one_failed_check(tmp_path: Path) -> None:
    """Proves that a damaged file with a right hash fails with the signal that it caused, and the others go on."""
    folder = crashing_bundle(tmp_path / "bundle")
    command = [sys.executable, "-c", "from edge_runtime.cli import run; run()", "selftest", "--bundle", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert line.startswith(f"FAIL  {CRASHING} with litert: ended by signal 11 (SIGSEGV). Export the bundle again")
    assert f"pass  {CRASHING}: " in done.stdout  # its hash
    if find_spec("onnxruntime"):
        assert done.stdout.splitlines()[-1].startswith("pass  model.int8.onnx with onnxruntime")


def test_a_file_that_never_ends_is_one_failed_check(bundle: Path) -> None:
    """Proves that --timeout ends an endless loop, and that each check is told as soon as it is known."""
    put_file(bundle, "float32.onnx", endless_onnx())
    command = [sys.executable, "-c", "from edge_runtime.cli import run; run()", "selftest", "--bundle", str(bundle)]
    with subprocess.Popen([*command, "--timeout", "10"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        start, seconds = time.monotonic(), {}
        for line in process.stdout:
            seconds[line.split(":")[0]] = time.monotonic() - start
    assert process.returncode == 1
    names = list(seconds)
    failed = names.index("FAIL  float32.onnx with onnxruntime")
    assert seconds[names[failed]] - seconds[names[failed - 1]] > 8  # so the one before was told at once


def test_each_file_of_a_precision_is_opened(bundle: Path) -> None:
    """Proves that a second int8 ONNX file is run itself, and not the first one once more."""
    (bundle / "second.onnx").write_bytes(b"garbage")

    def edit(values: dict[str, Any]) -> None:
        [first] = [file for file in values["files"] if file["path"] == "int8.onnx"]
        digest = hashlib.sha256(b"garbage").hexdigest()
        values["files"].append({**first, "path": "second.onnx", "size_bytes": 7, "sha256": digest})
        for picture in values["selftest"]:
            picture["scores"]["second.onnx"] = picture["scores"]["int8.onnx"]

    change(bundle, edit)
    checks = {check.name: check for check in run_selftest(bundle)}
    assert checks["int8.onnx with onnxruntime"].passed
    assert not checks["second.onnx with onnxruntime"].passed
    assert "onnxruntime does not load this file" in checks["second.onnx with onnxruntime"].detail


@pytest.mark.parametrize(("name", "says"), [("float32.tflite", "onnx"), ("float32.onnx", "tflite")])
def test_a_format_that_the_file_is_not_of_is_one_clear_line(bundle: Path, name: str, says: str) -> None:
    """Proves that a manifest that calls a TFLite file ONNX, or the other way round, is told so."""

    def edit(values: dict[str, Any]) -> None:
        [file] = [file for file in values["files"] if file["path"] == name]
        file["format"] = says

    change(bundle, edit)
    details = [check.detail for check in run_selftest(bundle) if check.name.startswith(f"{name} with")]
    wanted, real = ("ONNX", "TFLite") if says == "onnx" else ("TFLite", "ONNX")
    words = f"expected {wanted}, as the manifest says, received the bytes of {real}. Export the bundle again."
    assert words in details


def test_scores_that_are_not_numbers_fail(
    bundle: Path, onnx_file: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that a file that gives NaN fails the self-test, and that a picture is no answer but an error."""
    import onnx

    model = onnx.load_from_string(onnx_file("sigmoid"))
    weights = model.graph.initializer[0]
    weights.CopyFrom(onnx.numpy_helper.from_array(np.full((3, 1), np.nan, np.float32), weights.name))
    put_file(bundle, "float32.onnx", model.SerializeToString())
    result = selftest(bundle)
    assert result.exit_code == 1
    assert "FAIL  float32.onnx with onnxruntime: largest difference of a score nan" in result.stdout
    monkeypatch.setattr(classifier_module, "_predict", lambda model, pixels: np.full(2, np.nan, np.float32))
    with pytest.raises(BackendError, match=r"scores that are not numbers.*selftest"):
        Classifier.open(bundle).classify(Image.new("RGB", (9, 9)))
