"""How far an exported file is from the Keras model it came from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


@dataclass(frozen=True)
class DriftReport:
    """One exported file against the Keras baseline on the same test pictures.

    Args:
        pictures: number of pictures.
        keras_accuracy: share the baseline classifies right, 0-1.
        keras_interval: its 95 % confidence interval, Wilson's score method.
        accuracy: share the file classifies right, 0-1.
        interval: its 95 % confidence interval, Wilson's score method.
        agreement: share given the same label by both, 0-1.
        right_to_wrong: pictures that the baseline classifies right and the file wrong.
        wrong_to_right: the other way round.
        mcnemar_p: exact two-sided p-value of the flips under "as many either way".
        mean_difference: mean absolute difference of the scores, 0-1.
        largest_difference: largest absolute difference of a score, 0-1.
    """

    pictures: int
    keras_accuracy: float
    keras_interval: tuple[float, float]
    accuracy: float
    interval: tuple[float, float]
    agreement: float
    right_to_wrong: int
    wrong_to_right: int
    mcnemar_p: float
    mean_difference: float
    largest_difference: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the manifest."""
        return asdict(self)


def measure_drift(
    keras: NDArray[np.float64], exported: NDArray[np.float64], targets: NDArray[np.intp]
) -> DriftReport:
    """Compare scores `(N, labels)` of both on pictures of the true label indices `(N,)`.

    Source: E. B. Wilson 1927 for the intervals; Q. McNemar, "Note on the sampling error of the difference
    between correlated proportions or percentages", 1947, in its exact binomial form.
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
        agreement=float((before == after).mean()),
        right_to_wrong=lost,
        wrong_to_right=won,
        mcnemar_p=float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0,
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
    )


def _wilson(right: NDArray[np.bool_]) -> tuple[float, float]:
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
