"""Figures of a trained network on the test split."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import classification_report, confusion_matrix


@dataclass(frozen=True)
class Evaluation:
    """Figures on `pictures` test pictures.

    Args:
        pictures: number of pictures.
        accuracy: share of them classified right, 0-1.
        accuracy_interval: 95 % interval of the accuracy, Wilson's method, 0-1.
        confusion: counts, a row per true label and a column per predicted label.
        per_class: precision, recall, f1-score and support of each label, and their macro and weighted averages,
            from scikit-learn's `classification_report`.
    """

    pictures: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    confusion: tuple[tuple[int, ...], ...]
    per_class: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of `metrics.json`."""
        return asdict(self)


def evaluate_scores(scores: NDArray[np.float64], targets: NDArray[np.intp], labels: tuple[str, ...]) -> Evaluation:
    """Compare scores `(N, labels)` with the true label indices `(N,)`.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    predicted = scores.argmax(axis=1)
    right = int((predicted == targets).sum())
    interval = binomtest(right, len(targets)).proportion_ci(method="wilson")
    return Evaluation(
        pictures=len(targets),
        accuracy=right / len(targets),
        accuracy_interval=(float(interval.low), float(interval.high)),
        confusion=tuple(map(tuple, confusion_matrix(targets, predicted, labels=range(len(labels))).tolist())),
        per_class=_per_class(targets, predicted, labels),
    )


def _per_class(
    targets: NDArray[np.intp], predicted: NDArray[np.intp], labels: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Return the figures of each label, then the averages. A label called like an average takes its place."""
    numbers = list(range(len(labels)))
    names = [
        str(number) for number in numbers
    ]  # scikit-learn adds rows of its own, which may be called like a label
    rows = classification_report(
        targets, predicted, labels=numbers, target_names=names, output_dict=True, zero_division=0
    )
    found = {label: rows[name] for label, name in zip(labels, names, strict=True)}
    for average in ("macro avg", "weighted avg"):
        found.setdefault(average, rows[average])
    return {name: {key: float(value) for key, value in row.items()} for name, row in found.items()}


def worst_mistakes(
    scores: NDArray[np.float64], targets: NDArray[np.intp], count: int
) -> list[tuple[int, int, float]]:
    """Return `(picture index, wrong label, its score)` of the mistakes with the highest scores, highest first."""
    predicted = scores.argmax(axis=1)
    confidence = scores.max(axis=1)
    wrong = np.flatnonzero(predicted != targets)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    return [(int(index), int(predicted[index]), float(confidence[index])) for index in order]
