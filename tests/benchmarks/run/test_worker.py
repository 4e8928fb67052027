"""The process that is timed: its start, its answers, its memory, and that it imports what a device does."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.run.timing import Process

MODULE = "benchmarks.run.worker"
on_linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (640, 480), "red").save(path)
    return path


@pytest.fixture
def worker(float_bundle, picture):
    with Process(MODULE, float_bundle, "model.float32.tflite", "litert", 1, picture) as process:
        yield process


def ask(process, path):
    return process.ask(json.dumps(str(path)))


def test_the_start_is_told_in_parts(worker):
    """Proves that loading and the first inference are parts of the time from the start to the first line."""
    parts = [worker.ready["load_ms"], worker.ready["first_inference_ms"]]
    assert min(parts) > 0
    assert sum(parts) < worker.start_ms


def test_a_picture_has_three_times(worker, picture):
    """Proves that an answer is the milliseconds to decode, preprocess and infer, each time anew."""
    for _ in range(3):
        times = ask(worker, picture)
        assert len(times) == 3
        assert all(0 < value < 5000 for value in times)


def test_the_first_time_is_that_of_decoding(worker, tmp_path, picture):
    """Proves that a picture with twenty times the pixels takes longer to decode, many times over."""
    large = tmp_path / "large.png"
    Image.effect_noise((3000, 2000), 60).convert("RGB").save(large, compress_level=1)
    small = [ask(worker, picture) for _ in range(5)]
    found = ask(worker, large)
    assert found[0] > 5 * min(times[0] for times in small)
    assert found[2] < 100 * min(times[2] for times in small)


@on_linux
def test_memory_is_that_of_the_worker(worker):
    """Proves that steady and peak are in MiB, as the kernel says of that process and not of this one."""
    memory = worker.ask("memory")
    assert memory.keys() == {"steady_mib", "peak_mib"}
    assert 10 < memory["steady_mib"] <= memory["peak_mib"] < 400
    status = Path(f"/proc/{worker._process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if "VmHWM" in line)
    assert memory["peak_mib"] == pytest.approx(int(line.split()[1]) / 1024, rel=0.1)


def test_pictures_of_any_name_are_classified(worker, tmp_path, picture):
    """Proves that line breaks, quotes, other letters and the name of the other question do no harm."""
    names = ("a b.png", "a\nb.png", '"quoted".png', "memory", "ä.png", "\\.png", os.fsdecode(b"\xe4\xff.png"))
    for name in names:
        picture = picture.rename(tmp_path / name)
        assert len(ask(worker, picture)) == 3
        assert len(ask(worker, picture)) == 3


def test_a_relative_name_like_a_question_is_a_picture(float_bundle, tmp_path, picture, monkeypatch):
    """Proves that `memory` in JSON's quotes is a file, and without them the question for memory."""
    picture.rename(tmp_path / "memory")
    monkeypatch.chdir(tmp_path)
    with Process(MODULE, float_bundle, "model.float32.tflite", "litert", 1, "memory") as worker:
        assert len(ask(worker, "memory")) == 3


def test_a_picture_that_is_gone_is_its_last_words(worker, tmp_path):
    """Proves that a picture that cannot be read ends the worker with a message that names it."""
    with pytest.raises(BenchmarkError, match=r"gone\.png"):
        ask(worker, tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("file", "backend", "words"),
    [("model.int8.tflite", "litert", "int8"), ("model.float32.tflite", "onnxruntime", "onnxruntime")],
)
def test_a_file_that_cannot_be_opened_is_told(float_bundle, picture, file, backend, words):
    """Proves that what the bundle does not have is told before anything is timed."""
    with pytest.raises(BenchmarkError, match=words):
        Process(MODULE, float_bundle, file, backend, 1, picture)


def test_a_backend_that_is_not_installed_is_told(float_bundle, picture):
    """Proves that its library is named."""
    pytest.importorskip("ai_edge_litert")
    try:
        import tflite_runtime  # noqa: F401
    except ImportError:
        with pytest.raises(BenchmarkError, match="tflite_runtime"):
            Process(MODULE, float_bundle, "model.float32.tflite", "tflite-runtime", 1, picture)


def test_it_imports_what_a_device_imports(float_bundle, picture):
    """Proves that nothing that draws, trains or counts is loaded, so that its memory is a device's."""
    code = (
        f"import sys, {MODULE} as worker\n"
        f"worker.main({str(float_bundle)!r}, 'model.float32.tflite', 'litert', '1', {str(picture)!r})\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], input="", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {"numpy", "PIL", "ai_edge_litert"} <= loaded
    assert not loaded & {"tensorflow", "keras", "matplotlib", "scipy", "markdown", "click", "onnx", "onnxruntime"}


def test_a_second_file_of_a_precision_is_opened_itself(float_bundle, picture):
    """Proves that the file that is named is opened, not the first of its precision."""
    values = json.loads((float_bundle / "manifest.json").read_text())
    (float_bundle / "second.tflite").write_bytes(b"garbage")
    digest = hashlib.sha256(b"garbage").hexdigest()
    values["files"].append(values["files"][0] | {"path": "second.tflite", "size_bytes": 7, "sha256": digest})
    (float_bundle / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(BenchmarkError, match="does not load this file"):
        Process(MODULE, float_bundle, "second.tflite", "litert", 1, picture)
