"""Read a model whose pictures may show several labels, with its pictures."""

from __future__ import annotations

from typing import Any

from edge_runtime.picture.preprocessing import Preprocessing
from exporter.network.model import ModelFacts
from exporter.own.finished import ExaminedFile, file_labels, finished_model
from exporter.own.model import OwnModel, notes_of, require_outputs
from exporter.own.several_export import SeveralModel
from exporter.own.truth import LabelledPictures, labels_shown, labels_table, read_truth
from exporter.source import Origin, Source, own_preprocessing


def read_several_keras(model: OwnModel, facts: ModelFacts) -> SeveralModel:
    """Return a Keras model of independent labels with its pictures.

    Raises:
        SourceError: the model or its pictures cannot be used, or do not fit each other.
    """
    preprocessing = own_preprocessing(facts.pictures.sized(model.path, model.size), facts.pictures.channels)
    labels = model.labels or labels_shown(model.test, labels_table(model.test, model.test_labels))
    require_outputs(model, labels, facts.outputs)
    test, validation = _pictures(model, labels, preprocessing)
    run: dict[str, Any] = {
        "name": model.path.stem,
        "architecture": "",
        "data": str(model.test),
        "seed": None,
        "versions": {},
    }
    source = Source(
        model.test,
        model.path,
        run,
        labels,
        preprocessing,
        {"train": (), "validation": (), "test": test.pictures},
        model.input_range,
        Origin.KERAS,
        normalisation=model.normalisation,
        trust=model.trust,
        independent=True,
    )
    return SeveralModel(model.path, labels, test, validation, model.test, notes_of(facts), keras=source)


def read_several_finished(model: OwnModel, examined: ExaminedFile) -> SeveralModel:
    """Return a finished file of independent labels with its pictures.

    Raises:
        SourceError: the pictures cannot be used, or do not fit the file.
    """
    labels, notes = file_labels(model, examined)
    test, validation = _pictures(model, labels, examined.preprocessing)
    finished = finished_model(model, examined, labels, test.pictures, (), notes)
    return SeveralModel(model.path, labels, test, validation, model.test, finished.notes, finished=finished)


def _pictures(
    model: OwnModel, labels: tuple[str, ...], preprocessing: Preprocessing
) -> tuple[LabelledPictures, LabelledPictures | None]:
    table = labels_table(model.test, model.test_labels)
    test = read_truth(model.test, table, labels, preprocessing, role="test")
    if model.validation is None:
        return test, None
    table = labels_table(model.validation, None)
    return test, read_truth(model.validation, table, labels, preprocessing, role="validation")
