"""Inference alone: every file of several bundles in turns."""

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.figures import inference
from benchmarks.figures.inference import measure_inference
from benchmarks.run.timing import take_turns
from edge_runtime.backends import installed_backends
from edge_runtime.bundle import Precision, read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from tests.benchmarks.conftest import write_bench_bundle


@pytest.fixture
def without_pauses(monkeypatch):
    """Take the turns without the 30th of a second before each."""
    monkeypatch.setattr(
        inference, "take_turns", lambda tasks, **options: take_turns(tasks, **options | {"settle_s": 0.0})
    )


def test_every_file_is_timed_both_ways_as_often(bench_bundle, steps):
    """Proves that each file has as many first calls as second ones, with the pauses that a camera makes."""
    found = measure_inference([bench_bundle], threads=2, rounds=3, report=steps)
    assert list(found) == [f"{bench_bundle}/model.{name}.tflite litert" for name in ("float32", "int8")]
    for ways in found.values():
        assert list(ways) == ["paced", "steady"]
        assert {stats["count"] for stats in ways.values()} == {3}
        assert all(stats["median_ms"] > 0 for stats in ways.values())
    assert steps == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.usefixtures("without_pauses")
def test_several_bundles_take_turns(tmp_path, bench_bundle, tflite_int8):
    """Proves that files of the same name in two bundles stay apart."""
    second = write_bench_bundle(tmp_path / "second", {Precision.INT8: tflite_int8})
    found = measure_inference([bench_bundle, second], threads=1, rounds=2)
    assert len(found) == 3
    assert f"{second}/model.int8.tflite litert" in found


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.skipif("onnxruntime" not in installed_backends(), reason="needs ONNX Runtime")
def test_each_format_runs_with_a_backend_that_reads_it():
    """Proves that the shipped bundle's two files run with two backends."""
    folder = PRETRAINED
    found = measure_inference([folder], threads=1, rounds=2)
    names = {
        file.path: name.split()[-1] for name in found for file in read_bundle(folder).files if file.path in name
    }
    assert names == {"model.int8.tflite": "litert", "model.int8.onnx": "onnxruntime"}


def test_nothing_that_runs_is_an_error(bench_bundle, monkeypatch):
    """Proves that a machine without any backend is told where to look."""
    monkeypatch.setattr(inference, "installed_backends", lambda: ())
    with pytest.raises(BenchmarkError, match="See what is missing with: catdog-edge doctor"):
        measure_inference([bench_bundle], threads=1, rounds=2)


def test_figures_of_known_times(bench_bundle, monkeypatch):
    """Proves that the first call of a round is the one after the pause, and the second the steady one."""

    def turns(tasks, *, rounds, **options):
        assert options["settle_s"] == pytest.approx(1 / 30)
        for _ in range(rounds):
            yield dict.fromkeys(tasks, (4.0, 2.0))

    monkeypatch.setattr(inference, "take_turns", turns)
    for ways in measure_inference([bench_bundle], threads=1, rounds=3).values():
        assert {name: stats["median_ms"] for name, stats in ways.items()} == {"paced": 4.0, "steady": 2.0}
