"""What people get from a file: an answer, right or wrong, or `unsure` below the bundle's confidence threshold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge_runtime.proof.drift import answer_groups
from edge_runtime.proof.shares import wilson_interval
from exporter.report.record import ExportRecord

KEPT = 0.99  # share of the right answers that the threshold lets through


def choose_threshold(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> float:
    """Return the confidence that 99 % of the right answers reach, 0-1, rounded down to thousandths.

    Args:
        scores: `float64 (N, labels)` of the validation split, 0-1.
        targets: label indices `int (N,)`.
    """
    right = scores.argmax(axis=1) == targets
    if not right.any():
        return 0.0
    return float(np.floor(np.quantile(scores.max(axis=1)[right], 1 - KEPT) * 1000) / 1000)


def answer_rows(record: ExportRecord) -> Iterator[tuple[str, ...]]:
    """Yield for each file and class: pictures, label right, right and sure, right or unsure, sure and wrong."""
    for file in record.files:
        for name, chosen in answer_groups(record.source.labels, record.test[1]):
            scores, targets = file.check.scores[chosen], record.test[1][chosen]
            right = scores.argmax(axis=1) == targets
            sure = scores.max(axis=1) >= record.threshold
            shares = (right, right & sure, right | ~sure, ~right & sure)
            yield (f"`{file.name}`", name, f"{len(targets):,}", *map(_share, shares))


def _share(found: NDArray[np.bool_]) -> str:
    if not len(found):
        return "no picture"
    low, high = wilson_interval(int(found.sum()), len(found))
    return f"{found.mean():.2%} [{low:.2%}, {high:.2%}]"
