"""Bring together a finished file, its labels, its test pictures, and how it is fed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_runtime.backends import open_model
from edge_runtime.bundle import ModelFile
from edge_runtime.bundle.interface import Activation, Interface
from edge_runtime.bundle.manifest import TensorInfo
from edge_runtime.bundle.scores import possible_outputs
from edge_runtime.errors import BackendError, BundleError
from edge_runtime.picture.left_out import LeftOut
from edge_runtime.picture.preprocessing import Preprocessing
from exporter.errors import SourceError
from exporter.formats.facts import FileFacts
from exporter.formats.operators import Graph
from exporter.formats.table import format_named
from exporter.labels import checked
from exporter.model_kind import ModelKind
from exporter.own.file import file_name, precision_of, read_facts
from exporter.own.model import Normalisation, OwnModel, refuse_test_labels, require_outputs
from exporter.own.truth import labels_shown, labels_table
from exporter.source import SplitPicture, describe_pictures, labelled_folder, own_preprocessing, refuse_taught

BACKGROUND = "background"
_WHOLE = 256  # steps of a byte


@dataclass(frozen=True)
class FinishedModel:
    """A finished file with all that a bundle says of it.

    Args:
        path: where it was.
        facts: what it says.
        entry: its entry in the manifest, without figures.
        graph: what it computes.
        labels: the labels in the order of the outputs.
        preprocessing: the pictures that it takes.
        test_folder: the folder of test pictures.
        test: the test pictures.
        validation: the pictures that set the confidence threshold; none if there are none.
        notes: what was found or assumed, a sentence each.
        left_out: what is not used of the folder of test pictures.
    """

    path: Path
    facts: FileFacts
    entry: ModelFile
    graph: Graph
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    test_folder: Path
    test: tuple[SplitPicture, ...]
    validation: tuple[SplitPicture, ...]
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class ExaminedFile:
    """A finished file before any picture is read.

    Args:
        facts: what it says.
        entry: its entry in the manifest, without figures.
        graph: what it computes.
        preprocessing: the pictures that it takes.
        outputs: how many numbers it gives.
        independent: whether each label has a score of its own.
    """

    facts: FileFacts
    entry: ModelFile
    graph: Graph
    preprocessing: Preprocessing
    outputs: int
    independent: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found or assumed, a sentence each."""
        assert self.entry.interface is not None
        several = "Each label has a sigmoid of its own, so a picture may show several labels or none."
        shown = [several] if self.independent else []
        return (
            *self.facts.notes,
            *_activation_notes(self.entry.interface.activation),
            *_batch_notes(self.facts),
            *shown,
        )


def examine_finished(model: OwnModel, kind: ModelKind) -> ExaminedFile:
    """Return what is found out about a finished file.

    Raises:
        SourceError: it cannot be used.
    """
    refuse_taught(model.path)
    facts = read_facts(model.path, kind, model.size)
    height, width, channels = facts.picture
    try:
        preprocessing = own_preprocessing((height, width), channels)
    except BundleError as error:
        raise SourceError(f"{model.path}: {error}") from error
    interface = Interface(facts.layout, *input_values(model, facts))
    entry, graph = _entry(model.path, facts, interface)
    outputs = _outputs(entry, facts, preprocessing)
    independent = facts.ending == "sigmoid" and outputs > 1
    activation = Activation.NONE if independent else _activation(entry, facts, preprocessing)
    entry = replace(entry, interface=replace(interface, activation=activation))
    return ExaminedFile(facts, entry, graph, preprocessing, outputs, independent)


def read_finished(model: OwnModel, examined: ExaminedFile) -> FinishedModel:
    """Return a finished file with its labels and pictures.

    Raises:
        SourceError: the pictures cannot be used, or do not fit the file.
    """
    refuse_test_labels(model)
    preprocessing = examined.preprocessing
    labels, notes = file_labels(model, examined)
    test, left_out = _pictures(model.test, labels, preprocessing, "test")
    validation = _pictures(model.validation, labels, preprocessing, "validation")[0] if model.validation else ()
    return replace(finished_model(model, examined, labels, test, validation, notes), left_out=left_out)


def finished_model(
    model: OwnModel,
    examined: ExaminedFile,
    labels: tuple[str, ...],
    test: tuple[SplitPicture, ...],
    validation: tuple[SplitPicture, ...],
    notes: list[str],
) -> FinishedModel:
    """Bring a finished file and its pictures together."""
    return FinishedModel(
        model.path,
        examined.facts,
        examined.entry,
        examined.graph,
        labels,
        examined.preprocessing,
        model.test,
        test,
        validation,
        (*notes, *examined.notes),
    )


