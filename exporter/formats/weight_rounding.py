"""Round the weights of an int8 layer so that its sums stay near, not each weight alone.

A convolution's inputs rise and fall together: neighbouring pixels are alike, and after ReLU all are positive. So
the errors of weights rounded to the nearest step add up. Here the weights are rounded one after the other, and the
weights still to come make up for each error. Calibration pictures say how far they can.

Source: E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers",
2022, after B. Hassibi and D. Stork, "Second order derivatives for network pruning: Optimal Brain Surgeon", 1992.
Measured in docs/decisions/0015.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cholesky
from scipy.linalg.lapack import dtrtri
from threadpoolctl import threadpool_limits

from edge_runtime.parallel import usable_cores

MOST_INPUTS = 5_000  # of a filter; 3 x 3 over 512 channels has 4,608. More would take minutes and gigabytes
_PATCHES = 16_384  # seen by a layer, over all pictures; ten times the longest filter of the networks here
_PICTURES = 32  # whose patches are multiplied at once
_DAMPING = 0.01  # share of the mean power that is added to each input, so that few patches do not decide alone
_BLOCK = 128  # weights that are rounded before their errors are handed to all later ones

Doubles = NDArray[np.float64]
Kernel = tuple[NDArray[np.float32], NDArray[np.int8], ArrayLike, Doubles]  # the arguments of `round_kernel`


class NotRoundedWarning(UserWarning):
    """The weights of a file stay rounded to nearest, and why."""


@contextmanager
def noted() -> Iterator[list[str]]:
    """Give a list that has each `NotRoundedWarning` of the block when it ends."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NotRoundedWarning)
        yield notes
    for warning in caught:
        if issubclass(warning.category, NotRoundedWarning):
            notes.append(str(warning.message))
        else:
            warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)


def leave_nearest(error: Exception, form: str) -> None:
    """Say that the weights of a file stay as the quantiser rounded them, which is only a little worse."""
    reason = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
    said = f"rounding the weights of the int8 {form} file together, because it ended in {reason}"
    warnings.warn(NotRoundedWarning(said), stacklevel=2)


