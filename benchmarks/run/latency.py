"""Measure time and memory of every file of a bundle with every installed backend, each in its own process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple, Self

from benchmarks.errors import BenchmarkError
from benchmarks.run.conditions import available_memory_mib
from benchmarks.run.record import STAGES, STARTS, Configuration, Measured
from benchmarks.run.timing import SETTLE_S, Process, take_turns
from edge_runtime.backends.selection import candidates
from edge_runtime.bundle import Bundle
from edge_runtime.parallel import usable_cores

STARTED = 5  # processes of each configuration whose start is timed
WARM_UP = 3  # rounds
_SHARE_OF_MEMORY = 0.8  # of the available memory, that one more process may take

Report = Callable[[int, int], None]


def thread_sweep() -> tuple[int, ...]:
    """Return 1, 2 and 4 up to the number of cores, and the number of cores."""
    cores = usable_cores()
    return tuple(sorted({count for count in (1, 2, 4) if count <= cores} | {cores}))


def list_configurations(bundle: Bundle, threads: tuple[int, ...]) -> tuple[Configuration, ...]:
    """Return every file with every installed backend of its format, at each number of threads."""
    return tuple(
        Configuration(file.path, str(file.format), str(file.precision), backend, count)
        for count in threads
        for file, backend in candidates(bundle)
    )


class _Candidate(NamedTuple):
    """A configuration that is being measured: its samples so far, and its memory."""

    configuration: Configuration
    starts_ms: dict[str, list[float]]
    stages_ms: dict[str, list[float]]
    memory_mib: dict[str, float]


class LatencySession:
    """Measures step by step, so that a stopped run keeps its samples.

    Args:
        bundle: the bundle.
        configurations: what to measure.
        paths: pictures to classify. Each round takes the next one, the same for all configurations.

    Attributes:
        left_out: the name of each configuration that could not be measured, and why.
    """

    def __init__(self, bundle: Bundle, configurations: tuple[Configuration, ...], paths: tuple[Path, ...]) -> None:
        """Start with nothing measured."""
        self._folder = bundle.folder
        self._sizes = {file.path: file.size_bytes for file in bundle.files}
        self._paths = paths
        self._candidates = {
            item.name: _Candidate(item, {name: [] for name in STARTS}, {name: [] for name in STAGES}, {})
            for item in configurations
        }
        self._processes: dict[str, Process] = {}
        self._stack = ExitStack()
        self.left_out: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        """Return the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes."""
        self._stack.close()

    @property
    def pauses_s(self) -> float:
        """Pauses of one round, seconds."""
        return SETTLE_S * len(self._candidates)

    def start(self, report: Report) -> float:
        """Start each configuration's process `STARTED` times in turns, and keep the last one of each.

        Args:
            report: called with the starts done and the total.

        Returns:
            The expected time of one round without its pauses, seconds.

        Raises:
            BenchmarkError: no process starts.
        """
        round_ms, done, total = 0.0, 0, STARTED * len(self._candidates)
        for number in range(STARTED):
            last = number == STARTED - 1
            for name in list(self._candidates):
                report(done, total)
                done += 1
                if last and not self._has_room(name):
                    continue
                with ExitStack() as stack:
                    times = self._start(name, stack)
                    round_ms += 2 * sum(times) / STARTED
                    if last:
                        self._stack.enter_context(stack.pop_all())
        self._refuse_nothing()
        return round_ms / 1e3

    def time(self, rounds: int, report: Report) -> None:
        """Time one picture per round with each process.

        Each process classifies the picture twice, and the second time counts, as in a program that keeps running.
        A process that dies is left out, and the others go on.

        Raises:
            BenchmarkError: all have died.
        """
        report(0, rounds)
        following = cycle(self._paths)
        question = _question(next(following))

        def task(name: str) -> list[float]:
            self._ask(name, question)
            times: list[float] | None = self._ask(name, question)
            return times or []

        tasks = {name: partial(task, name) for name in self._processes}
        turns = take_turns(tasks, rounds=rounds, warm_up=WARM_UP, settle_s=SETTLE_S)
        for number, results in enumerate(turns, 1):
            for name in self._candidates:
                for stage, time_ms in zip(STAGES, results[name], strict=True):
                    self._candidates[name].stages_ms[stage].append(time_ms)
            question = _question(next(following))
            report(number, rounds)
            self._refuse_nothing()

    def weigh(self) -> None:
        """Ask every process for its memory."""
        for name in list(self._processes):
            found = self._ask(name, "memory")
            if found is not None:
                self._candidates[name].memory_mib.update(found)

    def measured(self) -> tuple[Measured, ...]:
        """Return what could be measured, fastest first. All have the same number of rounds."""
        rounds = min((len(item.stages_ms[STAGES[-1]]) for item in self._candidates.values()), default=0)
        found = [
            Measured(
                item.configuration,
                self._sizes[item.configuration.file],
                item.starts_ms,
                {name: times[:rounds] for name, times in item.stages_ms.items()},
                item.memory_mib.get("steady_mib"),
                item.memory_mib.get("peak_mib"),
            )
            for item in self._candidates.values()
            if rounds
        ]
        return tuple(sorted(found, key=lambda item: item.total.median_ms))

    def _start(self, name: str, stack: ExitStack) -> list[float]:
        """Start one process, note the times of the start, and return the stage times of a second classification."""
        item = self._candidates[name]
        what = item.configuration
        arguments = (self._folder, what.file, what.backend, what.threads, self._paths[0])
        try:
            process = stack.enter_context(Process("benchmarks.run.worker", *arguments))
            times: list[float] = process.ask(_question(self._paths[0]))
        except BenchmarkError as error:
            self._leave_out(name, str(error))
            return []
        self._processes[name] = process
        item.starts_ms["cold_start"].append(process.start_ms)
        for key in ("load", "first_inference"):
            item.starts_ms[key].append(process.ready[f"{key}_ms"])
        if not item.memory_mib:
            item.memory_mib.update(process.ask("memory"))
        return times

    def _has_room(self, name: str) -> bool:
        """Return whether there is memory for one more process. If not, leave its configuration out."""
        available = available_memory_mib()
        needed = self._candidates[name].memory_mib["peak_mib"]
        if available is None or needed < _SHARE_OF_MEMORY * available:
            return True
        self._leave_out(
            name, f"needs {needed:.0f} MiB of memory, {available:.0f} MiB are available beside the other files"
        )
        return False

    def _ask(self, name: str, question: str) -> Any:
        """Return what a process answers, or None when it is dead; then it is left out."""
        if name not in self._processes:
            return None
        try:
            return self._processes[name].ask(question)
        except BenchmarkError as error:
            self._leave_out(name, str(error))
            return None

    def _refuse_nothing(self) -> None:
        if not self._candidates:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self.left_out)
            raise BenchmarkError(f"{self._folder}: no file of the bundle runs here. {reasons}")

    def _leave_out(self, name: str, reason: str) -> None:
        self.left_out.append((name, reason.replace(f"{self._folder}{os.sep}", "")))
        del self._candidates[name]
        self._processes.pop(name, None)


def _question(path: Path) -> str:
    """Return what asks a worker to classify a picture: on one line and in ASCII, whatever its name is."""
    return json.dumps(str(path))
