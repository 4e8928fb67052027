"""Judge files whose pictures may show several labels: thresholds, drift and figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edge_runtime.proof.drift import DriftReport, brier_score, calibration_error, measure_drift
from edge_runtime.proof.gate import judge
from edge_runtime.proof.shares import wilson_interval
from exporter.guessing import MOST_LABELS
from exporter.own.judgement import Figures
from exporter.verification import Check

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]
Order = tuple[tuple[str, ...], float]
HALF = 0.5  # the threshold of a label where no validation picture shows it, or none lacks it


def choose_thresholds(scores: Scores, truth: Truth) -> tuple[float, ...]:
    """Return for each label the threshold with the best F1 on validation pictures, 0-1.

    Of the thresholds that divide the pictures alike, it is the middle one.

    Args:
        scores: `float64 (N, labels)`, 0-1.
        truth: whether a picture shows a label, `bool (N, labels)`.
    """
    return tuple(_threshold(scores[:, column], truth[:, column]) for column in range(scores.shape[1]))


def _threshold(scores: Scores, truth: Truth) -> float:
    if not len(truth) or truth.all() or not truth.any():
        return HALF
    steps = np.unique(np.concatenate([[0.0], scores, [1.0]]))
    tried = (steps[1:] + steps[:-1]) / 2
    found = scores[None, :] >= tried[:, None]
    right = (found & truth).sum(axis=1)
    f1 = 2 * right / (found.sum(axis=1) + truth.sum())
    best = tried[np.isclose(f1, f1.max())]
    return float(round(best[np.abs(best - HALF).argmin()], 4))


def guess_share(truth: Truth) -> float:
    """Return the share of the pictures with the most frequent set of labels."""
    _, counts = np.unique(truth, axis=0, return_counts=True)
    return float(counts.max() / len(truth))


def better_order(scores: Scores, truth: Truth, thresholds: tuple[float, ...], labels: tuple[str, ...]) -> Order:
    """Return the order of the labels in which many more pictures are wholly right, and their share; or nothing."""
    answers = scores >= np.array(thresholds)
    same = (answers[:, :, None] == truth[:, None, :]).sum(axis=0)
    outputs, meant = linear_sum_assignment(same, maximize=True)
    moved = np.zeros_like(answers)
    moved[:, meant] = answers[:, outputs]
    after, now = (figures(np.asarray((found == truth).all(axis=1))) for found in (moved, answers))
    if len(labels) > MOST_LABELS or after.interval[0] <= max(now.interval[1], guess_share(truth)):
        return (), 0.0
    return tuple(labels[index] for index in meant), after.accuracy


def check_several(
    reference: Scores, scores: Scores, truth: Truth, *, thresholds: tuple[float, ...], labels: tuple[str, ...],
    max_drop: float,
) -> Check:  # fmt: skip
    """Compare a file with the Keras model: the whole set of labels of each picture, and each label by itself."""
    before, after = reference >= np.array(thresholds), scores >= np.array(thresholds)
    whole = _drift((before == truth).all(axis=1), (after == truth).all(axis=1))
    whole = replace(
        whole, agreement=float((before == after).all(axis=1).mean()), **_distances(reference, scores, truth)
    )
    by_class = {}
    for column, label in enumerate(labels):
        one = slice(column, column + 1)
        drift = _drift(before[:, column] == truth[:, column], after[:, column] == truth[:, column])
        by_class[label] = replace(
            drift,
            agreement=float((before[:, column] == after[:, column]).mean()),
            **_distances(reference[:, one], scores[:, one], truth[:, one]),
        )
    return Check(scores, whole, by_class, judge(whole, max_drop=max_drop))


def _drift(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> DriftReport:
    """Return the drift of answers that are right or wrong."""
    one, other = (np.stack([right, ~right], axis=1).astype(np.float64) for right in (before, after))
    return measure_drift(one, other, np.zeros(len(before), np.intp))


def _distances(reference: Scores, scores: Scores, truth: Truth) -> dict[str, Any]:
    difference = np.abs(reference - scores)
    known = truth.astype(np.intp).reshape(-1)
    pairs = [np.stack([1 - values.reshape(-1), values.reshape(-1)], axis=1) for values in (reference, scores)]
    return {
        "mean_difference": float(difference.mean()),
        "largest_difference": float(difference.max()),
        "keras_calibration_error": calibration_error(pairs[0], known),
        "calibration_error": calibration_error(pairs[1], known),
        "keras_brier": brier_score(pairs[0], known),
        "brier": brier_score(pairs[1], known),
    }


def label_rows(
    scores: Scores, truth: Truth, thresholds: tuple[float, ...], labels: tuple[str, ...]
) -> list[list[str]]:
    """Return a row for each label: threshold, pictures that show it, accuracy, precision and recall."""
    answers = scores >= np.array(thresholds)
    return [
        [
            label,
            f"{thresholds[column]:.4f}",
            f"{int(truth[:, column].sum()):,}",
            _share(answers[:, column] == truth[:, column]),
            _share(truth[:, column][answers[:, column]]),
            _share(answers[:, column][truth[:, column]]),
        ]
        for column, label in enumerate(labels)
    ]


def figures(right: NDArray[np.bool_]) -> Figures:
    """Return how many pictures are right, with the interval."""
    count = int(right.sum())
    return Figures(len(right), count / len(right), wilson_interval(count, len(right)))


def _share(found: NDArray[np.bool_]) -> str:
    if not len(found):
        return "none"
    low, high = wilson_interval(int(found.sum()), len(found))
    return f"{found.mean():.2%} [{low:.2%}, {high:.2%}]"
