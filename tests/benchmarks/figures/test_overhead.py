"""A library call against the bare interpreter."""

import pytest

from benchmarks.figures.overhead import measure_overhead
from edge_runtime.bundle import Precision
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
