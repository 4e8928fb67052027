"""Files to labels: ours against the loop that a user would write."""

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.figures import throughput
from benchmarks.figures.throughput import measure_throughput


def test_times_are_for_each_picture(bench_bundle, pictures, steps):
    """Proves that each way ran as often, that ratios are plain over ours, and that both runs are weighed."""
    found = measure_throughput(bench_bundle, pictures, rounds=3, pictures=40, report=steps)
    each = found["ms_a_picture"]
    assert found["pictures"] == 4
    assert list(each) == ["plain loop", "classify_many", "classify_many, auto"]
    assert {stats["count"] for stats in each.values()} == {3}
    plain = each["plain loop"]["median_ms"]
    assert found["ratio"] == plain / each["classify_many"]["median_ms"]
    assert found["auto"]["ratio"] == plain / each["classify_many, auto"]["median_ms"]
    assert found["auto"]["file"] == "model.int8.tflite"
    assert list(found["memory_mib"]) == ["4", "40"]
    assert all(memory_mib > 10 for memory_mib in found["memory_mib"].values())
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_a_damaged_picture_ends_the_comparison(bench_bundle, pictures):
    """Proves that a picture which only we survive does not make us look faster, and is named."""
    (pictures / "4.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(BenchmarkError, match=r"4\.jpg: .* Remove the picture"):
        measure_throughput(bench_bundle, pictures, rounds=2, pictures=4)


def test_an_empty_folder_is_named(bench_bundle, tmp_path):
    """Proves that a folder without pictures is one clear error."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BenchmarkError, match="empty: no picture there"):
        measure_throughput(bench_bundle, empty, rounds=2, pictures=4)


def test_figures_of_known_times(bench_bundle, pictures, monkeypatch):
    """Proves that 8 ms over four pictures are 2 ms a picture, and that a ratio above 1 says we are faster."""
    passes = {"plain loop": [8.0, 8.0], "classify_many": [4.0, 4.0], "classify_many, auto": [2.0, 2.0]}
    known = {name: np.array(times) for name, times in passes.items()}
    monkeypatch.setattr(throughput, "interleave", lambda tasks, **options: known)
    found = measure_throughput(bench_bundle, pictures, rounds=2, pictures=4)
    medians = {name: stats["median_ms"] for name, stats in found["ms_a_picture"].items()}
    assert medians == {"plain loop": 2.0, "classify_many": 1.0, "classify_many, auto": 0.5}
    assert (found["ratio"], found["auto"]["ratio"]) == (2.0, 4.0)
