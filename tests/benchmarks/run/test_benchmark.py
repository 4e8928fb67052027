"""Whole runs on small real bundles: finished, stopped in each phase, and with what goes wrong on the way."""

import io
import json
import os
import signal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.run import benchmark, latency
from benchmarks.run.benchmark import PHASES, Plan, run_benchmark
from benchmarks.run.progress import Progress
from benchmarks.run.record import BenchmarkReport, to_json
from edge_runtime.bundle import Precision
from edge_runtime.errors import BundleError
from tests.benchmarks.conftest import add_keras_scores, pictures_of, write_bench_bundle, write_pictures
from tests.benchmarks.records import measured, one_way, timed

PLAN = Plan(rounds=10, threads=(1,))


class Watched(Progress):
    """Progress that does something when a phase reaches a step, and keeps what it was told."""

    def __init__(self, actions=()):
        super().__init__(io.StringIO(), PHASES)
        self.actions = dict(actions)
        self.told = []
        self.expected = {}

    def expect(self, phase, seconds):
        self.expected[phase] = seconds
        super().expect(phase, seconds)

    def step(self, phase, done, total):
        self.told.append((phase, done, total))
        super().step(phase, done, total)
        action = self.actions.pop((phase, done), None)
        if action:
            action()


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True, scope="module")
def few_starts():
    """Start each process twice; how often is not what these tests are about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "STARTED", 2)
        patch.setattr(benchmark, "STARTED", 2)
        yield


class Finished(NamedTuple):
    """A run that came to its end: its report, what it told, its bundle and its pictures."""

    report: BenchmarkReport
    progress: Watched
    bundle: Path
    pictures: Path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, few_starts, tflite_float32, tflite_int8):
    """A run of two files that an export has judged, on test pictures of which two have odd names."""
    folder = tmp_path_factory.mktemp("finished")
    bundle = write_bench_bundle(folder / "bundle", {Precision.FLOAT32: tflite_float32, Precision.INT8: tflite_int8})
    manifest = json.loads((bundle / "manifest.json").read_text())
    for file, (state, max_drop) in zip(manifest["files"], (("passed", 0.03), ("failed", 0.02)), strict=True):
        file["drift"] = {"gate": {"state": state, "max_drop": max_drop, "pictures_needed": 0}}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    pictures = write_pictures(folder / "pictures")
    add_keras_scores(bundle, pictures)
    for path, name in zip(
        sorted((pictures / "red").iterdir()), ("a\nb.png", os.fsdecode(b"\xe4.png")), strict=False
    ):
        path.rename(path.with_name(name))
    progress = Watched()
    return Finished(run_benchmark(bundle, pictures, PLAN, progress), progress, bundle, pictures)


def test_a_finished_run(finished):
    """Proves that every file is timed and scored, and that pictures of any name go all the way."""
    report = finished.report
    assert report.complete
    assert (report.rounds, report.bundle, report.labels) == (10, "bundle", ("blue", "red"))
    assert [item.rounds for item in report.measured] == [10, 10]
    assert [item.accuracy for item in report.accuracy] == [1, 1]
    assert {item.file for item in report.accuracy} == {item.configuration.file for item in report.measured}
    assert all(item.drift["pictures"] == 12 for item in report.accuracy)
    assert report.disagreements == ()
    assert report.left_out == ()


def test_a_finished_run_can_be_written(finished):
    """Proves that the report is JSON, and reads back as the same but for the decimals of times."""
    report = BenchmarkReport.from_dict(json.loads(to_json(finished.report)))
    assert report.pictures == finished.report.pictures
    assert report.accuracy == finished.report.accuracy
    assert to_json(report) == to_json(BenchmarkReport.from_dict(json.loads(to_json(report))))


def test_phases_come_in_order_to_their_end(finished):
    """Proves that each phase is told from its beginning to its last step, and that each has its expected time."""
    told = finished.progress.told
    assert list(dict.fromkeys(phase for phase, *_ in told)) == list(PHASES)
    for phase in ("finding pictures", "reading pictures", "timing", "scoring"):
        *_, (_, done, total) = (step for step in told if step[0] == phase)
        assert done == total
    assert finished.progress.expected.keys() == {"starting", "timing", "scoring"}
    assert all(seconds > 0 for seconds in finished.progress.expected.values())


def test_the_pictures_of_a_run_are_described(finished):
    """Proves that number, source and labels are told, and hashes of all and of those that were timed."""
    found = finished.report.pictures
    expected = pictures_of(finished.pictures, finished.bundle)
    assert (found["count"], found["with_keras_scores"]) == (12, True)
    assert found["targets"] == expected.targets.tolist()
    assert found["sha256"] == expected.digest
    assert found["timed_sha256"] == expected.keep(np.arange(10)).digest


def test_the_gates_of_the_export_travel_with_the_report(finished):
    """Proves that each file's verdict is there, and the smallest drop that any of them allowed judges here too."""
    report = finished.report
    assert report.manifest_gates == {"model.float32.tflite": "passed", "model.int8.tflite": "failed"}
    assert report.max_drop == 0.02
    assert {item.gate["max_drop"] for item in report.accuracy} == {0.02}


