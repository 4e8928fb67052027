"""Figures drawn from times, turns, and processes that answer lines."""

import json
import math
import os
import signal
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from benchmarks.errors import BenchmarkError
from benchmarks.run.timing import (
    LatencyStats,
    Process,
    Ratio,
    clock,
    describe,
    interleave,
    median_interval,
    paired_ratio,
    take_turns,
)

ECHO = "tests.benchmarks.echo"
TIMES = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60)


@pytest.fixture
def echo():
    """A process that answers every line with itself."""
    with Process(ECHO) as process:
        yield process


def kill(process):
    """Kill a process as the kernel does when memory runs out, and wait until it is dead."""
    os.kill(process.ready, signal.SIGKILL)
    os.waitid(os.P_PID, process.ready, os.WEXITED | os.WNOWAIT)


def test_figures_of_known_times():
    """Proves that 1 to 101 ms have median and mean 51, percentiles by their number, and a uniform spread."""
    stats = describe(np.arange(1.0, 102.0))
    assert (stats.count, stats.median_ms, stats.mean_ms) == (101, 51, 51)
    assert (stats.p90_ms, stats.p95_ms, stats.p99_ms) == (91, 96, 100)
    assert stats.standard_deviation_ms == pytest.approx(math.sqrt((101**2 - 1) / 12 * 101 / 100))


def test_figures_worked_out_by_hand():
    """Proves that 2, 4, 4 and 10 have median 4 and mean 5, and percentiles between the last two."""
    stats = describe([10, 4, 2, 4])
    assert (stats.median_ms, stats.mean_ms) == (4, 5)
    assert stats.standard_deviation_ms == pytest.approx(math.sqrt(12))
    assert stats.p90_ms == pytest.approx(4 + 0.7 * 6)  # the place is 0.9 of 3 steps
    assert stats.p95_ms == pytest.approx(4 + 0.85 * 6)
    assert stats.p99_ms == pytest.approx(4 + 0.97 * 6)


def test_a_single_time_has_no_spread():
    """Proves that one time alone is its own median, percentile and interval."""
    assert describe([7.0]) == LatencyStats(1, 7, (7, 7), 7, 7, 7, 7, 0)


@settings(deadline=None)
@given(TIMES)
def test_figures_keep_their_order(times):
    """Proves that whatever the times, the interval holds the median, and percentiles rise to the largest."""
    stats = describe(times)
    low, high = stats.median_interval_ms
    assert min(times) <= low <= stats.median_ms <= high <= max(times)
    assert stats.median_ms <= stats.p90_ms * (1 + 1e-12)
    assert stats.p90_ms <= stats.p95_ms <= stats.p99_ms <= max(times)
    assert {low, high} <= set(times)


@settings(deadline=None)
@given(TIMES, st.randoms(use_true_random=False), st.sampled_from([0.5, 2.0, 1024.0]))
def test_figures_do_not_depend_on_order_and_scale_with_the_unit(times, random, factor):
    """Proves that the same times in another order give the same figures, and another unit the same factor."""
    mixed = random.sample(times, len(times))
    assert median_interval(mixed) == median_interval(times)
    stats, scaled = describe(times), describe(np.array(mixed) * factor)
    assert scaled.median_ms == pytest.approx(factor * stats.median_ms)
    assert scaled.p95_ms == pytest.approx(factor * stats.p95_ms)
    assert scaled.standard_deviation_ms == pytest.approx(factor * stats.standard_deviation_ms, abs=1e-6 * factor)


@pytest.mark.parametrize("count", [6, 7, 20, 21, 100, 200, 501])
def test_the_interval_of_the_median_has_no_place_to_spare(count):
    """Proves that each tail, counted in coin tosses, holds at most 2.5 %, and more with one value less."""
    low, high = (int(end) for end in median_interval(np.arange(count)))
    assert low == count - 1 - high  # as many values below as above

    def tail(places):
        """How likely the median lies below the smallest but so many."""
        return sum(math.comb(count, heads) for heads in range(places + 1)) / 2**count

    assert tail(low) <= 0.025 < tail(low + 1)


