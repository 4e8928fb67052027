"""`catdog-bench edge ...`: each command measures both sides on small real files and prints its ratios."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.cli import main
from benchmarks.run.memory import memory_mib, peak_of_script_mib


@pytest.fixture
def pictures(tmp_path):
    """A folder with four pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(4):
        Image.new("RGB", (60, 40), (60 * index, 0, 90)).save(folder / f"{index}.jpg")
    return folder


def edge(*arguments):
    """Run a command in this process and return its JSON object."""
    done = CliRunner().invoke(main, ["edge", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_overhead(bench_bundle):
    """The ratio is that of the two medians, and both sides ran as often."""
    result = edge("overhead", "--model", bench_bundle, "--rounds", 20)
    medians = {name: stats["median_ms"] for name, stats in result["times"].items()}
    assert result["ratio"] == medians["classify"] / medians["bare interpreter"]
    assert {stats["count"] for stats in result["times"].values()} == {20}


def test_throughput(bench_bundle, pictures):
    """Times are for each picture, and memory is there for the folder and for the long run."""
    result = edge("throughput", "--model", bench_bundle, "--data", pictures, "--rounds", 2, "--pictures", 40)
    assert result["pictures"] == 4
    assert result["ratio"] > 0
    assert result["auto"]["ratio"] > 0
    assert result["auto"]["file"].endswith((".tflite", ".onnx"))
    assert list(result["memory_mib"]) == ["4", "40"]


def test_soak(bench_bundle, pictures):
    """Files, bytes and broken bytes are classified in turns, and the memory is sampled to the end."""
    result = edge("soak", "--model", bench_bundle, "--data", pictures, "--count", 2000)
    assert result["errors"] == 400  # two of every ten
    assert result["samples"][0][0] == 1000
    assert result["samples"][-1][0] == 2000
    assert abs(result["growth"]) < 0.2


def test_watch(bench_bundle):
    """A video plays in its own time and then at full speed, and PyAV's decoding is timed."""
    pytest.importorskip("av")
    result = edge("watch", "--model", bench_bundle, "--seconds", 1, "--rounds", 2)
    assert result["watch"]["full speed"]["classified"] == 30
    assert 5 < result["watch"]["own time"]["fps"] < 35  # 30, on a machine with nothing else to do
    assert result["decode_ms_a_frame"]["PyAV"]["count"] == 2


def test_cold_start(bench_bundle, pictures):
    """Whole processes are timed and weighed, ours through its console script."""
    if not Path(sys.executable).with_name("catdog-edge").exists():
        pytest.skip("catdog-edge is not installed beside this Python")
    result = edge("cold-start", "--model", bench_bundle, "--picture", pictures / "1.jpg", "--rounds", 2)
    assert result["classify_time_ratio"] > 0.5
    assert 10 < result["peak_memory_mib"]["plain script"] < 500
    assert 0.8 < result["classify_memory_ratio"] < 2


def test_cold_start_of_another_environment(bench_bundle, pictures, tmp_path):
    """All commands run with the Python that is named and with the command beside it."""
    command = Path(sys.executable).with_name("catdog-edge")
    if not command.exists():
        pytest.skip("catdog-edge is not installed beside this Python")
    python, calls = tmp_path / "python", tmp_path / "calls"
    python.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    arguments = ["cold-start", "--model", bench_bundle, "--picture", pictures / "1.jpg", "--python", python]
    done = CliRunner().invoke(main, ["edge", *map(str, arguments)])
    assert done.exit_code == 1
    assert f"{tmp_path / 'catdog-edge'}: not there." in done.stderr
    (tmp_path / "catdog-edge").write_text(command.read_text())
    assert set(edge(*arguments, "--rounds", 2)["times"]) >= {"plain script", "catdog-edge classify"}
    called = calls.read_text()
    assert called.count("plain_classify.py") == called.count(f"{tmp_path}/catdog-edge classify") > 2


def test_inference(bench_bundle):
    """Every file that a backend here loads is timed both ways as often."""
    result = edge("inference", "--model", bench_bundle, "--threads", 2, "--rounds", 3)
    assert f"{bench_bundle}/model.int8.tflite litert" in result
    assert all(set(ways) == {"paced", "steady"} for ways in result.values())
    assert {stats["count"] for ways in result.values() for stats in ways.values()} == {3}


def test_bundle_without_an_int8_file_is_one_line(tmp_path, bench_bundle):
    """What cannot be compared is said in one line with the option that makes it."""
    manifest = bench_bundle / "manifest.json"
    values = json.loads(manifest.read_text())
    values["files"] = values["files"][:1]
    manifest.write_text(json.dumps(values))
    done = CliRunner().invoke(main, ["edge", "cold-start", "--model", str(bench_bundle), "--picture", "x.jpg"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].endswith("Export with --quantize int8.")


def test_peak_of_a_script_is_its_own(tmp_path):
    """A script that takes 100 MiB is seen to, and this process's memory does not count for it."""
    script = tmp_path / "script.py"
    script.write_text("import sys\ncontent = b'x' * (int(sys.argv[1]) * 2**20)\n")
    small, large = (peak_of_script_mib(Path(sys.executable), script, size) for size in ("1", "101"))
    assert large - small == pytest.approx(100, abs=5)
    assert small < 60
    assert memory_mib("VmHWM") >= memory_mib()


def test_decoders_memory():
    """Every format is read and weighed, and those with a lower limit do take more."""
    weights = edge("decoders", "--side", 1500)["bytes_a_pixel"]
    assert weights["WEBP"] > 8
    assert weights["JPEG2000"] > 8
    assert all(weight > 0 for weight in weights.values())