def test_fewer_pictures_than_rounds_are_timed_again(float_bundle, pictures):
    """Proves that three pictures serve ten rounds; the hash of the timed ones is that of all."""
    report = run_benchmark(float_bundle, pictures, Plan(10, (1,), pictures=3), Watched())
    assert report.pictures["count"] == 3
    assert report.pictures["sha256"] == report.pictures["timed_sha256"]
    assert report.measured[0].rounds == 10
    assert len(report.accuracy[0].answers) == 3


@pytest.mark.parametrize("phase", ["finding pictures", "reading pictures", "starting"])
def test_stopped_before_anything_is_measured(float_bundle, pictures, phase):
    """Proves that nothing to write is told by a KeyboardInterrupt, and that Ctrl-C is afterwards what it was."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(float_bundle, pictures, PLAN, Watched({(phase, 1): ctrl_c}))
    assert signal.getsignal(signal.SIGINT) is before


def test_stopped_while_timing(float_bundle, pictures):
    """Proves that after four rounds there is a report of four, with memory, incomplete and without accuracy."""
    report = run_benchmark(float_bundle, pictures, Plan(1000, (1,)), Watched({("timing", 4): ctrl_c}))
    (item,) = report.measured
    assert (item.rounds, report.rounds, report.complete) == (4, 1000, False)
    assert item.steady_mib > 10
    assert (report.accuracy, report.disagreements) == ((), ())


def test_stopped_twice_while_timing(float_bundle, pictures):
    """Proves that the second Ctrl-C, which does not wait, loses nothing of what is measured."""

    def twice():
        ctrl_c()
        ctrl_c()

    report = run_benchmark(float_bundle, pictures, Plan(1000, (1,)), Watched({("timing", 4): twice}))
    assert not report.complete
    assert 3 <= report.measured[0].rounds <= 4


def test_stopped_while_scoring(float_bundle, pictures):
    """Proves that all rounds are there, the accuracy is not, and the report is marked incomplete."""
    report = run_benchmark(float_bundle, pictures, PLAN, Watched({("scoring", 0): ctrl_c}))
    assert report.measured[0].rounds == 10
    assert (report.accuracy, report.complete) == ((), False)


def test_a_file_that_cannot_be_scored_does_not_cost_the_times(bench_bundle, pictures):
    """Proves that a file damaged after it was timed is told among what was left out, and the other is scored."""
    damaged = bench_bundle / "model.int8.tflite"
    report = run_benchmark(
        bench_bundle, pictures, PLAN, Watched({("timing", 10): lambda: damaged.write_bytes(b"x")})
    )
    assert len(report.measured) == 2
    assert [item.file for item in report.accuracy] == ["model.float32.tflite"]
    ((name, reason),) = report.left_out
    assert name == "accuracy"
    assert "model.int8.tflite" in reason


def test_what_cannot_be_measured_is_told_before_anything_starts(float_bundle, pictures, tmp_path):
    """Proves that no bundle and no pictures are errors with the folder's name."""
    with pytest.raises(BundleError, match="nothing"):
        run_benchmark(tmp_path / "nothing", pictures, PLAN, Watched())
    with pytest.raises(BenchmarkError, match="nothing"):
        run_benchmark(float_bundle, tmp_path / "nothing", PLAN, Watched())


def test_each_file_is_scored_once_in_the_order_of_the_bundle():
    """Proves that whichever number of threads was fastest, files come in the order in which they were listed."""
    ways = tuple(one_way(precision, threads) for threads in (1, 2) for precision in ("int8", "float32"))
    items = [timed(way, [5.0 - way.threads] * 4) for way in reversed(ways)]
    assert benchmark._once_a_file(ways, tuple(items)) == ways[:2]
    without_first = tuple(item for item in items if item.configuration != ways[0])
    assert benchmark._once_a_file(ways, without_first) == (ways[1], ways[2])
    assert benchmark._once_a_file(ways, (measured("float16", 3),)) == ()
