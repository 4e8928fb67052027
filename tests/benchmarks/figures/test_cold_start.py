"""Whole processes: `catdog-edge` against the shortest script."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.figures.cold_start import int8_tflite, measure_cold_start
from edge_runtime.bundle import Precision, read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.errors import BundleError
from tests.benchmarks.conftest import write_bench_bundle

COMMAND = Path(sys.executable).with_name("catdog-edge")
NAMES = ["plain script", "catdog-edge classify", "import click", "catdog-edge --help"]


@pytest.fixture
def environment(tmp_path):
    """Return a Python that notes how it is called, with `catdog-edge` beside it, and the file of its notes."""
    if not COMMAND.exists():
        pytest.skip("catdog-edge is not installed beside this Python")
    folder = tmp_path / "bin"
    folder.mkdir()
    python, calls = folder / "python", tmp_path / "calls"
    python.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    command = folder / "catdog-edge"
    command.write_text(COMMAND.read_text())
    command.chmod(0o755)
    return python, calls


@pytest.fixture
def one_peak(monkeypatch):
    """Weigh each process once instead of five times."""
    monkeypatch.setattr("benchmarks.figures.cold_start._MEMORY_RUNS", 1)


@pytest.mark.usefixtures("one_peak")
def test_times_memory_and_ratios_of_both_sides(bench_bundle, pictures, environment, steps):
    """Proves that ratios are ours over theirs, round by round, and that all run with the Python that was named."""
    python, calls = environment
    found = measure_cold_start(bench_bundle, pictures / "1.jpg", python, rounds=2, report=steps)
    assert list(found["times"]) == NAMES
    assert {stats["count"] for stats in found["times"].values()} == {2}
    # The median of two ratios lies within the ratios of all pairs of times.
    for ratio, ours, theirs in (
        ("classify_time_ratio", "catdog-edge classify", "plain script"),
        ("help_time_ratio", "catdog-edge --help", "import click"),
    ):
        lows, highs = zip(*(found["times"][name]["median_interval_ms"] for name in (ours, theirs)), strict=True)
        assert lows[0] / highs[1] <= found[ratio] <= highs[0] / lows[1]
    memory = found["peak_memory_mib"]
    assert 10 < memory["plain script"] < 500
    assert found["classify_memory_ratio"] == memory["catdog-edge classify"] / memory["plain script"]
    assert steps == [(1, 2), (2, 2)]
    called = calls.read_text()
    assert called.count("plain_classify.py") == called.count(f"{python.with_name('catdog-edge')} classify") > 2
    assert f"--bundle {bench_bundle} --backend litert" in called


def test_an_environment_without_the_command_is_named(bench_bundle, pictures, tmp_path):
    """Proves that nothing is timed before the command is found beside the Python that was named."""
    with pytest.raises(BenchmarkError, match=r"bin/catdog-edge: not there\. .* or name another with --python"):
        measure_cold_start(bench_bundle, pictures / "1.jpg", tmp_path / "bin/python", rounds=2)


@pytest.mark.usefixtures("one_peak")
def test_a_command_that_fails_is_told_with_its_words(bench_bundle, environment, tmp_path):
    """Proves that a failing process is never taken for a fast one."""
    python, _ = environment
    with pytest.raises(BenchmarkError, match=r"plain_classify\.py .*none\.jpg: FileNotFoundError: .*none\.jpg'$"):
        measure_cold_start(bench_bundle, tmp_path / "none.jpg", python, rounds=2)


def test_a_missing_bundle_is_named(pictures, tmp_path):
    """Proves that a wrong folder is an error of the bundle."""
    with pytest.raises(BundleError, match=r"none: no manifest\.json there"):
        measure_cold_start(tmp_path / "none", pictures / "1.jpg", Path(sys.executable), rounds=2)


def test_the_int8_tflite_file_is_found_among_others():
    """Proves that of the shipped bundle's int8 files the TFLite one is taken."""
    bundle = read_bundle(PRETRAINED)
    path = int8_tflite(bundle)
    assert path == bundle.folder / "model.int8.tflite"
    assert path.read_bytes()[4:8] == b"TFL3"


def test_a_bundle_without_an_int8_file_names_the_option_that_makes_one(tmp_path, tflite_float32):
    """Proves that float32 is not compared in the place of int8."""
    folder = write_bench_bundle(tmp_path / "bundle", {Precision.FLOAT32: tflite_float32})
    with pytest.raises(BenchmarkError, match=r"no int8 TFLite file\. Export it with --quantize int8\."):
        int8_tflite(read_bundle(folder))


def test_the_ratio_is_the_median_of_the_rounds():
    """Proves that a disturbance that met both sides of a round does not change the ratio."""
    from benchmarks.figures.cold_start import _ratio

    theirs = np.array([10.0, 100.0, 12.0])
    assert _ratio(theirs * [1.1, 1.1, 1.5], theirs) == pytest.approx(1.1)


def test_figures_of_known_times_and_memory(bench_bundle, pictures, environment, monkeypatch):
    """Proves that each ratio is ours over theirs: of times round by round, of memory between the medians."""
    known = dict(zip(NAMES, map(np.array, ([10.0, 20.0], [30.0, 40.0], [5.0, 5.0], [10.0, 15.0])), strict=True))
    weights = iter([20.0, 24.0, 22.0, 33.0, 33.0, 30.0])
    monkeypatch.setattr("benchmarks.figures.cold_start.interleave", lambda tasks, **options: known)
    monkeypatch.setattr("benchmarks.figures.cold_start.peak_of_script_mib", lambda *arguments: next(weights))
    monkeypatch.setattr("benchmarks.figures.cold_start._MEMORY_RUNS", 3)
    found = measure_cold_start(bench_bundle, pictures / "1.jpg", environment[0], rounds=2)
    assert found["classify_time_ratio"] == 2.5  # of 3 and 2
    assert found["help_time_ratio"] == 2.5  # of 2 and 3
    assert found["peak_memory_mib"] == {"plain script": 22.0, "catdog-edge classify": 33.0}
    assert found["classify_memory_ratio"] == 1.5
