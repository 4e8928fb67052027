"""Time tasks and processes in turns, and summarise their times. Every timing of the benchmarks is made here."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.run.program import last_words
from edge_runtime.child_process import module_command

Result = TypeVar("Result")
Interval = tuple[float, float]

# ONNX Runtime's threads keep spinning after an inference, unless a setting limits that. On two cores, two such
# processes slowed the next one from 6.5 to 10.5 ms. After this pause it took 6.5 ms again.
SETTLE_S = 0.025


@dataclass(frozen=True)
class LatencyStats:
    """Times of one task.

    Args:
        count: number of timings.
        median_ms: median, milliseconds.
        median_interval_ms: 95 % confidence interval of the median, from order statistics.
        p90_ms: 90th percentile, milliseconds.
        p95_ms: 95th percentile, milliseconds.
        p99_ms: 99th percentile, milliseconds.
        mean_ms: mean, milliseconds.
        standard_deviation_ms: sample standard deviation, milliseconds; 0 for one timing.
    """

    count: int
    median_ms: float
    median_interval_ms: Interval
    p90_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float
    standard_deviation_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Ratio:
    """The median of `first / second` over the rounds of two tasks that ran in turns, and its 95 % interval."""

    value: float
    interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)


def describe(times_ms: ArrayLike) -> LatencyStats:
    """Summarise one or more times in milliseconds."""
    times = np.asarray(times_ms, np.float64)
    p90, p95, p99 = (float(value) for value in np.percentile(times, (90, 95, 99)))
    return LatencyStats(
        count=len(times),
        median_ms=float(np.median(times)),
        median_interval_ms=median_interval(times),
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        mean_ms=float(times.mean()),
        standard_deviation_ms=float(times.std(ddof=1)) if len(times) > 1 else 0.0,
    )


def median_interval(values: ArrayLike) -> Interval:
    """Return the 95 % confidence interval of the median of one or more values.

    Source: interval of the median by order statistics, H. A. David and H. N. Nagaraja, "Order Statistics", 7.1.
    """
    from scipy.stats import binom  # takes half a second, and help pages do not need it

    ordered = np.sort(np.asarray(values, np.float64))
    count = len(ordered)
    low = max(int(binom.ppf(0.025, count, 0.5)) - 1, 0)
    high = min(int(binom.ppf(0.975, count, 0.5)), count - 1)
    return float(ordered[low]), float(ordered[high])


def paired_ratio(first: ArrayLike, second: ArrayLike) -> Ratio:
    """Compare the times of two tasks round by round. In a round both had the same picture and disturbance."""
    ratios = np.asarray(first, np.float64) / np.asarray(second, np.float64)
    return Ratio(float(np.median(ratios)), median_interval(ratios))


def take_turns(
    tasks: Mapping[str, Callable[[], Result]], *, rounds: int, warm_up: int = 0, settle_s: float = 0.0
) -> Iterator[dict[str, Result]]:
    """Run every task once per round, so that a disturbance of the machine affects all of them.

    Each round has its own order, so that no task always follows the same other task.

    Args:
        tasks: what to run, by name.
        rounds: rounds to yield.
        warm_up: rounds before, whose results are dropped.
        settle_s: pause before each task, seconds, in which threads of the task before come to rest.

    Yields:
        After each round the result of each task.
    """
    generator, names = np.random.default_rng(0), list(tasks)
    for number in range(-warm_up, rounds):
        results = {}
        for index in generator.permutation(len(names)):
            time.sleep(settle_s)
            results[names[index]] = tasks[names[index]]()
        if number >= 0:
            yield {name: results[name] for name in names}


def interleave(
    tasks: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 3,
    settle_s: float = 0.0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, NDArray[np.float64]]:
    """Time every task once per round.

    Args:
        tasks: what to run, by name.
        rounds: timed runs of each task.
        warm_up: untimed rounds before.
        settle_s: pause before each task, seconds.
        report: called with the rounds done and the total.

    Returns:
        For each task `float64 (rounds,)`, milliseconds.
    """
    clocked = {name: clock(task) for name, task in tasks.items()}
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number, results in enumerate(take_turns(clocked, rounds=rounds, warm_up=warm_up, settle_s=settle_s), 1):
        for name, time_ms in results.items():
            times[name].append(time_ms)
        report(number, rounds)
    return {name: np.array(values) for name, values in times.items()}


def clock(task: Callable[[], object]) -> Callable[[], float]:
    """Return a task that runs `task` and returns its time in milliseconds."""

    def run() -> float:
        start = time.perf_counter()
        task()
        return (time.perf_counter() - start) * 1e3

    return run


class Process:
    """A Python module in its own process, which answers each line with a line of JSON.

    The module writes one line when it is ready, and then one line for each line that it reads. It ends when its
    input ends. A Ctrl-C in the terminal does not reach it: the parent decides.

    Attributes:
        start_ms: time from the start of the process to its first line, milliseconds.
        ready: the first line.
    """

    def __init__(self, module: str, *arguments: object) -> None:
        """Start it and wait until it is ready.

        Raises:
            BenchmarkError: it ended instead. The message is the last line of its standard error.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in `close`
        self._unanswered = 0  # questions whose answers a Ctrl-C kept from being read
        start = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                module_command(module, *map(str, arguments)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError as error:  # a limit of processes, or no memory for another one
            self._errors.close()
            raise BenchmarkError(f"no process could be started ({error.strerror})") from error
        try:
            self.ready = self._answer()
        except BaseException:
            self.close()
            raise
        self.start_ms = (time.perf_counter() - start) * 1e3

    def __enter__(self) -> Self:
        """Return the process itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def ask(self, line: str) -> Any:
        """Send a line and return the answer.

        Raises:
            BenchmarkError: it ended. The message is the last line of its standard error.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the answer says why
            self._process.stdin.write(os.fsencode(line) + b"\n")
            self._process.stdin.flush()
        self._unanswered += 1
        while self._unanswered > 1:
            self._answer()
            self._unanswered -= 1
        answer = self._answer()
        self._unanswered = 0
        return answer

    def close(self) -> None:
        """End it and wait, so that its processor time is counted for the children of this process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it is dead, and a question to it still waits in the pipe
                    pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        raise BenchmarkError(last_words(self._errors.read().decode(errors="replace"), code))
