"""Measure how far an exported file differs from its Keras model on the same test pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.labels import NEITHER, index_of_neither
from edge_runtime.proof.shares import Interval, mcnemar_p, paired_interval, wilson_interval

Scores = NDArray[np.float64]
Labels = NDArray[np.intp]
_BINS = 15  # of the calibration error


@dataclass(frozen=True)
class DriftReport:
    """The comparison of one exported file with its Keras model. Intervals are of 95 %, and shares are 0-1.

    Args:
        pictures: number of pictures.
        keras_accuracy: share of the pictures that the Keras model classifies right.
        keras_interval: interval of `keras_accuracy`, by Wilson's score method.
        accuracy: share of the pictures that the file classifies right.
        interval: interval of `accuracy`, by Wilson's score method.
        difference: `accuracy - keras_accuracy`; negative when the file is worse.
        difference_interval: interval of `difference`, for paired answers, by Tango's score method.
        agreement: share of the pictures that get the same label from both.
        right_to_wrong: number of pictures that the Keras model classifies right and the file wrong.
        wrong_to_right: number of pictures that the Keras model classifies wrong and the file right.
        mcnemar_p: exact two-sided p-value of the flips, if both kinds are equally likely.
        mean_difference: mean absolute difference of the scores, 0-1.
        largest_difference: largest absolute difference of a score, 0-1.
        keras_calibration_error: expected calibration error of the Keras model, 0-1.
        calibration_error: expected calibration error of the file, 0-1.
        keras_brier: Brier score of the Keras model, 0-2; lower is better.
        brier: Brier score of the file, 0-2; lower is better.
    """

    pictures: int
    keras_accuracy: float
    keras_interval: Interval
    accuracy: float
    interval: Interval
    difference: float
    difference_interval: Interval
    agreement: float
    right_to_wrong: int
    wrong_to_right: int
    mcnemar_p: float
    mean_difference: float
    largest_difference: float
    keras_calibration_error: float
    calibration_error: float
    keras_brier: float
    brier: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the manifest."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def measure_drift(keras: Scores, exported: Scores, targets: Labels) -> DriftReport:
    """Compare the scores of a file with those of its Keras model.

    Args:
        keras: the Keras model's scores, `float64 (N, labels)`, 0-1, with N 1 or more.
        exported: the file's scores of the same pictures, `float64 (N, labels)`, 0-1.
        targets: index of each picture's true label, `int (N,)`.
    """
    before, after = keras.argmax(axis=1), exported.argmax(axis=1)
    right_before, right_after = before == targets, after == targets
    lost = int((right_before & ~right_after).sum())
    won = int((~right_before & right_after).sum())
    difference = np.abs(keras - exported)
    return DriftReport(
        pictures=len(targets),
        keras_accuracy=float(right_before.mean()),
        keras_interval=wilson_interval(int(right_before.sum()), len(targets)),
        accuracy=float(right_after.mean()),
        interval=wilson_interval(int(right_after.sum()), len(targets)),
        difference=(won - lost) / len(targets),
        difference_interval=paired_interval(lost, won, len(targets)),
        agreement=float((before == after).mean()),
        right_to_wrong=lost,
        wrong_to_right=won,
        mcnemar_p=mcnemar_p(lost, won),
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
        keras_calibration_error=calibration_error(keras, targets),
        calibration_error=calibration_error(exported, targets),
        keras_brier=brier_score(keras, targets),
        brier=brier_score(exported, targets),
    )


def measure_drift_by_class(
    keras: Scores, exported: Scores, targets: Labels, labels: tuple[str, ...]
) -> dict[str, DriftReport]:
    """Return `measure_drift` for the pictures of each label. A label without pictures is left out."""
    of_label = {label: targets == index for index, label in enumerate(labels)}
    return {
        label: measure_drift(keras[rows], exported[rows], targets[rows])
        for label, rows in of_label.items()
        if rows.any()
    }


def calibration_error(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> float:
    """Return the expected calibration error over 15 equal bins of confidence.

    Args:
        scores: `float64 (N, labels)`, 0-1.
        targets: index of each picture's true label, `int (N,)`.

    Returns:
        The error, 0-1; lower is better.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == targets
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, right - confidence, _BINS)
    return float(np.abs(gaps).sum() / len(targets))


def brier_score(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> float:
    """Return the Brier score: the squared errors of a picture's scores are summed, and the mean is taken.

    Args:
        scores: `float64 (N, labels)`, 0-1.
        targets: index of each picture's true label, `int (N,)`.

    Returns:
        The score, 0-2; lower is better.

    Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    truth = np.eye(scores.shape[1])[targets]
    return float(((scores - truth) ** 2).sum(axis=1).mean())


def answer_groups(labels: tuple[str, ...], targets: NDArray[np.intp]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the groups of pictures that a report counts apart.

    There is one group for each label. Where `neither` is a label, there is also a group of all other pictures.

    Args:
        labels: the labels of the bundle.
        targets: index of each picture's true label, `int (N,)`.

    Yields:
        The name of a group, and `bool (N,)`: whether each picture is in it.
    """
    for index, label in enumerate(labels):
        yield label, targets == index
    neither = index_of_neither(labels)
    if neither is not None:
        yield f"all but {NEITHER}", targets != neither