@dataclass(frozen=True)
class Window:
    """What a convolution of all channels reads for one output.

    Args:
        kernel: rows and columns.
        strides: rows and columns from one window to the next.
        padding: rows of zeros above, columns left, rows below, columns right; None for `SAME`: as many as give an
            output for every stride, with the odd one below and right.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] | None = (0, 0, 0, 0)

    def over(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return every window of a tensor, from `(H, W, C)` to a view `(rows, columns, C, *kernel)`."""
        top, left, bottom, right = self.padding or self._same(tensor.shape[:2])
        padded = np.pad(tensor, ((top, bottom), (left, right), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.kernel, (0, 1))
        return windows[:: self.strides[0], :: self.strides[1]]

    def _same(self, sides: tuple[int, ...]) -> tuple[int, int, int, int]:
        high, wide = (
            max(0, (-(-side // step) - 1) * step + kernel - side)
            for side, kernel, step in zip(sides, self.kernel, self.strides, strict=True)
        )
        return high // 2, wide // 2, high - high // 2, wide - wide // 2


def input_powers(
    pictures: Iterable[Sequence[NDArray[np.float32]]], windows: Sequence[Window], count: int
) -> list[Doubles]:
    """Return for each layer the mean products of its inputs with one another.

    Args:
        pictures: for each calibration picture what each layer reads, `float32 (H, W, C)`.
        windows: each layer's window.
        count: calibration pictures.

    Returns:
        `float64 (C * KH * KW, C * KH * KW)` of each layer.
    """
    generator = np.random.default_rng(0)
    each = -(-_PATCHES // count)
    sums: list[Doubles] = [np.zeros(()) for _ in windows]
    seen = [0] * len(windows)
    waiting: list[list[NDArray[np.float32]]] = [[] for _ in windows]
    with _layers_at_once() as pool:
        for number, tensors in enumerate(pictures, 1):
            for window, tensor, patches in zip(windows, tensors, waiting, strict=True):
                patches.append(_some_patches(window.over(tensor), each, generator))
            if number % _PICTURES and number < count:
                continue  # one large product is many times faster than many small ones
            for index, (product, rows) in enumerate(pool.map(_product, waiting)):
                sums[index] = sums[index] + product
                seen[index] += rows
            waiting = [[] for _ in windows]
    return [total / number for total, number in zip(sums, seen, strict=True)]


def _product(patches: list[NDArray[np.float32]]) -> tuple[NDArray[np.float32], int]:
    together = np.concatenate(patches)
    return together.T @ together, len(together)


@contextmanager
def _layers_at_once() -> Iterator[ThreadPoolExecutor]:
    """Give a thread to each core, and each product to one thread.

    Where a product is shared between threads, all wait for the slowest. Beside another program that made rounding
    of the compact network three times as slow.
    """
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(usable_cores()) as pool:
        yield pool


def _some_patches(windows: NDArray[np.float32], most: int, generator: np.random.Generator) -> NDArray[np.float32]:
    high, wide = windows.shape[:2]
    some = generator.choice(high * wide, min(most, high * wide), replace=False)
    rows: NDArray[np.float32] = windows[some // wide, some % wide].reshape(len(some), -1)
    return rows


def round_kernels(kernels: Iterable[Kernel]) -> list[NDArray[np.int8]]:
    """Return what `round_kernel` gives for the arguments of each layer, several layers at a time."""
    with _layers_at_once() as pool:
        return list(pool.map(lambda kernel: round_kernel(*kernel), kernels))


def round_kernel(
    weights: NDArray[np.float32], nearest: NDArray[np.int8], scales: ArrayLike, powers: Doubles
) -> NDArray[np.int8]:
    """Return the steps of a convolution's weights, rounded together.

    Args:
        weights: `float32 (O, C, KH, KW)`.
        nearest: the same weights rounded one by one, in any order. The largest is the limit to either side.
        scales: `(O,)`, the width of a step of each output.
        powers: what `input_powers` returned for the layer.

    Returns:
        `int8 (O, C, KH, KW)`.
    """
    limit = int(np.abs(nearest.astype(np.int64)).max())
    rows = weights.reshape(len(weights), -1).astype(np.float64)
    return round_together(rows, np.asarray(scales, np.float64), powers, limit).reshape(weights.shape)


def round_together(weights: Doubles, scales: Doubles, powers: Doubles, limit: int) -> NDArray[np.int8]:
    """Return the steps of a layer's weights that keep the expected square of its error small.

    Args:
        weights: `float64 (outputs, inputs)`.
        scales: `float64 (outputs,)`, the width of a step of each output.
        powers: `float64 (inputs, inputs)`, mean products of the inputs with one another.
        limit: largest step to either side, at most 127.

    Returns:
        `int8 (outputs, inputs)`, -limit to limit.
    """
    inputs = weights.shape[1]
    damped = powers + np.eye(inputs) * max(_DAMPING * np.diag(powers).mean(), 1e-12)
    order = np.argsort(-np.diag(damped), kind="stable")  # the strongest inputs while most others can still repay
    debts = _debts(damped[np.ix_(order, order)])
    left, steps = weights[:, order].copy(), np.zeros(weights.shape, np.int8)
    for start in range(0, inputs, _BLOCK):
        end = min(start + _BLOCK, inputs)
        owed = np.zeros((len(weights), end - start))
        for index in range(start, end):
            step = np.clip(np.round(left[:, index] / scales), -limit, limit)
            steps[:, order[index]] = step
            error = (left[:, index] - step * scales) / debts[index, index]
            left[:, index:end] -= np.outer(error, debts[index, index:end])
            owed[:, index - start] = error
        left[:, end:] -= owed @ debts[start:end, end:]
    return steps


def _debts(powers: Doubles) -> Doubles:
    """Return U, upper triangular, with U^T U the inverse of `powers`: how an error is spread over later inputs."""
    turned = cholesky(powers[::-1, ::-1], lower=True, check_finite=False)  # so that powers = V V^T, V upper
    debts: Doubles = dtrtri(turned[::-1, ::-1])[0]
    return debts
