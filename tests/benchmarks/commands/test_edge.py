"""`catdog-bench edge ...`: each command passes on what was typed, and prints one JSON object on standard output."""

import json
import sys

import pytest

from edge_runtime.bundle.folder import PRETRAINED
from tests.benchmarks.conftest import bench, write_pictures


def edge(*arguments):
    """Run a command and return its JSON object."""
    done = bench("edge", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_overhead(bench_bundle):
    """Proves that `--rounds` reaches the measurement, and that ratio and times are printed."""
    found = edge("overhead", "--bundle", bench_bundle, "--rounds", 20)
    assert {stats["count"] for stats in found["times"].values()} == {20}
    assert found["ratio"] > 0


def test_inference_of_two_bundles_given_by_both_names(bench_bundle):
    """Proves that `--bundle` may be repeated, and that the old name does the same."""
    found = edge("inference", "--bundle", bench_bundle, "--model", PRETRAINED, "--threads", 2, "--rounds", 2)
    assert f"{bench_bundle}/model.int8.tflite litert" in found
    assert f"{PRETRAINED}/model.int8.tflite litert" in found
    assert {stats["count"] for ways in found.values() for stats in ways.values()} == {2}


def test_throughput(bench_bundle, tmp_path):
    """Proves that `--pictures` is the length of the long run."""
    data = write_pictures(tmp_path / "pictures", 3)
    found = edge("throughput", "--bundle", bench_bundle, "--data", data, "--rounds", 2, "--pictures", 7)
    assert found["pictures"] == 3
    assert list(found["memory_mib"]) == ["3", "7"]


def test_soak(bench_bundle, tmp_path):
    """Proves that `--count` and `--backend` reach the measurement."""
    data = write_pictures(tmp_path / "pictures", 2)
    found = edge("soak", "--bundle", bench_bundle, "--data", data, "--count", 1100, "--backend", "litert")
    assert (found["classifications"], found["file"]) == (1100, "model.int8.tflite")


def test_watch(bench_bundle):
    """Proves that the video is watched and decoded as long and as often as was asked for."""
    pytest.importorskip("av")
    found = edge("watch", "--bundle", bench_bundle, "--seconds", 1, "--rounds", 2)
    assert found["watch"]["full speed"]["classified"] == 30
    assert found["decode_ms_a_frame"]["PyAV"]["count"] == 2


def test_decoders():
    """Proves that the figures are printed by format."""
    found = edge("decoders", "--side", 300)
    assert set(found) == {"bytes_a_pixel"}
    assert {"PNG", "WEBP"} <= set(found["bytes_a_pixel"])


def test_cold_start_wants_a_python_with_the_command(bench_bundle, tmp_path):
    """Proves that `--python` is the environment that is measured."""
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    done = bench("edge", "cold-start", "--bundle", bench_bundle, "--picture", "x.jpg", "--python", python)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{tmp_path / 'catdog-edge'}: not there." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "function", "asked"),
    [
        ("overhead --bundle b --rounds 7", "overhead.measure_overhead", (["b"], {"rounds": 7})),
        (
            "inference --bundle a --bundle b --threads 3 --rounds 7",
            "inference.measure_inference",
            (["a b"], {"threads": 3, "rounds": 7}),
        ),
        (
            "throughput --bundle b --data d --rounds 7 --pictures 9",
            "throughput.measure_throughput",
            (["b", "d"], {"rounds": 7, "pictures": 9}),
        ),
        (
            "soak --bundle b --data d --backend litert --count 1001",
            "soak.soak",
            (["b", "d", "litert"], {"count": 1001}),
        ),
        ("decoders --side 200", "decoders.measure_decoders_memory", ([], {"side": 200})),
        (
            f"cold-start --bundle b --picture p --python {sys.executable} --rounds 7",
            "cold_start.measure_cold_start",
            (["b", "p", sys.executable], {"rounds": 7}),
        ),
    ],
)
def test_every_option_reaches_the_measurement(monkeypatch, arguments, function, asked):
    """Proves that no command drops an option or takes one for another: the measurement gets what was typed."""
    calls = []

    def measure(*values, report=None, **options):
        words = [" ".join(map(str, value)) if isinstance(value, tuple) else str(value) for value in values]
        calls.append((words, options))
        return {}

    monkeypatch.setattr(f"benchmarks.figures.{function}", measure)
    edge(*arguments.split())
    assert calls == [asked]


@pytest.mark.parametrize(
    "arguments",
    [
        ("overhead",),
        ("inference",),
        ("throughput", "--data", "x"),
        ("soak", "--data", "x"),
        ("watch",),
        ("cold-start", "--picture", "x"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_bundle_must_be_named(arguments):
    """Proves that the figures of the documentation are never those of a bundle that happened to be the newest."""
    done = bench("edge", *arguments)
    assert done.exit_code == 2
    assert "Missing option '--bundle'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("soak", "--bundle", "x", "--data", "x", "--count", 1000), "--count"),
        (("overhead", "--bundle", "x", "--rounds", 1), "--rounds"),
        (("inference", "--bundle", "x", "--threads", 0), "--threads"),
        (("decoders", "--side", 99), "--side"),
        (("watch", "--bundle", "x", "--backend", "tensorflow"), "--backend"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_out_of_range_are_wrong_use(arguments, option):
    """Proves that what cannot be measured is refused at once with exit code 2, and the option named."""
    done = bench("edge", *arguments)
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr


@pytest.mark.parametrize("command", ["overhead", "inference", "watch"])
def test_a_missing_bundle_is_one_line(tmp_path, command):
    """Proves that a wrong folder ends in one line that names it, after whatever progress was shown."""
    if command == "watch":
        pytest.importorskip("av")
    done = bench("edge", command, "--bundle", tmp_path / "none")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path / 'none'}: no manifest.json there.")