@pytest.mark.parametrize("count", range(1, 6))
def test_few_times_span_their_own_interval(count):
    """Proves that fewer than six values cannot give 95 %: the interval is all of them."""
    values = np.arange(1.0, count + 1)
    assert median_interval(values) == (1.0, count)


@pytest.mark.parametrize("count", [10, 60])
def test_the_interval_covers_the_true_median(count):
    """Proves that over 2,000 skewed samples it holds the true median in at least 95 of 100."""
    samples = np.random.default_rng(0).exponential(1.0, (2000, count))
    ends = np.array([median_interval(sample) for sample in samples])
    covered = int(((ends[:, 0] <= np.log(2)) & (np.log(2) <= ends[:, 1])).sum())
    assert binomtest(covered, 2000, 0.95, alternative="less").pvalue > 0.001
    assert covered < 2000  # and is not merely everything


def test_stats_are_a_json_object():
    """Proves that every figure has its key, and the interval two ends."""
    values = json.loads(json.dumps(describe([1, 2, 3]).to_dict()))
    assert values["count"] == 3
    assert values["median_interval_ms"] == [1, 3]
    assert len(values) == 8


def test_a_ratio_is_of_pairs_and_not_of_medians():
    """Proves that ratios 1/2, 2 and 4 have the median 2, where the medians of both sides would say 1."""
    ratio = paired_ratio([1, 4, 8], [2, 2, 2])
    assert ratio == Ratio(2.0, (0.5, 4.0))
    swapped = paired_ratio([1, 2, 9], [3, 1, 2])
    assert swapped.value == 2.0
    assert ratio.to_dict() == {"value": 2.0, "interval": (0.5, 4.0)}


def test_a_ratio_is_not_fooled_by_what_disturbs_both():
    """Proves that times that wander by a factor of ten, both alike, give a ratio of two without any doubt."""
    wander = np.random.default_rng(0).uniform(1, 10, 50)
    assert paired_ratio(2 * wander, wander) == Ratio(2.0, (2.0, 2.0))


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)), min_size=1, max_size=41))
def test_a_ratio_turned_round_is_its_inverse(pairs):
    """Proves that second against first has the inverse interval, and of odd counts the inverse value too."""
    first, second = zip(*pairs, strict=True)
    there, back = paired_ratio(first, second), paired_ratio(second, first)
    assert back.interval[0] == pytest.approx(1 / there.interval[1])
    assert back.interval[1] == pytest.approx(1 / there.interval[0])
    if len(pairs) % 2:
        assert back.value == pytest.approx(1 / there.value)


def test_sides_of_different_length_are_not_compared():
    """Proves that pairs need as many times on either side."""
    with pytest.raises(ValueError, match="shapes"):
        paired_ratio([1, 2, 3], [1, 2])


def test_every_task_runs_once_a_round_in_changing_order():
    """Proves that warm-up rounds run and are dropped, results come by name, and each order occurs."""
    ran = []
    tasks = {name: lambda name=name: ran.append(name) or name.upper() for name in "abc"}
    rounds = list(take_turns(tasks, rounds=40, warm_up=2))
    assert rounds == [{"a": "A", "b": "B", "c": "C"}] * 40
    orders = ["".join(ran[start : start + 3]) for start in range(0, len(ran), 3)]
    assert len(orders) == 42
    assert {"".join(sorted(order)) for order in orders} == {"abc"}
    assert len(set(orders)) == 6


def test_each_place_in_the_turn_is_as_frequent():
    """Proves that over many rounds no task runs first more often than by chance."""
    firsts = []
    seen = []
    tasks = {name: lambda name=name: seen.append(name) for name in "ab"}
    for _ in take_turns(tasks, rounds=400):
        firsts.append(seen[-2])
    assert binomtest(firsts.count("a"), 400).pvalue > 0.001


