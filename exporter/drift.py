"""How far an exported file is from the Keras model it came from, on the same test pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from exporter.confidence import brier_score, calibration_error

Scores = NDArray[np.float64]
Labels = NDArray[np.intp]
Interval = tuple[float, float]


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
    """Compare scores `float64 (N, labels)` of both on one or more pictures of label indices `int (N,)`.

    Source: E. B. Wilson 1927 for the intervals of an accuracy; Q. McNemar, "Note on the sampling error of the
    difference between correlated proportions or percentages", 1947, in its exact binomial form.
    """
    before, after = keras.argmax(axis=1), exported.argmax(axis=1)
    right_before, right_after = before == targets, after == targets
    lost = int((right_before & ~right_after).sum())
    won = int((~right_before & right_after).sum())
    difference = np.abs(keras - exported)
    return DriftReport(
        pictures=len(targets),
        keras_accuracy=float(right_before.mean()),
        keras_interval=_wilson(right_before),
        accuracy=float(right_after.mean()),
        interval=_wilson(right_after),
        difference=(won - lost) / len(targets),
        difference_interval=paired_interval(lost, won, len(targets)),
        agreement=float((before == after).mean()),
        right_to_wrong=lost,
        wrong_to_right=won,
        mcnemar_p=float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0,
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


def paired_interval(lost: float, won: float, pictures: int, *, confidence: float = 0.95) -> Interval:
    """Return the interval of `(won - lost) / pictures`, a difference of two shares of the same pictures.

    Args:
        lost: pictures right before and wrong after.
        won: pictures wrong before and right after.
        pictures: all pictures, 1 or more.
        confidence: coverage, 0-1.

    Source: T. Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998). Unlike Wald's it holds with few or no flips: with
    none it is -z^2 / (N + z^2) to z^2 / (N + z^2).
    """
    z = float(norm.ppf((1 + confidence) / 2))
    edge = 1 - 1e-12

    def excess(delta: float, bound: float) -> float:
        return _tango_statistic(won, lost, pictures, delta) - bound

    estimate = (won - lost) / pictures
    low = -1.0 if estimate <= -edge else brentq(excess, -edge, max(estimate, -edge + 1e-15), args=(z,))
    high = 1.0 if estimate >= edge else brentq(excess, min(estimate, edge - 1e-15), edge, args=(-z,))
    return float(low), float(high)


def _tango_statistic(first: float, second: float, pictures: int, delta: float) -> float:
    """Return the score statistic of "the first share of flips exceeds the second by delta"."""
    gap = first - second - pictures * delta
    a = 2 * pictures
    b = -first - second + (2 * pictures - first + second) * delta
    c = -second * delta * (1 - delta)
    rate = (np.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = pictures * (2 * rate + delta * (1 - delta))
    if variance <= 0:
        return 0.0 if gap == 0 else float(np.copysign(1e12, gap))
    return float(gap / np.sqrt(variance))


def _wilson(right: NDArray[np.bool_]) -> Interval:
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
