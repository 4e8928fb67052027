"""Export a model whose pictures may show several labels: a Keras model, or a finished TFLite or ONNX file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.atomic_folder import partial_folder, require_replaceable
from edge_runtime.bundle import MANIFEST, Manifest, ModelFile
from edge_runtime.native_output import native_output_to
from edge_runtime.proof.gate import GateState, worst
from exporter.bundle_folder import LOG, describe_file, failed_folder, log_kept
from exporter.calibration import draw_calibration
from exporter.formats.conversion import Converter
from exporter.formats.operators import Graph
from exporter.formats.table import FORMATS
from exporter.labels import order_line
from exporter.network.model import KerasScorer, load_keras_model
from exporter.own.export import Written, own_provenance, write_folder
from exporter.own.finished import FinishedModel
from exporter.own.judgement import Judgement
from exporter.own.several import Scores, Truth, better_order, check_several, choose_thresholds, figures, guess_share
from exporter.own.truth import LabelledPictures
from exporter.plan import ExportPlan
from exporter.progress import ExportObserver
from exporter.source import Source, load_split_pictures
from exporter.verification import Check, run_file

_PACKAGES = ("catdog-edge", "numpy", "pillow")


@dataclass(frozen=True)
class SeveralModel:
    """A model with its pictures. One of `keras` and `finished` is there.

    Args:
        path: the model.
        labels: the labels in the order of the outputs.
        test: the test pictures.
        validation: the pictures that set the thresholds; None if there are none.
        test_folder: the folder of test pictures.
        notes: what was found out, a sentence each.
        keras: the source of a Keras model.
        finished: a finished file.
    """

    path: Path
    labels: tuple[str, ...]
    test: LabelledPictures
    validation: LabelledPictures | None
    test_folder: Path
    notes: tuple[str, ...]
    keras: Source | None = None
    finished: FinishedModel | None = None

    @property
    def preprocessing(self) -> Any:
        """The pictures that it takes."""
        known = self.keras or self.finished
        assert known is not None
        return known.preprocessing


@dataclass(frozen=True)
class JudgedFile:
    """A file with what the test pictures say of it.

    Args:
        entry: its entry in the manifest.
        content: its bytes.
        graph: what it computes.
        scores: its scores of the test pictures, `float64 (N, labels)`.
        state: the gate's verdict.
    """

    entry: ModelFile
    content: bytes
    graph: Graph
    scores: Scores
    state: GateState


@dataclass(frozen=True)
class SeveralOutcome:
    """How it ended.

    Args:
        folder: the bundle; if the gate failed, the folder of the report.
        model: the model with its pictures.
        files: the files.
        reference: scores of the Keras model on the test pictures, or those of the finished file.
        thresholds: the threshold of each label.
        guess: share of the pictures that one has right without looking.
    """

    folder: Path
    model: SeveralModel
    files: tuple[JudgedFile, ...]
    reference: Scores
    thresholds: tuple[float, ...]
    guess: float

    @property
    def state(self) -> GateState:
        """The verdict on the worst file."""
        states = [file.state for file in self.files]
        return next((state for state in reversed(GateState) if state in states), GateState.PASSED)

    @property
    def whole(self) -> Any:
        """How many pictures the model has wholly right."""
        answers = self.reference >= np.array(self.thresholds)
        right: Truth = np.equal(answers, self.model.test.truth)
        return figures(_wholly(right))

    @property
    def is_guessing(self) -> bool:
        """Whether the model is not shown to be better than the most frequent set of labels."""
        return bool(self.whole.interval[0] <= self.guess)


def export_several(
    model: SeveralModel,
    target: Path,
    plan: ExportPlan,
    *,
    min_accuracy: float | None,
    observer: ExportObserver,
) -> SeveralOutcome:
    """Write the bundle folder `target`, whole or not at all.

    Args:
        model: the model with its pictures.
        target: the bundle folder. An old one is replaced once the new one is whole, unless the gate failed.
        plan: what to convert a Keras model to, and the largest drop.
        min_accuracy: smallest share of wholly right pictures that passes, for a finished file, 0-1; None if it has
            to be better than guessing.
        observer: watches the progress.
    """
    from exporter.own.several_report import write_several_report

    require_replaceable(failed_folder(target), LOG)
    with (
        partial_folder(target, marker=MANIFEST) as folder,
        native_output_to(folder / LOG),
        log_kept(folder / LOG, target),
    ):
        observer.on_stage("reading test pictures")
        pixels, _ = load_split_pictures(model.test.pictures, model.preprocessing, report=observer.on_progress)
        if model.keras is not None:
            outcome = _converted(model, model.keras, plan, pixels, observer)
        else:
            outcome = _finished(model, pixels, min_accuracy, observer)
        observer.on_stage("writing the bundle")
        bundle = Manifest(
            target.name,
            model.labels,
            model.preprocessing,
            tuple(file.entry for file in outcome.files),
            _provenance(outcome),
            label_thresholds=outcome.thresholds,
        )
        contents = {file.entry.path: file.content for file in outcome.files}
        written = Written(contents, {file.entry.path: file.graph for file in outcome.files})
        return replace(outcome, folder=write_folder(folder, target, bundle, written, write_several_report(outcome)))


def _converted(
    model: SeveralModel, source: Source, plan: ExportPlan, pixels: Any, observer: ExportObserver
) -> SeveralOutcome:
    """Convert a Keras model, and compare each file with it."""
    calibration, _ = draw_calibration(source, count=plan.calibration_count, seed=plan.seed, folder=plan.calibration)
    shots, _ = load_split_pictures(calibration, source.preprocessing)
    observer.on_stage("scoring with Keras")
    network = load_keras_model(source)
    scorer = KerasScorer(network)
    reference = scorer.scores(pixels)
    thresholds = _thresholds(model, scorer.scores)
    converter = Converter(network, shots)
    files = []
    for wanted in plan.targets:
        observer.on_stage(f"converting {wanted.file_name}")
        made = converter.convert(wanted)
        observer.on_stage(f"checking {wanted.file_name}")
        entry = describe_file(made)
        scores = run_file(model.labels, entry, made.content, pixels, report=observer.on_progress)
        check: Check = check_several(
            reference,
            scores,
            model.test.truth,
            thresholds=thresholds,
            labels=model.labels,
            max_drop=plan.max_drop,
        )
        entry = replace(entry, drift=check.to_dict())
        files.append(JudgedFile(entry, made.content, made.graph, scores, worst([check.verdict])))
    return SeveralOutcome(Path(), model, tuple(files), reference, thresholds, guess_share(model.test.truth))


def _finished(
    model: SeveralModel, pixels: Any, min_accuracy: float | None, observer: ExportObserver
) -> SeveralOutcome:
    """Judge a finished file by the labels."""
    finished = model.finished
    assert finished is not None
    observer.on_stage(f"checking {finished.entry.path}")

    def scores_of(pictures: Any) -> Scores:
        return run_file(model.labels, finished.entry, finished.facts.content, pictures)

    scores, truth = scores_of(pixels), model.test.truth
    thresholds, guess = _thresholds(model, scores_of), guess_share(truth)
    right = np.equal(scores >= np.array(thresholds), truth)
    judgement = _judged(right, model.labels, guess, min_accuracy)
    entry = replace(finished.entry, drift=judgement.to_dict())
    file = JudgedFile(entry, finished.facts.content, finished.graph, scores, judgement.state)
    return SeveralOutcome(Path(), model, (file,), scores, thresholds, guess)


def _wholly(right: Truth) -> Truth:
    """Return for which pictures all labels are right, `bool (N,)`."""
    return np.asarray(right.all(axis=1))


def _judged(right: Truth, labels: tuple[str, ...], guess: float, min_accuracy: float | None) -> Judgement:
    whole = figures(_wholly(right))
    by_class = {label: figures(right[:, column]) for column, label in enumerate(labels)}
    low, high = whole.interval
    least = guess if min_accuracy is None else min_accuracy
    if low > guess if min_accuracy is None else low >= least:
        return Judgement(whole, by_class, GateState.PASSED, least)
    failed = min_accuracy is not None and high < least
    return Judgement(whole, by_class, GateState.FAILED if failed else GateState.INCONCLUSIVE, least)


def _thresholds(model: SeveralModel, scores_of: Any) -> tuple[float, ...]:
    if model.validation is None:
        return choose_thresholds(np.zeros((0, len(model.labels))), np.zeros((0, len(model.labels)), bool))
    pixels, _ = load_split_pictures(model.validation.pictures, model.preprocessing)
    return choose_thresholds(scores_of(pixels), model.validation.truth)


def _provenance(outcome: SeveralOutcome) -> dict[str, Any]:
    model = outcome.model
    packages = (*_PACKAGES, *(package for made in FORMATS.values() for package in made.packages))
    lines = []
    for row, picture in zip(model.test.truth, model.test.pictures, strict=True):
        shown = ",".join(str(column) for column in np.flatnonzero(row))
        lines.append(f"test {shown} {picture.sha256}\n")
    return own_provenance(model.path, model.test_folder, sorted(lines), packages, outcome.state)


def several_warnings(outcome: SeveralOutcome) -> list[str]:
    """Return what to say of a model that guesses; nothing if there is nothing to warn of."""
    lines = []
    if outcome.is_guessing:
        whole = outcome.whole
        low, high = whole.interval
        lines.append(
            f"warning: the model is no better than guessing: all labels right in {whole.accuracy:.2%} [{low:.2%}, "
            f"{high:.2%}] of {whole.pictures:,} test pictures. Without looking one has {outcome.guess:.2%} right. "
            "Are "
            "the labels in the right order, is --input-range right, and are there enough test pictures?"
        )
        lines.append(order_line(outcome.model.labels))
    model = outcome.model
    order, share = better_order(outcome.reference, model.test.truth, outcome.thresholds, model.labels)
    if order:
        lines.append(
            f"warning: {share:.2%} would be right with the labels in another order: --labels {','.join(order)}"
        )
    return lines


def explain_several(outcome: SeveralOutcome) -> list[str]:
    """Return a line for each file: what it is, how many pictures it has wholly right, and what the gate says."""
    lines = []
    for file in outcome.files:
        drift = file.entry.drift
        low, high = drift["interval"]
        keras = f", Keras {drift['keras_accuracy']:.2%}" if "keras_accuracy" in drift else ""
        lines.append(
            f"{file.entry.path:22} {file.entry.size_bytes / 1e6:6.2f} MB  all labels right {drift['accuracy']:.2%} "
            f"[{low:.2%}, {high:.2%}] of {drift['pictures']:,}{keras}  {file.state}"
        )
    return lines
