"""Work on many items at once and return the results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # most items per worker that are in work or wait for the consumer


def usable_cores() -> int:
    """Return how many cores this process may use, 1-4. Small models gain nothing from more than 4."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, cores)


def default_workers() -> int:
    """Return how many pictures to work on at once: one more than `usable_cores()`.

    The extra one keeps every core busy while another one waits.

    Source: measured on two cores with the report network: 3.8 ms a picture with three workers, 4.0 ms with two.
    """
    return usable_cores() + 1


def map_in_order(function: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """Call `function` on each item in `workers` threads, a few items ahead of the consumer.

    Args:
        function: the work for one item. Several threads call it at once, so it must be safe for that.
        items: the items. The consumer's thread takes them, each only when it is needed.
        workers: number of threads, 1 or more.

    Yields:
        The results in the order of the items.

    Raises:
        Exception: `function` raised it on an item; it comes at that item's place. Or `items` raised it; it comes
            after the results of all items before it.
    """
    # Imported here, because the command that classifies one picture does not need it.
    from concurrent.futures import Future, ThreadPoolExecutor

    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers)
    failures: list[Exception] = []
    try:
        for item in _until_failure(items, failures):
            pending.append(pool.submit(function, item))
            for _ in range(2):  # up to two results for one new item: this works off what a burst of items left
                if pending and (pending[0].done() or len(pending) > AHEAD * workers):
                    yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        for failure in failures:
            raise failure
    finally:  # reached also when the consumer stops early: it does not wait for unfinished work
        pool.shutdown(wait=False, cancel_futures=True)


def _until_failure(items: Iterable[Item], failures: list[Exception]) -> Iterator[Item]:
    """Yield the items. An exception ends them and goes to `failures`, to be raised after the earlier results."""
    try:
        for item in items:  # noqa: UP028  `yield from` would close the caller's generator
            yield item
    except Exception as failure:
        failures.append(failure)
