"""How far an exported file is from the Keras model it came from, on the same test pictures."""

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
    """One exported file against the Keras baseline; every interval is of 95 %, every share 0-1.

    Args:
        pictures: number of pictures.
        keras_accuracy: share the baseline classifies right.
        keras_interval: its interval, Wilson's score method.
        accuracy: share the file classifies right.
        interval: its interval, Wilson's score method.
        difference: `accuracy - keras_accuracy`, negative where the file is worse.
        difference_interval: its interval for paired answers, Tango's score method.
        agreement: share given the same label by both.
        right_to_wrong: pictures that the baseline classifies right and the file wrong.
        wrong_to_right: the other way round.
        mcnemar_p: exact two-sided p-value of the flips under "as many either way".
        mean_difference: mean absolute difference of the scores.
        largest_difference: largest absolute difference of a score.
        keras_calibration_error: expected calibration error of the baseline.
        calibration_error: that of the file.
        keras_brier: Brier score of the baseline, 0-2, lower is better.
        brier: that of the file.
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
        """Return the JSON object stored in the manifest."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def measure_drift(keras: Scores, exported: Scores, targets: Labels) -> DriftReport:
    """Compare scores `float64 (N, labels)` of both on one or more pictures of label indices `int (N,)`."""
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
    """Return the same for the pictures of each label that has any."""
    of_label = {label: targets == index for index, label in enumerate(labels)}
    return {
        label: measure_drift(keras[rows], exported[rows], targets[rows])
        for label, rows in of_label.items()
        if rows.any()
    }


def calibration_error(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> float:
    """Return the expected calibration error, 0-1, of scores `(N, labels)`, over 15 equal bins of confidence.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == targets
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, right - confidence, _BINS)
    return float(np.abs(gaps).sum() / len(targets))


def brier_score(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> float:
    """Return the mean over pictures of the summed squared error of all scores, 0-2.

    Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    truth = np.eye(scores.shape[1])[targets]
    return float(((scores - truth) ** 2).sum(axis=1).mean())


def answer_groups(labels: tuple[str, ...], targets: NDArray[np.intp]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the groups that answers are counted in, and which of the pictures `(N,)` each holds.

    Args:
        labels: the labels.
        targets: true label indices `int (N,)`.
    """
    for index, label in enumerate(labels):
        yield label, targets == index
    neither = index_of_neither(labels)
    if neither is not None:
        yield f"all but {NEITHER}", targets != neither
