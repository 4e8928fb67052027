"""Say so when a Keras baseline guesses, and try whether other values of black and white would help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exporter.guessing import BetterRange, Guessing, better_range, compare_with_guessing, warning_lines
from exporter.network.model import keras_scores, load_keras_model
from exporter.report.record import ExportRecord
from exporter.source import Origin

_MOST_PICTURES = 200  # to try other values of black and white on


def is_guessing(record: ExportRecord) -> bool:
    """Say whether the Keras model of an export is not shown to be better than guessing."""
    return _found(record).is_guessing


def baseline_warnings(record: ExportRecord) -> list[str]:
    """Return what to say of the Keras model of an export; nothing if there is nothing to warn of."""
    found = _found(record)
    alone = found.is_guessing and not found.order  # another order of the labels is the simpler explanation
    better = _better_range(record) if alone and record.source.origin is Origin.KERAS else None
    return warning_lines(found, record.source.labels, better)


def _found(record: ExportRecord) -> Guessing:
    return compare_with_guessing(record.baseline.scores, record.pictures.targets, record.source.labels)


def _better_range(record: ExportRecord) -> BetterRange | None:
    source, targets = record.source, record.pictures.targets
    rows = np.random.default_rng(0).permutation(len(targets))[:_MOST_PICTURES]

    def scores_of(low: float, high: float) -> NDArray[np.float64]:
        tried = replace(source, input_range=(low, high), normalisation=None)
        return keras_scores(load_keras_model(tried), record.pictures.test[rows])

    found = compare_with_guessing(record.baseline.scores[rows], targets[rows], source.labels)
    return better_range(found, scores_of, targets[rows], source.labels)
