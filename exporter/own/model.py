"""What a user says of a model of their own, and the Keras source that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edge_runtime.bundle.scores import possible_outputs
from edge_runtime.strict_json import shortened
from exporter.errors import SourceError
from exporter.network.model import ModelFacts
from exporter.network.outputs import Ending, added_activation
from exporter.source import Source, SplitPicture, describe_pictures, labelled_folder, read_keras_source

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class OwnModel:
    """What a user says of a model.

    Args:
        path: the model file or folder.
        test: folder with a sub-folder of test pictures for each class.
        labels: the labels in the order of the outputs; empty where the sub-folders or the file say them.
        size: height and width of the pictures that it takes, pixels; None where the file says them.
        input_range: what it takes for black and white; None where it is not said.
        normalisation: mean and deviation, of pixels 0-255; None where they are not said.
        validation: folder like `test`, of the pictures that set the confidence threshold; None if there are none.
        trust: a Python file to run for its layers; None if none is trusted.
        test_labels: CSV file with the labels of each test picture, if it may show several; None where the
            sub-folders say them.
    """

    path: Path
    test: Path
    labels: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    input_range: tuple[float, float] | None = None
    normalisation: Normalisation | None = None
    validation: Path | None = None
    trust: Path | None = None
    test_labels: Path | None = None


def read_own_keras(model: OwnModel, facts: ModelFacts) -> Source:
    """Return the source of a Keras model, with all that was found out about it.

    Args:
        model: what the user says.
        facts: what `examine_model` found.

    Raises:
        SourceError: the model or its pictures cannot be used, or do not fit each other.
    """
    refuse_test_labels(model)
    size = facts.pictures.sized(model.path, model.size)
    source = read_keras_source(
        model.path,
        model.test,
        size=size,
        input_range=model.input_range,
        labels=model.labels,
        channels=facts.pictures.channels,
    )
    require_outputs(model, source.labels, facts.outputs)
    return replace(
        source,
        normalisation=model.normalisation,
        trust=model.trust,
        notes=notes_of(facts),
        sides=source.sides | {"validation": validation_pictures(model, source)},
    )


def validation_pictures(model: OwnModel, source: Source) -> tuple[SplitPicture, ...]:
    """Return the pictures of `--validation`."""
    if model.validation is None:
        return ()
    found = labelled_folder(model.validation, source.labels)
    return describe_pictures(found, source.preprocessing, role="validation")[0]


def require_outputs(model: OwnModel, labels: tuple[str, ...], outputs: int) -> None:
    """Refuse labels that are not as many as the outputs.

    Raises:
        SourceError: they are not.
    """
    wanted = possible_outputs(len(labels))
    if outputs in wanted:
        return
    origin = "--labels" if model.labels else f"the sub-folders of {model.test}"
    raise SourceError(
        f"{model.path}: expected {' or '.join(map(str, wanted))} outputs for the {len(labels)} labels of {origin} "
        f"({shortened(', '.join(labels), 200)}), received {outputs}. Name one label for each output with --labels, "
        "in "
        "their order."
    )


def refuse_test_labels(model: OwnModel) -> None:
    """Refuse a CSV file of labels for a model whose pictures show one label each.

    Raises:
        SourceError: there is one.
    """
    if model.test_labels is not None:
        raise SourceError(
            f"{model.path}: gives one label a picture, so --test-labels has no use. Sort the pictures of --test "
            "into a "
            "sub-folder for each class."
        )


def notes_of(facts: ModelFacts) -> tuple[str, ...]:
    """Return what was found out about a Keras model, a sentence each."""
    notes = []
    if facts.ending is Ending.LOGITS:
        notes.append(f"The model gives logits, so a {added_activation(facts.outputs)} was added.")
    if facts.ending is Ending.INDEPENDENT:
        notes.append("Each label has a sigmoid of its own, so a picture may show several labels or none.")
    if facts.pictures.channels == 1:
        notes.append("The model takes grey pictures.")
    return tuple(notes)


def normalisation(mean: tuple[float, ...] | None, deviation: tuple[float, ...] | None) -> Normalisation | None:
    """Return mean and deviation of pixels 0-255.

    Args:
        mean: of pixels 0-255; or of 0-1, if no number of either is above 1. Mean 0 and deviation 1 mean pixels as
            they are.
        deviation: as many numbers.

    Raises:
        SourceError: a deviation is 0.
    """
    if mean is None or deviation is None:
        return None
    if not all(deviation):
        raise SourceError("--deviation: expected numbers other than 0.")
    untouched = set(mean) == {0} and set(deviation) == {1}
    if max(*mean, *deviation) > 1 or untouched:
        return mean, deviation
    return tuple(255 * value for value in mean), tuple(255 * value for value in deviation)
