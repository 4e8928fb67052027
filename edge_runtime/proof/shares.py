"""Compute confidence intervals of shares, such as an accuracy. It needs no SciPy, so it runs on a device."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

Interval = tuple[float, float]
CONFIDENCE = 0.95


def wilson_interval(right: int, count: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Return the confidence interval of the share `right / count`.

    Args:
        right: number of right answers, 0 to `count`.
        count: number of answers, 1 or more.
        confidence: how often the interval holds the true share, 0-1. Default 0.95.

    Returns:
        The lower and the upper end, 0-1.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    z = _quantile(confidence)
    share = right / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    scale = 1 + z * z / count
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def paired_interval(lost: float, won: float, pictures: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Return the confidence interval of `(won - lost) / pictures`.

    This is the difference of two accuracies on the same pictures. Unlike Wald's interval, this one also holds with
    few flips or none. Without flips it goes from -z^2 / (N + z^2) to z^2 / (N + z^2).

    Args:
        lost: number of pictures that were right before and are wrong after.
        won: number of pictures that were wrong before and are right after.
        pictures: number of all pictures, 1 or more.
        confidence: how often the interval holds the true difference, 0-1. Default 0.95.

    Returns:
        The lower and the upper end, -1 to 1.

    Source: T. Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998).
    """
    z = _quantile(confidence)
    edge = 1 - 1e-12
    estimate = (won - lost) / pictures

    def statistic(delta: float) -> float:
        return _tango_statistic(won, lost, pictures, delta)

    low = -1.0 if estimate <= -edge else _where(lambda delta: statistic(delta) <= z, -edge, estimate)
    high = 1.0 if estimate >= edge else _where(lambda delta: statistic(delta) < -z, estimate, edge)
    return low, high


def mcnemar_p(lost: int, won: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    The hypothesis is that a flip to wrong is as likely as a flip to right.

    Args:
        lost: number of pictures that were right before and are wrong after.
        won: number of pictures that were wrong before and are right after.

    Source: Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", 1947, in its exact binomial form.
    """
    flips = lost + won
    tail = sum(math.comb(flips, count) for count in range(min(lost, won) + 1))
    return min(1.0, 2 * tail / 2**flips) if flips else 1.0


def _quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _where(reached: Callable[[float], bool], low: float, high: float) -> float:
    """Search from `low` to `high`, by halving, for the number from which on `reached` is true."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _tango_statistic(first: float, second: float, pictures: int, delta: float) -> float:
    """Return Tango's score statistic of "the first share exceeds the second by `delta`".

    It falls as `delta` grows.
    """
    gap = first - second - pictures * delta
    a = 2 * pictures
    b = -first - second + (2 * pictures - first + second) * delta
    c = -second * delta * (1 - delta)
    rate = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = pictures * (2 * rate + delta * (1 - delta))
    if variance <= 0:
        return 0.0 if gap == 0 else math.copysign(1e12, gap)
    return gap / math.sqrt(variance)
