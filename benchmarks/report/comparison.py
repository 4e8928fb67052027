"""Compare two reports: find what became slower, larger or less accurate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.run.record import Accuracy, BenchmarkReport, Measured
from benchmarks.run.timing import Interval, paired_ratio
from edge_runtime.proof.shares import paired_interval

# Times are comparable only if these are equal in both reports.
_MACHINE = ("board", "processor", "architecture", "cores")


class Figure(StrEnum):
    """What is compared: `latency` in milliseconds, `memory` in MiB, `size` in MB, `accuracy` as a share."""

    LATENCY = "latency"
    MEMORY = "memory"
    SIZE = "size"
    ACCURACY = "accuracy"


@dataclass(frozen=True)
class Change:
    """One figure of one configuration in both reports.

    Args:
        name: file, backend and, if it matters, threads.
        figure: what is compared.
        old: value in the old report, in the figure's unit.
        new: value in the new report.
        change: `new / old - 1`; for an accuracy `new - old`.
        interval: 95 % interval of the change, from paired values; None for memory and size.
        regression: whether the new value is worse by more than the tolerance, also at the interval's better end.
    """

    name: str
    figure: Figure
    old: float
    new: float
    change: float
    interval: Interval | None
    regression: bool

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """What changed from an old report to a new one.

    Args:
        changes: every figure that both reports have.
        warnings: reasons to doubt the comparison, one phrase each.
    """

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]

    @property
    def regressions(self) -> tuple[Change, ...]:
        """The changes that are regressions."""
        return tuple(change for change in self.changes if change.regression)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        changes = [change.to_dict() for change in self.changes]
        return {"regressions": len(self.regressions), "changes": changes, "warnings": list(self.warnings)}


def compare(old: BenchmarkReport, new: BenchmarkReport, *, tolerance: float) -> Comparison:
    """Compare the configurations that both reports measured.

    Args:
        old: the report to compare with.
        new: the report to judge.
        tolerance: share by which latency, memory and size may grow, 0 or more. The accuracy may drop by the new
            report's `max_drop`.

    Raises:
        BenchmarkError: they have no configuration in common.
    """
    before = {item.configuration.name: item for item in old.measured}
    pairs = [(before[item.configuration.name], item) for item in new.measured if item.configuration.name in before]
    if not pairs:
        raise BenchmarkError("the two reports have no file, backend and number of threads in common.")
    changes = [change for pair in pairs for change in _footprint(*pair, tolerance)]
    changes += _accuracies(old, new)
    return Comparison(tuple(changes), tuple(_warnings(old, new, len(pairs))))


def _footprint(old: Measured, new: Measured, tolerance: float) -> Iterator[Change]:
    name = new.configuration.name
    rounds = min(old.rounds, new.rounds)
    ratio = paired_ratio(new.total_ms[:rounds], old.total_ms[:rounds])  # the n-th round has the n-th picture
    low, high = ratio.interval
    yield Change(
        name,
        Figure.LATENCY,
        old.total.median_ms,
        new.total.median_ms,
        ratio.value - 1,
        (low - 1, high - 1),
        low - 1 > tolerance,
    )
    sizes = {Figure.MEMORY: (old.peak_mib, new.peak_mib), Figure.SIZE: (old.size_bytes / 1e6, new.size_bytes / 1e6)}
    for figure, (first, second) in sizes.items():
        if first and second:
            change = second / first - 1
            yield Change(name, figure, first, second, change, None, change > tolerance)


def _accuracies(old: BenchmarkReport, new: BenchmarkReport) -> Iterator[Change]:
    targets = new.pictures["targets"]
    if targets is None or old.pictures["sha256"] != new.pictures["sha256"] or old.labels != new.labels:
        return  # answers are numbers of labels
    before = {item.file_and_backend: item for item in old.accuracy}
    for item in new.accuracy:
        if item.file_and_backend in before:
            yield _accuracy(before[item.file_and_backend], item, targets, new.max_drop)


def _accuracy(old: Accuracy, new: Accuracy, targets: list[int], max_drop: float) -> Change:
    right = [(a == target, b == target) for a, b, target in zip(old.answers, new.answers, targets, strict=True)]
    lost, won = right.count((True, False)), right.count((False, True))
    low, high = paired_interval(lost, won, len(targets))
    first, second = (sum(side) / len(targets) for side in zip(*right, strict=True))
    name = f"{new.file} {new.backend}"
    return Change(name, Figure.ACCURACY, first, second, second - first, (low, high), high < -max_drop)


def _warnings(old: BenchmarkReport, new: BenchmarkReport, common: int) -> Iterator[str]:
    for key in _MACHINE:
        if old.machine[key] != new.machine[key]:
            yield f"different machines: {key} {old.machine[key]} and {new.machine[key]}; times are not comparable"
    for name, report in (("old", old), ("new", new)):
        yield from (f"the {name} report is invalid: {reason}" for reason in report.invalid)
        if not report.complete:
            yield f"the {name} report is incomplete"
    if old.pictures["timed_sha256"] != new.pictures["timed_sha256"]:
        yield "the two reports timed different pictures, so their times are not in pairs"
    if old.pictures["sha256"] != new.pictures["sha256"]:
        yield "the two reports scored different pictures, so accuracies are not compared"
    if old.labels != new.labels:
        yield "the two reports have other labels or another order of them, so accuracies are not compared"
    alone = len(old.measured) + len(new.measured) - 2 * common
    if alone:
        yield f"{alone} configuration{'s' * (alone > 1)} in one report only"
