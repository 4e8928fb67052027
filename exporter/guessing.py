"""Tell a model that knows its labels from one that guesses, and find what was mistaken: the labels or the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edge_runtime.proof.shares import Interval, wilson_interval
from exporter.labels import order_line

MOST_LABELS = 20  # an order of more labels helps nobody on a command line
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))  # what models take for black and white, the most frequent first

Scores = NDArray[np.float64]
Targets = NDArray[np.intp]


@dataclass(frozen=True)
class Guessing:
    """How a model compares with guessing. Shares are 0-1.

    Args:
        pictures: test pictures.
        accuracy: share of them that the model has right.
        interval: its interval of 95 %, by Wilson's score method.
        guess: share that one has right without looking: that of the largest class, or 1 by the number of labels.
        order: the labels in the order in which the model would be much better; empty if there is none.
        order_accuracy: share that it would have right then.
    """

    pictures: int
    accuracy: float
    interval: Interval
    guess: float
    order: tuple[str, ...] = ()
    order_accuracy: float = 0.0

    @property
    def is_guessing(self) -> bool:
        """Whether the model is not shown to be better than guessing."""
        return self.interval[0] <= self.guess


@dataclass(frozen=True)
class BetterRange:
    """Values of black and white with which a model would be much better.

    Args:
        low: value of black.
        high: value of white.
        accuracy: share of the pictures that it would have right, 0-1.
        order: the labels in the order that this needs besides; empty if they stay as they are.
    """

    low: float
    high: float
    accuracy: float
    order: tuple[str, ...] = ()


def compare_with_guessing(scores: Scores, targets: Targets, labels: tuple[str, ...]) -> Guessing:
    """Compare a model with guessing.

    Args:
        scores: `float64 (N, labels)`, with N 1 or more.
        targets: index of each picture's true label, `int (N,)`.
        labels: the labels in the order of the scores.
    """
    answers = scores.argmax(axis=1)
    right, count = int((answers == targets).sum()), len(targets)
    largest = float(np.bincount(targets).max()) / count
    guess = max(largest, 1 / len(labels))
    interval = wilson_interval(right, count)
    order, share = _best_order(answers, targets, labels)
    low, _ = wilson_interval(round(share * count), count)
    if low <= max(interval[1], guess):
        order, share = (), 0.0
    return Guessing(count, right / count, interval, guess, order, share)


def _best_order(answers: Targets, targets: Targets, labels: tuple[str, ...]) -> tuple[tuple[str, ...], float]:
    """Return the order of the labels in which most answers are right, and the share that is right then."""
    if len(labels) > MOST_LABELS:
        return (), 0.0
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (answers, targets), 1)
    outputs, meant = linear_sum_assignment(counts, maximize=True)
    return tuple(labels[index] for index in meant), float(counts[outputs, meant].sum() / len(targets))


def better_range(
    found: Guessing,
    scores_of: Callable[[float, float], Scores],
    targets: Targets,
    labels: tuple[str, ...],
    *,
    ranges: Iterable[tuple[float, float]] = RANGES,
) -> BetterRange | None:
    """Return the values of black and white with which a model would be much better, or None.

    Args:
        found: how the model compares with guessing as it is.
        scores_of: gives the scores `float64 (N, labels)` for values of black and white.
        targets: index of each picture's true label, `int (N,)`.
        labels: the labels in the order of the scores.
        ranges: the values to try.
    """
    best: BetterRange | None = None
    for low, high in ranges:
        tried = compare_with_guessing(scores_of(low, high), targets, labels)
        share, order = (tried.order_accuracy, tried.order) if tried.order else (tried.accuracy, ())
        least, _ = wilson_interval(round(share * tried.pictures), tried.pictures)
        if least > max(found.interval[1], found.guess) and (best is None or share > best.accuracy):
            best = BetterRange(low, high, share, order)
    return best


def warning_lines(
    found: Guessing, labels: tuple[str, ...], better: BetterRange | None = None, *, trained_here: bool = False
) -> list[str]:
    """Return what to say of a model that guesses, or that would be much better with its labels in another order.

    Args:
        found: how the model compares with guessing.
        labels: the labels in the order that was used.
        better: values of black and white with which it would be better.
        trained_here: whether catdog-train made the model, so that labels and range are right. Default no.
    """
    lines = []
    advice = "Are the labels in the right order, is --input-range right, and are there enough test pictures?"
    if trained_here:
        advice = "Train longer, or with more pictures."
    if found.is_guessing:
        low, high = found.interval
        lines.append(
            f"warning: the model is no better than guessing: accuracy {found.accuracy:.2%} [{low:.2%}, {high:.2%}] "
            "of "
            f"{found.pictures:,} test pictures. Without looking one has {found.guess:.2%} right. {advice}"
        )
        lines.append(order_line(labels))
    if better is not None:
        order = f" --labels {','.join(better.order)}" if better.order else ""
        lines.append(
            f"warning: {better.accuracy:.2%} would be right with --input-range {better.low:g} "
            f"{better.high:g}{order}"
        )
    elif found.order and not trained_here:
        lines.append(
            f"warning: {found.order_accuracy:.2%} would be right with the labels in another order: --labels "
            f"{','.join(found.order)}"
        )
    return lines
