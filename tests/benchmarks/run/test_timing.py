"""Interleaving and the figures drawn from the times."""

import os

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.run.timing import Process, describe, interleave, paired_ratio


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
    rounds = {"".join(ran[start : start + 2]) for start in range(0, 12, 2)}
    assert rounds == {"ab", "ba"}  # each once a round, in changing order
    assert len(ran) == 12
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


def test_percentiles_and_a_single_time():
    """Percentiles of 0 to 100 ms are their own number; one time alone has no spread, and is its own interval."""
    stats = describe(np.arange(101.0))
    assert (stats.p90_ms, stats.p95_ms, stats.p99_ms) == (90, 95, 99)
    one = describe([7.0])
    assert (one.median_ms, one.median_interval_ms, one.standard_deviation_ms) == (7.0, (7.0, 7.0), 0.0)


def test_paired_ratio_is_not_fooled_by_what_disturbs_both():
    """Times that wander by a factor of ten give a ratio of two without any doubt, because both wander together."""
    wander = np.random.default_rng(0).uniform(1, 10, 50)
    ratio = paired_ratio(2 * wander, wander)
    assert (ratio.value, ratio.interval) == (2.0, (2.0, 2.0))


def test_process_answers_is_alone_and_says_its_last_words():
    """A module runs in another process, answers lines, and its last line on standard error is the error's text."""
    with Process("tests.benchmarks.echo") as process:
        assert process.ready != os.getpid()
        assert process.ask("one") == "one"
        assert process.start_ms > 1
        with pytest.raises(BenchmarkError, match="last words"):
            process.ask("die")


def test_process_that_cannot_start_is_told():
    """A module that ends at once is an error with its reason."""
    with pytest.raises(BenchmarkError, match="No module named"):
        Process("benchmarks.no_such_module")
