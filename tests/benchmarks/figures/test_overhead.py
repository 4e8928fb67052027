"""A library call against the bare interpreter."""

import numpy as np
import pytest

from benchmarks.figures.overhead import measure_overhead
from edge_runtime.bundle import Precision, read_bundle
from edge_runtime.errors import BackendError
from tests.benchmarks.conftest import write_bench_bundle


def test_ratio_is_that_of_the_medians(bench_bundle, steps):
    """Proves that both sides ran as often, that the ratio is ours over theirs, and that every round is reported."""
    found = measure_overhead(bench_bundle, rounds=20, report=steps)
    times = found["times"]
    assert list(times) == ["bare interpreter", "classify"]
    assert {stats["count"] for stats in times.values()} == {20}
    assert found["ratio"] == times["classify"]["median_ms"] / times["bare interpreter"]["median_ms"]
    assert steps == [(done, 20) for done in range(1, 21)]


def test_the_library_does_more_than_the_bare_interpreter(bench_bundle):
    """Proves that the sides are not mixed up: on 16 x 16 pixels the call costs more than the inference."""
    found = measure_overhead(bench_bundle, rounds=50)
    assert found["ratio"] > 1.2


def test_a_bundle_without_an_int8_file_is_refused(tmp_path, tflite_float32):
    """Proves that float32 is not measured in the place of int8."""
    bundle = write_bench_bundle(tmp_path / "bundle", {Precision.FLOAT32: tflite_float32})
    with pytest.raises(BackendError, match="the bundle has no int8 file for backend litert"):
        measure_overhead(bundle, rounds=2)


def test_ratio_of_known_times(bench_bundle, monkeypatch):
    """Proves that 3 ms of ours over 2 ms of the bare interpreter are a ratio of 1.5."""
    known = {"bare interpreter": np.array([2.0, 2.0, 9.0]), "classify": np.array([3.0, 3.0, 3.0])}
    monkeypatch.setattr("benchmarks.figures.overhead.interleave", lambda tasks, **options: known)
    assert measure_overhead(bench_bundle, rounds=3)["ratio"] == 1.5


def test_both_sides_run_the_same_file_on_the_same_pixels(bench_bundle, monkeypatch):
    """Proves that the comparison is fair: the bare outputs, scaled, are the library's score."""
    tasks = {}
    known = {"bare interpreter": np.ones(2), "classify": np.ones(2)}
    monkeypatch.setattr(
        "benchmarks.figures.overhead.interleave", lambda given, **options: tasks.update(given) or known
    )
    measure_overhead(bench_bundle, rounds=2)
    (file,) = [file for file in read_bundle(bench_bundle).files if file.precision == Precision.INT8]
    bare = (float(tasks["bare interpreter"]()[0]) - file.output.zero_point) * file.output.scale
    assert tasks["classify"]().scores["red"] == pytest.approx(bare)
