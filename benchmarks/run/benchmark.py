"""Run a whole benchmark: time, memory and accuracy of every file of a bundle, and the state of this machine."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.run.accuracy import Scores, find_disagreements, judge_file, score_files
from benchmarks.run.conditions import machine, observe
from benchmarks.run.latency import STARTED, LatencySession, list_configurations, thread_sweep
from benchmarks.run.pictures import Pictures, find_pictures, load_all
from benchmarks.run.progress import Progress
from benchmarks.run.record import BenchmarkReport, Configuration, Measured
from benchmarks.run.validity import find_faults
from edge_runtime.bundle import Bundle, read_bundle
from edge_runtime.parallel import usable_cores
from edge_runtime.proof.gate import DEFAULT_MAX_DROP

PHASES = ("finding pictures", "reading pictures", "starting", "timing", "scoring")
_START_S = 0.4  # expected for one process, before any has started

Step = Callable[[str], Callable[[int, int], None]]  # takes a phase, gives its callback


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Args:
        rounds: timed pictures of each configuration, 10 or more.
        threads: numbers of inference threads to try. If empty, they are those of `thread_sweep`.
        pictures: pictures to score for the accuracy; 0 scores all.
    """

    rounds: int = 200
    threads: tuple[int, ...] = ()
    pictures: int = 0


def run_benchmark(folder: Path, data: Path, plan: Plan, progress: Progress) -> BenchmarkReport:
    """Measure a bundle. Ctrl-C ends the measurement; the report is then marked incomplete.

    Args:
        folder: the bundle's folder.
        data: a picture, or a folder of pictures.
        plan: how much to measure.
        progress: shows the phases of `PHASES`.

    Raises:
        BundleError: the bundle cannot be used.
        BenchmarkError: there are no pictures, or no file runs.
        KeyboardInterrupt: Ctrl-C came before anything was measured.
    """
    bundle = read_bundle(folder)
    configurations = list_configurations(bundle, plan.threads or thread_sweep())
    progress.expect("starting", _START_S * STARTED * len(configurations))
    with tempfile.TemporaryDirectory() as scratch, _stopped_between_steps(progress) as step:
        pixels = Path(scratch, "pixels.npy")
        found = find_pictures(data, bundle, most=plan.pictures, report=step(PHASES[0]))
        pictures = load_all(found, bundle.preprocessing, pixels, report=step(PHASES[1]))
        before = observe()
        session = LatencySession(bundle, configurations, pictures.paths[: plan.rounds])
        with session:
            timed = _until_stopped(lambda: _time(session, plan, pictures, progress, step))
        measured = session.measured()
        if not measured:
            raise KeyboardInterrupt
        scores: dict[Configuration, Scores] = {}
        once = _once_a_file(configurations, measured)
        try:
            scored = timed and _until_stopped(
                lambda: scores.update(score_files(folder, once, pixels, len(pictures), report=step(PHASES[4])))
            )
        except BenchmarkError as error:  # what is timed is kept
            scored = True
            session.left_out.append(("accuracy", str(error)))
        after = observe()
    kept = {item: scores[item] for item in once if item in scores}
    report = _report(bundle, plan, pictures, session, kept)
    faults = find_faults(before, after, measured)
    return replace(report, before=before, after=after, complete=timed and scored, invalid=faults)


def _time(session: LatencySession, plan: Plan, pictures: Pictures, progress: Progress, step: Step) -> None:
    round_s = session.start(step(PHASES[2]))
    progress.expect("timing", (round_s + session.pauses_s) * plan.rounds)
    # A picture is scored once per file; a round classifies it twice with each number of threads.
    sweep = len(plan.threads or thread_sweep())
    progress.expect("scoring", round_s / 2 / sweep * len(pictures) / usable_cores())
    try:
        session.time(plan.rounds, step(PHASES[3]))
    finally:
        session.weigh()


def _until_stopped(work: Callable[[], object]) -> bool:
    """Do the work. Return whether it was finished, or False if Ctrl-C stopped it."""
    try:
        work()
    except KeyboardInterrupt:
        return False
    return True


@contextmanager
def _stopped_between_steps(progress: Progress) -> Iterator[Step]:
    """Give a function that makes the callback of a phase. After Ctrl-C the next call of a callback raises.

    So every process has answered its last question before the measurement ends.
    """
    stopped = Event()

    def stop(*_: object) -> None:
        if stopped.is_set():  # a second Ctrl-C raises at once
            raise KeyboardInterrupt
        stopped.set()

    def step(phase: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            progress.step(phase, done, total)
            if stopped.is_set():
                raise KeyboardInterrupt

        return report

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield step
    finally:
        signal.signal(signal.SIGINT, before)


def _once_a_file(
    configurations: tuple[Configuration, ...], measured: tuple[Measured, ...]
) -> tuple[Configuration, ...]:
    """Return the first measured configuration of each file and backend. The threads do not change the answers."""
    timed = {item.configuration for item in measured}
    first: dict[tuple[str, str], Configuration] = {}
    for item in configurations:
        if item in timed:
            first.setdefault(item.file_and_backend, item)
    return tuple(first.values())


def _report(
    bundle: Bundle,
    plan: Plan,
    pictures: Pictures,
    session: LatencySession,
    scores: dict[Configuration, Scores],
) -> BenchmarkReport:
    gates = {file.path: file.drift["gate"] for file in bundle.files if "gate" in file.drift}
    max_drop = min((float(gate["max_drop"]) for gate in gates.values()), default=DEFAULT_MAX_DROP)
    named = {f"{item.file} {item.backend}": values for item, values in scores.items()}
    return BenchmarkReport(
        bundle=bundle.name,
        labels=bundle.labels,
        max_drop=max_drop,
        machine=machine(),
        rounds=plan.rounds,
        pictures=_described(pictures, plan.rounds),
        measured=session.measured(),
        accuracy=tuple(
            judge_file(item, values, pictures, labels=bundle.labels, max_drop=max_drop)
            for item, values in scores.items()
        ),
        manifest_gates={path: str(gate["state"]) for path, gate in gates.items()},
        disagreements=find_disagreements(named, pictures, bundle.labels),
        left_out=(*session.left_out, *((item.path, item.reason) for item in pictures.left_out)),
    )


def _described(pictures: Pictures, rounds: int) -> dict[str, Any]:
    timed = pictures.keep(np.arange(min(rounds, len(pictures))))
    targets = None if pictures.targets is None else pictures.targets.tolist()
    return {
        "count": len(pictures),
        "source": pictures.source,
        "with_keras_scores": pictures.keras is not None,
        "sha256": pictures.digest,
        "timed_sha256": timed.digest,
        "targets": targets,
    }