def test_turns_are_lazy_and_the_pause_comes_before_each_task():
    """Proves that a round runs when it is asked for, and lasts at least its pauses."""
    ran = []
    turns = take_turns({"a": lambda: ran.append(1), "b": lambda: ran.append(1)}, rounds=3, settle_s=0.01)
    assert ran == []
    start = time.perf_counter()
    next(turns)
    assert len(ran) == 2
    assert time.perf_counter() - start >= 0.02


def test_no_task_and_no_round_are_nothing():
    """Proves that without tasks a round is empty, and of no rounds there is none."""
    assert list(take_turns({}, rounds=2)) == [{}, {}]
    assert list(take_turns({"a": lambda: 1}, rounds=0, warm_up=3)) == []


def test_interleaved_times_are_in_milliseconds_and_told():
    """Proves that 5 ms of sleep take 5 to 100, that rounds are reported, and that warm-up is not in the times."""
    told = []
    times = interleave(
        {"sleeps": lambda: time.sleep(0.005), "does nothing": lambda: None},
        rounds=4,
        warm_up=2,
        report=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {name: values.shape for name, values in times.items()} == {"sleeps": (4,), "does nothing": (4,)}
    assert 5 <= np.median(times["sleeps"]) < 100
    assert np.median(times["does nothing"]) < 1


def test_clock_times_each_run_anew():
    """Proves that every call runs the task again and returns its own milliseconds."""
    pauses = iter([0.02, 0.0])
    run = clock(lambda: time.sleep(next(pauses)))
    assert run() >= 20 > run()


def test_a_process_is_another_one_and_answers_in_order(echo):
    """Proves that it has its own number, says when it was ready, and each line gets its answer."""
    assert echo.ready not in (os.getpid(), os.getppid())
    assert 1 < echo.start_ms < 60_000
    assert [echo.ask(line) for line in ("one", "two", "Käse")] == ["one", "two", "Käse"]


def test_a_process_does_not_hear_the_ctrl_c_of_the_terminal(echo):
    """Proves that it has a session of its own, so that the parent decides when it ends."""
    assert os.getsid(echo.ready) != os.getsid(0)


def test_last_words_are_the_error(echo):
    """Proves that when it ends, its last line on standard error is the message."""
    with pytest.raises(BenchmarkError, match=r"^last words$"):
        echo.ask("die")


def test_a_killed_process_is_told_and_its_end_is_quiet(echo):
    """Proves that a process killed between two questions is an error with its signal and closes quietly."""
    kill(echo)
    for _ in range(2):
        with pytest.raises(BenchmarkError, match="signal 9"):
            echo.ask("are you there?")
    echo.close()
    echo.close()  # the second time changes nothing


def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next(echo):
    """Proves that after a Ctrl-C in the middle of a question the next question gets its own answer."""

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            echo.ask("slow")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert echo.ask("next") == "next"
    assert echo.ask("after") == "after"


def test_a_module_that_cannot_start_is_told():
    """Proves that one that is not there, and one that ends at once, each give their reason."""
    with pytest.raises(BenchmarkError, match="No module named"):
        Process("benchmarks.no_such_module")
    with pytest.raises(BenchmarkError, match="exit code 3"):
        Process(ECHO, "exit", 3)


def test_closing_ends_the_process():
    """Proves that after the block it is gone, and the time that it took counts among this process's children."""
    before = os.times()
    with Process(ECHO) as process:
        number = process.ready
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    after = os.times()
    assert after.children_user + after.children_system > before.children_user + before.children_system


def test_no_process_at_all_is_an_error(tmp_path, monkeypatch):
    """Proves that a machine that starts no process, as with a limit of them, is told in one line."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no such python"))
    with pytest.raises(BenchmarkError, match=r"^no process could be started \(No such file or directory\)$"):
        Process(ECHO)
