"""Decide whether the figures of a run can be trusted."""

from __future__ import annotations

from benchmarks.run.conditions import Conditions
from benchmarks.run.record import Measured
from benchmarks.run.timing import Interval, paired_ratio

# Shares of all processor time during the benchmark.
MOST_BY_OTHERS = 0.10
MOST_STOLEN = 0.05
MOST_UNSURE = 0.10  # half the width of the interval of the fastest median, as a share of that median


def find_faults(before: Conditions, after: Conditions, measured: tuple[Measured, ...]) -> tuple[str, ...]:
    """Return the reasons why a run is invalid; none if it is valid.

    Args:
        before: state of the machine before the run.
        after: state of the machine after the run.
        measured: the timed configurations, fastest first.
    """
    return (*_throttling(before, after), *_neighbours(before, after), *_contradictions(measured))


def _throttling(before: Conditions, after: Conditions) -> list[str]:
    new = [name for name in after.throttled_since_start if name not in before.throttled_since_start]
    held = sorted({*before.throttled_now, *after.throttled_now, *new})
    faults = [f"the board was slowed down: {', '.join(held)}"] if held else []
    counts = (before.throttle_count, after.throttle_count)
    if counts[0] is not None and counts[1] is not None and counts[1] > counts[0]:
        faults.append(f"the processor was throttled {counts[1] - counts[0]} times because it was hot")
    return faults


def _neighbours(before: Conditions, after: Conditions) -> list[str]:
    if before.processor_s is None or after.processor_s is None:
        return []
    whole, busy, stolen = (end - start for start, end in zip(before.processor_s, after.processor_s, strict=True))
    if whole <= 0:
        return []
    others = (busy - (after.own_s - before.own_s)) / whole
    faults = []
    if others > MOST_BY_OTHERS:
        faults.append(
            f"other programs took {others:.0%} of the processor time, at most {MOST_BY_OTHERS:.0%} is allowed"
        )
    if stolen / whole > MOST_STOLEN:
        faults.append(
            f"other virtual machines took {stolen / whole:.0%} of the processor time, "
            f"at most {MOST_STOLEN:.0%} is allowed"
        )
    return faults


def _contradictions(measured: tuple[Measured, ...]) -> list[str]:
    """Return where the timings are uncertain, or where the first half of the run contradicts the second."""
    if not measured or measured[0].rounds < 4:
        return ["there were too few rounds"]
    fastest = measured[0]
    low, high = fastest.total.median_interval_ms
    unsure = (high - low) / 2 / fastest.total.median_ms
    faults = []
    if unsure > MOST_UNSURE:
        faults.append(
            f"the fastest median is uncertain by {unsure:.0%}, at most {MOST_UNSURE:.0%} is allowed; "
            "more rounds may help"
        )
    turned = [other.configuration.phrase() for other in measured[1:] if _turned(fastest.total_ms, other.total_ms)]
    if turned:
        faults.append(
            f"{fastest.configuration.phrase()} was clearly faster than {turned[0]} in one half of the run and "
            "clearly slower in the other"
        )
    return faults


def _turned(first: list[float], second: list[float]) -> bool:
    half = len(first) // 2
    halves = (_clearly(first[part], second[part]) for part in (slice(half), slice(half, None)))
    return set(halves) == {-1, 1}


def _clearly(first: list[float], second: list[float]) -> int:
    """Return -1 if the first is clearly faster, 1 if it is clearly slower, else 0."""
    low, high = _interval(first, second)
    return -1 if high < 1 else int(low > 1)


def _interval(first: list[float], second: list[float]) -> Interval:
    return paired_ratio(first, second).interval
