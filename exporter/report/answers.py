"""Count the answers that people get from a file: right, wrong, or unsure below the confidence threshold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge_runtime.markdown import code
from edge_runtime.proof.drift import answer_groups
from edge_runtime.proof.shares import wilson_interval
from exporter.report.record import ExportRecord


def answer_rows(record: ExportRecord) -> Iterator[tuple[str, ...]]:
    """Yield a row for each file and class: pictures, then the shares with the label right, right and sure, right or
    unsure, wrong and sure.
    """
    truth, threshold = record.pictures.targets, record.confidence.threshold
    for file in record.files:
        for name, chosen in answer_groups(record.source.labels, truth):
            scores, targets = file.check.scores[chosen], truth[chosen]
            right = scores.argmax(axis=1) == targets
            sure = scores.max(axis=1) >= threshold
            shares = (right, right & sure, right | ~sure, ~right & sure)
            yield (code(file.name), name, f"{len(targets):,}", *map(_share, shares))


def _share(found: NDArray[np.bool_]) -> str:
    if not len(found):
        return "no picture"
    low, high = wilson_interval(int(found.sum()), len(found))
    return f"{found.mean():.2%} [{low:.2%}, {high:.2%}]"
