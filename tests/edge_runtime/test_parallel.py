"""Many threads work on items, and the results come in order."""

import threading
import time
from collections.abc import Iterator

import pytest

from edge_runtime.parallel import AHEAD, map_in_order


def test_results_come_in_order_however_long_each_takes() -> None:
    """Proves that results come in the order of the items and that none is lost."""

    def late_when_even(number: int) -> int:
        time.sleep(0.002 * (number % 2 == 0))
        return number

    assert list(map_in_order(late_when_even, range(100), workers=3)) == list(range(100))


def test_result_does_not_wait_for_items_that_are_slow_to_come() -> None:
    """Proves that with a slow source a result comes as soon as the next item is taken."""
    taken = []

    def slow_source() -> Iterator[int]:
        for number in range(20):
            time.sleep(0.05)
            taken.append(number)
            yield number

    results = map_in_order(lambda number: number, slow_source(), workers=3)
    assert next(results) == 0
    assert len(taken) <= 3  # 2 but on a busy machine


def test_many_at_once_leave_no_lag() -> None:
    """Proves that after a burst of items, the slow items that follow get their results promptly."""
    taken = []

    def source() -> Iterator[int]:
        for number in range(40):
            time.sleep(0.02 * (number > 12))
            taken.append(number)
            yield number

    for result in map_in_order(lambda number: number, source(), workers=3):
        lag = len(taken) - result
    assert result == 39
    lags = []
    taken.clear()
    for result in map_in_order(lambda number: number, source(), workers=3):
        lags.append(len(taken) - result)
    assert lag <= 2
    assert sorted(lags[30:])[5] <= 2


def test_source_of_the_caller_stays_open() -> None:
    """Proves that the caller can go on with its generator after it stopped taking results."""
    source = (number for number in range(100))
    results = map_in_order(lambda number: number, source, workers=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert next(source) < 20


def test_few_items_are_taken_ahead() -> None:
    """Proves that an endless source works: only a few items are taken ahead."""
    taken = []

    def source() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    results = map_in_order(lambda number: time.sleep(0.001), source(), workers=2)
    for count in range(1, 50):
        next(results)
        assert len(taken) <= count + 2 * AHEAD


def test_source_that_fails_loses_nothing() -> None:
    """Proves that the results of all earlier items come before the source's error."""

    def source() -> Iterator[int]:
        yield from range(5)
        raise ConnectionError("gone")

    results = map_in_order(lambda number: number, source(), workers=2)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(ConnectionError, match="gone"):
        next(results)


def test_consumer_that_stops_does_not_wait_for_what_is_in_work() -> None:
    """Proves that stopping early takes no time, and that the threads end after their work."""
    release, before = threading.Event(), threading.active_count()
    results = map_in_order(lambda number: number == 0 or release.wait(60), range(100), workers=2)
    assert next(results)
    start_s = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - start_s < 5
    release.set()
    while threading.active_count() > before:
        assert time.monotonic() - start_s < 20
        time.sleep(0.01)


def test_error_of_the_function_reaches_the_consumer() -> None:
    """Proves that an error in a thread is raised at the place of its item."""
    results = map_in_order(lambda number: 6 // (3 - number), range(5), workers=2)
    assert [next(results) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)
