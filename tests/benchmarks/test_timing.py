"""Interleaving and the figures drawn from the times."""

import numpy as np
import pytest

from benchmarks.timing import describe, interleave


def test_tasks_run_in_turns_after_warming_up():
    """Every round runs each task once, in order; warm-up rounds are not in the times."""
    ran: list[str] = []
    done: list[int] = []
    times = interleave(
        {"a": lambda: ran.append("a"), "b": lambda: ran.append("b")},
        rounds=4,
        warm_up=2,
        report=lambda rounds, total: done.append(rounds),
    )
    assert ran == ["a", "b"] * 6
    assert {name: len(values) for name, values in times.items()} == {"a": 4, "b": 4}
    assert done[-1] == 4


def test_figures_of_known_times():
    """1 to 101 ms: median and mean 51, 95th percentile 96."""
    stats = describe(np.arange(1.0, 102.0))
    assert (stats.count, stats.median_ms, stats.mean_ms, stats.p95_ms) == (101, 51, 51, 96)
    assert stats.standard_deviation_ms == pytest.approx(np.std(np.arange(101), ddof=1))


def test_interval_covers_the_true_median():
    """Over 400 samples of a skewed distribution the 95 % interval holds the true median in 92 to 99 %."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        low, high = describe(rng.exponential(1.0, 60)).median_interval_ms
        covered += low <= np.log(2) <= high
    assert 0.92 <= covered / 400 <= 0.99


def test_two_times_are_enough():
    """The smallest sample gives an interval that spans it."""
    assert describe(np.array([1.0, 3.0])).median_interval_ms == (1.0, 3.0)
