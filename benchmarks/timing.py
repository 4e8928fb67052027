"""Time interchangeable tasks side by side, and describe the times."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom


@dataclass(frozen=True)
class LatencyStats:
    """Times of one task.

    Args:
        count: number of timings.
        median_ms: median, milliseconds.
        median_interval_ms: 95 % confidence interval of the median, from order statistics.
        p95_ms: 95th percentile, milliseconds.
        mean_ms: mean, milliseconds.
        standard_deviation_ms: sample standard deviation, milliseconds.
    """

    count: int
    median_ms: float
    median_interval_ms: tuple[float, float]
    p95_ms: float
    mean_ms: float
    standard_deviation_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)


def describe(times_ms: NDArray[np.float64]) -> LatencyStats:
    """Summarise two or more times in milliseconds.

    Source: interval of the median by order statistics, H. A. David and H. N. Nagaraja, "Order Statistics", 7.1.
    """
    ordered = np.sort(times_ms)
    count = len(ordered)
    low = max(int(binom.ppf(0.025, count, 0.5)) - 1, 0)
    high = min(int(binom.ppf(0.975, count, 0.5)), count - 1)
    return LatencyStats(
        count=count,
        median_ms=float(np.median(ordered)),
        median_interval_ms=(float(ordered[low]), float(ordered[high])),
        p95_ms=float(np.percentile(ordered, 95)),
        mean_ms=float(ordered.mean()),
        standard_deviation_ms=float(ordered.std(ddof=1)),
    )


def interleave(
    tasks: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 3,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, NDArray[np.float64]]:
    """Run every task once a round, A B C A B C, so that what disturbs the machine disturbs all alike.

    Args:
        tasks: what to run, by name.
        rounds: timed runs of each task.
        warm_up: untimed rounds before.
        report: called with rounds done and in all.

    Returns:
        For each task `float64 (rounds,)`, milliseconds.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(-warm_up, rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if number >= 0:
                times[name].append((time.perf_counter() - start) * 1e3)
        report(max(0, number + 1), rounds)
    return {name: np.array(values) for name, values in times.items()}
