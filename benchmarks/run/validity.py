"""Whether the figures of a run can be relied on."""

from __future__ import annotations

from benchmarks.run.conditions import Conditions
from benchmarks.run.record import Measured
from benchmarks.run.timing import Interval, paired_ratio

# Shares of all processor time while the benchmark ran.
MOST_BY_OTHERS = 0.10
MOST_STOLEN = 0.05
MOST_UNSURE = 0.10  # half the width of the interval of the fastest median, as a share of it


def find_faults(before: Conditions, after: Conditions, measured: tuple[Measured, ...]) -> tuple[str, ...]:
    """Return why a run is invalid, one reason each, or nothing.

    Args:
        before: state of the machine before the run.
        after: state after it.
        measured: what was timed, fastest first.
    """
    return (*_throttling(before, after), *_neighbours(before, after), *_contradictions(measured))


def _throttling(before: Conditions, after: Conditions) -> list[str]:
    new = [name for name in after.throttled_since_start if name not in before.throttled_since_start]
    held = sorted({*before.throttled_now, *after.throttled_now, *new})
    faults = [f"the board was held back: {', '.join(held)}"] if held else []
    counts = (before.throttle_count, after.throttle_count)
    if counts[0] is not None and counts[1] is not None and counts[1] > counts[0]:
        faults.append(f"the processor was throttled {counts[1] - counts[0]} times by its temperature")
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
            f"other programs took {others:.0%} of the processors, at most {MOST_BY_OTHERS:.0%} is allowed"
        )
    if stolen / whole > MOST_STOLEN:
        faults.append(
            f"other virtual machines took {stolen / whole:.0%} of the processors, at most {MOST_STOLEN:.0%} is fine"
        )
    return faults


def _contradictions(measured: tuple[Measured, ...]) -> list[str]:
    """Return what the run itself shows to be unsure: the fastest against each other, in both halves of it."""
    if not measured or measured[0].rounds < 4:
        return ["too few rounds to tell anything"]
    fastest = measured[0]
    low, high = fastest.total.median_interval_ms
    unsure = (high - low) / 2 / fastest.total.median_ms
    faults = []
    if unsure > MOST_UNSURE:
        faults.append(
            f"the median of the fastest is uncertain by {unsure:.0%}, at most {MOST_UNSURE:.0%} is allowed; "
            "more rounds may do"
        )
    turned = [other.configuration.said() for other in measured[1:] if _turned(fastest.total_ms, other.total_ms)]
    if turned:
        faults.append(
            f"{fastest.configuration.said()} was surely faster than {turned[0]} in one half of the run and surely "
            "slower in the other"
        )
    return faults


def _turned(first: list[float], second: list[float]) -> bool:
    half = len(first) // 2
    halves = (_surely(first[part], second[part]) for part in (slice(half), slice(half, None)))
    return set(halves) == {-1, 1}


def _surely(first: list[float], second: list[float]) -> int:
    """Return -1 when the first is surely faster, 1 when it is surely slower, else 0."""
    low, high = _interval(first, second)
    return -1 if high < 1 else int(low > 1)


def _interval(first: list[float], second: list[float]) -> Interval:
    return paired_ratio(first, second).interval
