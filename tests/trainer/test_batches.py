"""Batches: each row once an epoch, in a seeded order, from a thread that never outlives its consumer."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from trainer.batches import DRAWN, Batches, Change

ROWS = np.arange(3, 26)  # 23 rows of 40, so that a row number is no position


def numbered_pixels(count: int = 40) -> np.ndarray:
    """Return pictures, uint8 (count, 4, 4, 3), whose every value is their row."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 4, 4, 3)).copy()


def keep(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return picture


def brighten(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return picture + np.uint8(generator.integers(6))


def made(*, epoch: int = 0, batch_size: int = 8, change: Change = keep, pixels: object = None) -> Batches:
    source = numbered_pixels() if pixels is None else pixels
    return Batches(source, ROWS, ROWS * 2, batch_size=batch_size, seed=(0, 2, epoch), change=change)


def order_of(batches: Batches) -> list[int]:
    return [int(picture[0, 0, 0]) for pixels, _ in batches for picture in pixels]


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Every test here ends with the threads it began with."""
    before = threading.active_count()
    yield
    assert threading.active_count() <= before


@pytest.mark.parametrize("batch_size", [1, 8, 23, 100])
def test_every_row_once(batch_size: int) -> None:
    """Proves that an epoch passes over each row exactly once, the last batch holding the rest."""
    batches = made(batch_size=batch_size)
    sizes = [len(targets) for _, targets in batches]
    assert sum(sizes) == 23
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert len(batches) == len(sizes) == -(-23 // batch_size)
    assert sorted(order_of(batches)) == ROWS.tolist()


def test_seed_decides_the_order() -> None:
    """Proves that an epoch has one order, another epoch another, and neither is the order on disk."""
    first = order_of(made(epoch=0))
    assert first == order_of(made(epoch=0))
    assert first != order_of(made(epoch=1))
    assert first != ROWS.tolist()


@pytest.mark.parametrize("change", [keep, brighten])
def test_pictures_keep_their_targets(change: Change) -> None:
    """Proves that shuffling and changes never part a picture from its target."""
    pixels = numbered_pixels() * 6  # 0 to 234
    for pictures, targets in made(pixels=pixels, change=change):
        assert targets.dtype == np.float32
        for picture, target in zip(pictures, targets, strict=True):
            assert 0 <= picture.mean() - target * 3 < (6 if change is brighten else 1e-9)


def test_drawn_rows_are_drawn() -> None:
    """Proves that a row of no picture becomes a drawn one with its target, another each epoch, the same by seed."""
    rows = np.array([5, DRAWN, 7, DRAWN])
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)

    def epoch(number: int) -> dict[int, np.ndarray]:
        batches = Batches(noise, rows, np.arange(4.0), batch_size=4, seed=(0, 2, number), change=keep)
        pixels, targets = next(iter(batches))
        return dict(zip(targets.astype(int).tolist(), pixels, strict=True))

    first, again, other = epoch(0), epoch(0), epoch(1)
    np.testing.assert_array_equal(first[0], noise[5])
    np.testing.assert_array_equal(first[2], noise[7])
    assert all(np.array_equal(first[target], again[target]) for target in range(4))
    assert not any(np.array_equal(first[target], other[target]) for target in (1, 3))
    assert not any(np.array_equal(first[target], picture) for target in (1, 3) for picture in noise)


def test_pixels_come_as_stored() -> None:
    """Proves that batches are uint8, and unchanged where nothing changes them."""
    pixels, _ = next(iter(made()))
    assert (pixels.dtype, pixels.shape) == (np.uint8, (8, 4, 4, 3))


def test_changes_are_seeded() -> None:
    """Proves that the same seeds give the same changed pictures, and that they are changed."""
    first, again = (np.concatenate([p for p, _ in made(change=brighten)]) for _ in range(2))
    plain = np.concatenate([p for p, _ in made()])
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, plain)


class Broken:
    """Pixels on a disk that fails at the third read."""

    def __init__(self) -> None:
        self.reads = 0

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        self.reads += 1
        if self.reads == 3:
            raise OSError("disk gone")
        return numbered_pixels()[rows]


def test_errors_reach_the_consumer() -> None:
    """Proves that what fails in the thread is raised where batches are consumed, after the good ones."""
    batches = iter(made(batch_size=4, pixels=Broken()))
    assert [len(next(batches)[1]) for _ in range(2)] == [4, 4]
    with pytest.raises(OSError, match="disk gone"):
        next(batches)


def test_early_break_stops_the_thread() -> None:
    """Proves that a consumer that leaves, by break or by error, leaves no thread behind."""
    before = threading.active_count()
    for _ in made(batch_size=1):
        break
    batches = iter(made(batch_size=1))
    next(batches)
    assert threading.active_count() == before + 1
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


class Slow:
    """Pixels that take 20 ms to read."""

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return numbered_pixels()[rows]


def test_waiting_is_counted() -> None:
    """Proves that time spent waiting for slow pixels is counted, and time the consumer takes is not."""
    batches = made(batch_size=4, pixels=Slow())
    start = time.perf_counter()
    assert len(list(batches)) == 6
    passed = time.perf_counter() - start
    assert 0.8 * 6 * 0.02 < batches.waited_s <= passed

    ahead = made(batch_size=4)
    for index, _ in enumerate(ahead):
        time.sleep(0.05 if index else 0.1)
    assert ahead.waited_s < 0.2
