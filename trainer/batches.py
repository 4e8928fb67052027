"""Prepare shuffled batches in a background thread, and count the time that training waits for them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels
from trainer.data.drawn_negatives import draw_negative

_AHEAD = 4
DRAWN = -1  # a row without a picture: code draws a negative for it

Batch = tuple[Pixels, NDArray[np.float32]]
Change = Callable[[Pixels, np.random.Generator], Pixels]


class Batches:
    """One shuffled pass over pictures. Batches are prepared before they are asked for.

    Args:
        pixels: `uint8 (rows, H, W, 3) RGB 0-255`, indexed by `rows`.
        rows: `int (N,)`, the rows to pass over; `DRAWN` for a negative to draw.
        targets: `float32 (N,)` or `int (N,)`, the target of each row.
        batch_size: pictures a batch; the last batch holds the rest.
        seed: seed of order, changes and drawn negatives; the same seed gives the same batches.
        change: called with each picture and a source of random choices; returns the picture to show.

    Attributes:
        waited_s: seconds spent waiting for a batch so far.
    """

    def __init__(
        self,
        pixels: Pixels,
        rows: NDArray[np.intp],
        targets: NDArray[np.float32],
        *,
        batch_size: int,
        seed: tuple[int, ...],
        change: Change,
    ) -> None:
        """Keep the arguments. Nothing is read before the iteration."""
        self._pixels, self._rows, self._targets = pixels, rows, targets
        self._batch_size, self._seed, self._change = batch_size, seed, change
        self.waited_s = 0.0

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self._rows) // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yield pictures and targets, `(uint8 (B, H, W, 3), float32 (B,))`, in the seeded order."""
        ready: queue.Queue[Batch | BaseException | None] = queue.Queue(_AHEAD)
        stop = threading.Event()
        worker = threading.Thread(target=self._fill, args=(ready, stop), daemon=True)
        worker.start()
        try:
            while True:
                start = time.perf_counter()
                batch = ready.get()
                self.waited_s += time.perf_counter() - start
                if batch is None:
                    return
                if isinstance(batch, BaseException):
                    raise batch
                yield batch
        finally:
            stop.set()
            while worker.is_alive():
                _drain(ready)
                worker.join(0.05)

    def _fill(self, ready: queue.Queue[Batch | BaseException | None], stop: threading.Event) -> None:
        try:
            generator = np.random.default_rng(self._seed)
            order = generator.permutation(len(self._rows))
            for start in range(0, len(order), self._batch_size):
                if stop.is_set():
                    return
                chosen = order[start : start + self._batch_size]
                pixels = self._pictures(self._rows[chosen], generator)
                ready.put((pixels, self._targets[chosen].astype(np.float32)))
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    def _pictures(self, rows: NDArray[np.intp], generator: np.random.Generator) -> Pixels:
        stored = np.asarray(self._pixels[np.maximum(rows, 0)])
        pictures = [
            draw_negative(self._any_picture(generator), generator) if row == DRAWN else picture
            for row, picture in zip(rows, stored, strict=True)
        ]
        return np.stack([self._change(picture, generator) for picture in pictures])

    def _any_picture(self, generator: np.random.Generator) -> Pixels:
        stored = self._rows[self._rows != DRAWN]
        return np.asarray(self._pixels[stored[generator.integers(len(stored))]])


def _drain(ready: queue.Queue[Batch | BaseException | None]) -> None:
    try:
        while True:
            ready.get_nowait()
    except queue.Empty:
        return
