"""Say so when a model guesses, and try whether other values of black and white would help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exporter.guessing import BetterRange, Guessing, better_range, compare_with_guessing, warning_lines
from exporter.network.model import keras_scores, load_keras_model
from exporter.own.export import OwnRecord
from exporter.own.finished import range_values
from exporter.report.record import ExportRecord
from exporter.source import Origin, load_split_pictures
from exporter.verification import run_file

_MOST_PICTURES = 200  # to try other values of black and white on


def is_guessing(record: ExportRecord) -> bool:
    """Say whether the Keras model of an export is not shown to be better than guessing."""
    return _found(record).is_guessing


def baseline_warnings(record: ExportRecord) -> list[str]:
    """Return what to say of the Keras model of an export; nothing if there is nothing to warn of."""
    found = _found(record)
    alone = found.is_guessing and not found.order  # another order of the labels is the simpler explanation
    better = _better_range(record) if alone and record.source.origin is Origin.KERAS else None
    trained_here = record.source.origin is Origin.RUN
    return warning_lines(found, record.source.labels, better, trained_here=trained_here)


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


def finished_warnings(record: OwnRecord) -> list[str]:
    """Return what to say of a finished file; nothing if there is nothing to warn of."""
    found, labels = record.guessing, record.model.labels
    alone = found.is_guessing and not found.order
    return warning_lines(found, labels, _range_of_finished(record) if alone else None)


def _range_of_finished(record: OwnRecord) -> BetterRange | None:
    model, entry = record.model, record.entry
    rows = np.random.default_rng(0).permutation(len(record.targets))[:_MOST_PICTURES]
    pixels, targets = load_split_pictures(tuple(model.test[row] for row in rows), model.preprocessing)

    def scores_of(low: float, high: float) -> NDArray[np.float64]:
        assert entry.interface is not None
        mean, deviation = range_values(low, high)
        fed = replace(entry, interface=replace(entry.interface, mean=mean, deviation=deviation))
        return run_file(model.labels, fed, model.facts.content, pixels)

    found = compare_with_guessing(record.scores[rows], targets, model.labels)
    return better_range(found, scores_of, targets, model.labels)