def input_values(model: OwnModel, facts: FileFacts) -> Normalisation:
    """Return mean and deviation of pixels 0-255 with which the input is made.

    The user's word counts first. A quantised input that takes 256 steps takes pixels as they are, int8 less 128. Of
    any other file the metadata count.

    Raises:
        SourceError: nobody says it.
    """
    if model.normalisation is not None:
        return model.normalisation
    if model.input_range is not None:
        return range_values(*model.input_range)
    tensor = facts.input
    if tensor.dtype in ("uint8", "int8"):
        first = 0 if tensor.dtype == "uint8" else _WHOLE // 2
        return (float(tensor.zero_point + first),), (1 / (tensor.scale or 1.0),)
    if facts.normalisation is not None:
        return facts.normalisation
    raise SourceError(
        f"{model.path}: takes {tensor.dtype} and does not say which values are black and white. State them, for "
        "example with --input-range 0 1, --input-range -1 1, or --mean 0.485,0.456,0.406 --deviation "
        "0.229,0.224,0.225 as in PyTorch."
    )


def range_values(low: float, high: float) -> Normalisation:
    """Return mean and deviation of pixels 0-255 that make black `low` and white `high`.

    Raises:
        SourceError: they are the same.
    """
    if low == high:
        raise SourceError(f"--input-range: expected two different numbers, received {low:g} twice.")
    deviation = 255 / (high - low)
    return (-low * deviation,), (deviation,)


def _entry(path: Path, facts: FileFacts, interface: Interface) -> tuple[ModelFile, Graph]:
    precision, graph = precision_of(path, facts)
    content = facts.content
    entry = ModelFile(
        path=file_name(facts, precision),
        format=facts.format,
        precision=precision,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        input=facts.input,
        output=facts.output,
        oldest_runtime="",
        drift={},
        interface=interface,
    )
    return entry, graph


def _given(entry: ModelFile, facts: FileFacts, pixels: np.ndarray) -> np.ndarray:
    try:
        model = open_model(format_named(facts.format).backend, facts.content, 1, entry)
        return np.array([model.predict(picture) for picture in pixels], np.float64)
    except BackendError as error:
        raise SourceError(f"{error}. Convert the model again, for an older release.") from error


def _outputs(entry: ModelFile, facts: FileFacts, preprocessing: Preprocessing) -> int:
    return int(_given(entry, facts, np.zeros((1, *preprocessing.shape), np.uint8)).shape[-1])


def _activation(entry: ModelFile, facts: FileFacts, preprocessing: Preprocessing) -> Activation:
    """Return what makes scores of the outputs: by the last operator, else by what it gives for noise."""
    if facts.ending == "softmax":
        return Activation.NONE
    noise = np.random.default_rng(0).integers(0, 256, (8, *preprocessing.shape)).astype(np.uint8)
    given = _given(entry, facts, noise)
    if given.shape[-1] == 1:
        shares = (given >= 0).all() and (given <= 1).all()
        return Activation.NONE if facts.ending == "sigmoid" or (shares and not facts.ending) else Activation.SIGMOID
    slack = 0.02 + given.shape[-1] * facts.output.scale  # quantised scores need not sum to 1
    if (given >= 0).all() and np.allclose(given.sum(axis=-1), 1, atol=slack):
        return Activation.NONE
    return Activation.SOFTMAX


def file_labels(model: OwnModel, examined: ExaminedFile) -> tuple[tuple[str, ...], list[str]]:
    """Return the labels of a finished file, and what was assumed of them.

    Raises:
        SourceError: they are not as many as the outputs.
    """
    labels, notes = _labels(model, examined.facts, examined.outputs, several=examined.independent)
    require_outputs(replace(model, labels=model.labels or examined.facts.labels), labels, examined.outputs)
    return labels, notes


def _labels(model: OwnModel, facts: FileFacts, outputs: int, *, several: bool) -> tuple[tuple[str, ...], list[str]]:
    notes = []
    labels = model.labels
    if not labels and facts.labels:
        labels = checked(facts.labels, str(model.path))
        notes.append("The labels are those in the file.")
    if not labels and several:
        return labels_shown(model.test, labels_table(model.test, model.test_labels)), notes
    if not labels:
        return labelled_folder(model.test).labels, notes
    if outputs == len(labels) + 1 and outputs not in possible_outputs(len(labels)):
        labels = (BACKGROUND, *labels)
        notes.append(f"There is one output more than labels. The first is taken for a class {BACKGROUND}.")
    return checked(labels, str(model.path)), notes


def _activation_notes(activation: Activation) -> list[str]:
    if activation is Activation.NONE:
        return []
    return [f"The file gives logits, so the runtime puts them through a {activation}."]


def _batch_notes(facts: FileFacts) -> list[str]:
    batch = facts.input.shape[0]
    return [f"The file takes {batch} pictures at once. It gets one, which wastes the time of the rest."][
        : batch > 1
    ]


def _pictures(
    folder: Path, labels: tuple[str, ...], preprocessing: Preprocessing, role: str
) -> tuple[tuple[SplitPicture, ...], tuple[LeftOut, ...]]:
    pictures, left_out = describe_pictures(labelled_folder(folder, labels), preprocessing, role=role)
    if not pictures:
        raise SourceError(f"{folder}: no picture there. Name a folder with pictures of each class with --{role}.")
    return pictures, left_out


def tensor_text(tensor: TensorInfo) -> str:
    """Return type and sizes of a tensor for people."""
    return f"{tensor.dtype} {list(tensor.shape)}"
