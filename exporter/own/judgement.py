"""Judge a file of others by the true labels of the test pictures: there is no Keras model to compare it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.proof.gate import GateState
from edge_runtime.proof.shares import Interval, wilson_interval


@dataclass(frozen=True)
class Figures:
    """How many pictures a file has right.

    Args:
        pictures: number of pictures, 1 or more.
        accuracy: share that the file has right, 0-1.
        interval: its interval of 95 %, by Wilson's score method.
    """

    pictures: int
    accuracy: float
    interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the manifest."""
        return {"pictures": self.pictures, "accuracy": self.accuracy, "interval": list(self.interval)}


@dataclass(frozen=True)
class Judgement:
    """The figures of a file, and the verdict on it.

    Args:
        whole: of all test pictures.
        by_class: of the pictures of each label that has any.
        state: passed if the interval begins above `min_accuracy`, or at it if the user asked for it; failed if it
            ends below what the user asked for; else inconclusive.
        min_accuracy: what guessing reaches, or what the user asked for, 0-1.
    """

    whole: Figures
    by_class: dict[str, Figures]
    state: GateState
    min_accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the manifest."""
        return self.whole.to_dict() | {
            "by_class": {label: figures.to_dict() for label, figures in self.by_class.items()},
            "gate": {"state": self.state, "min_accuracy": self.min_accuracy},
        }


def judge(
    scores: NDArray[np.float64],
    targets: NDArray[np.intp],
    labels: tuple[str, ...],
    *,
    guess: float,
    min_accuracy: float | None,
) -> Judgement:
    """Judge a file.

    Args:
        scores: its scores, `float64 (N, labels)`, with N 1 or more.
        targets: index of each picture's true label, `int (N,)`.
        labels: the labels in the order of the scores.
        guess: share that one has right without looking, 0-1.
        min_accuracy: smallest accuracy that passes, 0-1; None if it has to be better than `guess`.
    """
    right = scores.argmax(axis=1) == targets
    whole = _figures(right)
    by_class = {
        label: _figures(right[targets == index]) for index, label in enumerate(labels) if (targets == index).any()
    }
    low, high = whole.interval
    if min_accuracy is None:
        state = GateState.PASSED if low > guess else GateState.INCONCLUSIVE
        return Judgement(whole, by_class, state, guess)
    state = GateState.FAILED if high < min_accuracy else GateState.INCONCLUSIVE
    return Judgement(whole, by_class, GateState.PASSED if low >= min_accuracy else state, min_accuracy)


def _figures(right: NDArray[np.bool_]) -> Figures:
    count = int(right.sum())
    return Figures(len(right), count / len(right), wilson_interval(count, len(right)))
