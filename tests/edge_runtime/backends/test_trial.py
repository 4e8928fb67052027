"""Files that end their process or never end are tried in a process of their own, and the answer says which."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.backends.selection import open_file
from edge_runtime.backends.trial import Outcome, try_file
from edge_runtime.bundle import MANIFEST, read_bundle
from edge_runtime.bundle.scores import label_scores
from edge_runtime.child_process import module_command
from tests.edge_runtime.damaged import CRASHING, crashing_bundle, endless_onnx

NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)


def test_scores_are_those_of_this_process(both_bundle: Path) -> None:
    """Proves that a file that runs gives the scores of every picture, to the bit."""
    bundle = read_bundle(both_bundle)
    for file in bundle.files:
        backend = "litert" if file.format == "tflite" else "onnxruntime"
        model = open_file(bundle, file, backend, 1).model
        trial = try_file(bundle, file, backend, [NOISE, 255 - NOISE])
        assert trial.outcome is Outcome.RAN
        expected = [label_scores(model.predict(pixels)).tolist() for pixels in (NOISE, 255 - NOISE)]
        assert [list(scores) for scores in trial.scores] == expected
        assert try_file(bundle, file, backend) == (Outcome.RAN, (), "")


def test_a_file_that_ends_its_process_is_told(tmp_path: Path) -> None:
    """Proves that a damaged file with a right hash ends its own process only, and that the signal is named."""
    bundle = read_bundle(crashing_bundle(tmp_path / "bundle"))
    trial = try_file(bundle, bundle.file(CRASHING), "litert")
    assert trial == (Outcome.ENDED, (), "ended by signal 11 (SIGSEGV)")


def test_a_file_that_never_ends_is_ended(write_bundle: Callable[..., Path]) -> None:
    """Proves that an endless loop is stopped after the time that it was given."""
    bundle = read_bundle(write_bundle({"float32.onnx": endless_onnx()}))
    start = time.monotonic()
    trial = try_file(bundle, bundle.files[0], "onnxruntime", [NOISE], timeout_s=5)
    assert trial == (Outcome.ENDED, (), "did not end within 5 s")
    assert time.monotonic() - start < 30


def test_an_endless_process_without_a_parent_ends(write_bundle: Callable[..., Path]) -> None:
    """Proves that a child that nobody waits for any more ends itself, in native code too."""
    folder = write_bundle({"float32.onnx": endless_onnx()})
    task = {"folder": str(folder), "file": "float32.onnx", "backend": "onnxruntime", "pictures": 1, "timeout_s": 4}
    command = module_command("edge_runtime.backends.trial")
    done = subprocess.run(
        command, input=json.dumps(task).encode() + b"\n" + NOISE.tobytes(), capture_output=True, timeout=60
    )
    assert done.returncode == -14


def test_what_does_not_load_and_what_does_not_fit_are_told_apart(
    write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes]
) -> None:
    """Proves that a file that its backend refuses and one that is not the exported one have their reasons."""
    folder = write_bundle({"int8.onnx": b"other", "float32.onnx": onnx_file("sigmoid")})
    bundle = read_bundle(folder)
    trial = try_file(bundle, bundle.file("int8.onnx"), "onnxruntime")
    assert trial.outcome is Outcome.REFUSED
    assert "onnxruntime does not load this file" in trial.reason
    (folder / "float32.onnx").write_bytes(b"changed")
    trial = try_file(bundle, bundle.file("float32.onnx"), "onnxruntime")
    assert trial.outcome is Outcome.MISFIT
    assert "not the file that was exported" in trial.reason
    (folder / MANIFEST).write_text("{")
    assert try_file(bundle, bundle.file("int8.onnx"), "onnxruntime").outcome is Outcome.MISFIT


def test_a_folder_of_any_name_is_found(both_bundle: Path) -> None:
    """Proves that a folder whose name is no UTF-8 reaches the child."""
    moved = both_bundle.rename(both_bundle.parent / os.fsdecode(b"b\xff\n c"))
    bundle = read_bundle(moved)
    assert try_file(bundle, bundle.file("int8.tflite"), "litert").outcome is Outcome.RAN


def test_no_process_at_all_is_a_reason(both_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a machine that starts no process, as with a limit of them, is told in words."""
    monkeypatch.setattr(sys, "executable", str(both_bundle / "no such python"))
    bundle = read_bundle(both_bundle)
    trial = try_file(bundle, bundle.files[0], "onnxruntime")
    assert trial == (Outcome.ENDED, (), "no process could be started for it (No such file or directory)")


def test_no_second_thread_is_needed(both_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a file is opened where no other thread can be started to read it."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    bundle = read_bundle(both_bundle)
    assert open_file(bundle, bundle.file("int8.tflite"), "litert", 1).file.path == "int8.tflite"
