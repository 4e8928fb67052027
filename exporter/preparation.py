"""All that comes before a conversion: read pictures, score with Keras, fold the network and prove it the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.left_out import LeftOut
from edge_runtime.picture.preprocessing import Pixels
from exporter.calibration import Candidates, draw_calibration, find_candidates
from exporter.errors import SourceError
from exporter.network.confidence import Temperature, choose_threshold, fit_temperature, temper
from exporter.network.model import KerasScorer, load_keras_model
from exporter.network.optimization import optimize, unexpected
from exporter.network.proof import MAX_DIFFERENCE, Proof
from exporter.network.silence import silent_layers
from exporter.plan import ExportPlan
from exporter.progress import ExportObserver
from exporter.source import Source, SplitPicture, load_split_pictures

if TYPE_CHECKING:
    import keras

FOLDING_PICTURES = 256  # training pictures on which it is proven, where there are so many
_LEAST_VALIDATION = 30  # pictures, below which a temperature would be a guess


@dataclass(frozen=True)
class Pictures:
    """The pictures of an export, decoded to `uint8 (N, H, W, 3) RGB 0-255`.

    Args:
        test: those that every file is judged on.
        targets: their label indices, `int (N,)`.
        calibration: the pictures that set the integer ranges.
        calibration_pixels: the same, decoded.
        second_pixels: as many others, for a second calibration; none where too few are left.
        proof_pixels: those on which folding is proven.
        left_out: what is not used of the folder of calibration pictures, and test pictures among them.
        note: what people should know of the calibration pictures; mostly empty.
    """

    test: Pixels
    targets: NDArray[np.intp]
    calibration: tuple[SplitPicture, ...]
    calibration_pixels: Pixels
    second_pixels: Pixels
    proof_pixels: Pixels
    left_out: tuple[LeftOut, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Confidence:
    """What the validation split says of the scores.

    Args:
        temperature: what the logits are divided by.
        threshold: confidence below which an answer is unsure, 0-1; 0 when none is.
    """

    temperature: Temperature
    threshold: float


@dataclass(frozen=True)
class Baseline:
    """Scores of the Keras model on the test pictures, `float64 (N, labels)`.

    Args:
        as_trained: those of the model as it was trained.
        scores: the same with the temperature. Every file is compared with them.
    """

    as_trained: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class FoldingProof:
    """What folding and evening out did to the network.

    Args:
        folded: names of the layers folded away.
        left: names of the layers that had to stay, each with the reason.
        difference: largest difference made to a score, 0-1.
        pictures: training pictures that it was measured on.
        exact: the largest difference in float64; None where float32 shows it well enough.
        rounding: how far the network's own float32 scores are from exact ones; None likewise.
        evened: whether the channels were evened out.
        skipped: what was left out, each with the reason.
        silent: names of layers that give one and the same number for every calibration picture.
    """

    folded: tuple[str, ...]
    left: tuple[tuple[str, str], ...]
    difference: float
    pictures: int
    exact: float | None = None
    rounding: float | None = None
    evened: bool = True
    skipped: tuple[tuple[str, str], ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preparation:
    """What the conversion starts from.

    Args:
        pictures: the pictures of the export.
        confidence: temperature and threshold.
        baseline: what files are compared with.
        folding: what was done to the network.
        network: the network to convert: with the temperature, folded, its channels evened out.
    """

    pictures: Pictures
    confidence: Confidence
    baseline: Baseline
    folding: FoldingProof
    network: keras.Model


def prepare(source: Source, plan: ExportPlan, observer: ExportObserver) -> Preparation:
    """Read pictures and model, score the test split, and make the network that is converted.

    Raises:
        SourceError: the model or its pictures cannot be used.
    """
    pictures = read_pictures(source, plan, observer)
    observer.on_stage("scoring with Keras")
    trained = KerasScorer(load_keras_model(source))
    as_trained = trained.scores(pictures.test, report=observer.on_progress)
    if not np.isfinite(as_trained).all():
        raise SourceError(f"{source.model_path}: some test pictures have no finite score. Train it again.")
    confidence = judge_confidence(source, trained)
    baseline = Baseline(as_trained, temper(as_trained, confidence.temperature.value))
    network, folding = fold_network(trained, confidence.temperature, pictures)
    return Preparation(pictures, confidence, baseline, folding, network)


def read_pictures(source: Source, plan: ExportPlan, observer: ExportObserver) -> Pictures:
    """Decode the test pictures, and draw and decode those of the calibration and of the proof.

    Raises:
        SourceError: there is no test picture, or a picture is missing, has changed or cannot be decoded.
    """
    if not source.sides["test"]:
        raise SourceError(f"{source.folder}: the test split is empty, so drift cannot be measured. Train again.")
    found = find_candidates(source, plan.calibration)
    calibration, second = draw_calibration(
        source, count=plan.calibration_count, seed=plan.seed, folder=plan.calibration, candidates=found
    )
    observer.on_stage("reading test pictures")
    test, targets = load_split_pictures(source.sides["test"], source.preprocessing, report=observer.on_progress)
    pixels, _ = load_split_pictures(calibration, source.preprocessing)
    second_pixels, _ = load_split_pictures(second, source.preprocessing)
    proof = _proof_pixels(source, plan, pixels, found)
    return Pictures(test, targets, calibration, pixels, second_pixels, proof, found.left_out, found.note)


def _proof_pixels(source: Source, plan: ExportPlan, calibration: Pixels, found: Candidates) -> Pixels:
    """Return the pictures on which folding is proven: those of the calibration, or more where they are few."""
    if plan.calibration_count >= FOLDING_PICTURES:
        return calibration
    drawn, _ = draw_calibration(
        source, count=FOLDING_PICTURES, seed=plan.seed, folder=plan.calibration, candidates=found
    )
    return load_split_pictures(drawn, source.preprocessing)[0]


def judge_confidence(source: Source, trained: KerasScorer) -> Confidence:
    """Fit a temperature and choose a confidence threshold on the validation split."""
    pictures = source.sides["validation"]
    if len(pictures) < _LEAST_VALIDATION:
        reason = f"only {len(pictures)} validation pictures, {_LEAST_VALIDATION} are needed"
        return Confidence(Temperature(reason=reason), 0.0)
    pixels, targets = load_split_pictures(pictures, source.preprocessing)
    outputs = trained.outputs(pixels)
    scores = trained.scores_of(outputs)
    if trained.last_layer is None:
        reason = "the scores are not the softmax, or the sigmoid of one output, of a dense layer"
        return Confidence(Temperature(reason=reason), choose_threshold(scores, targets))
    temperature = fit_temperature(scores, targets)
    if reason := _unproved(trained, outputs, temperature.value):
        return Confidence(Temperature(reason=reason), choose_threshold(scores, targets))
    return Confidence(temperature, choose_threshold(temper(scores, temperature.value), targets))


def _unproved(trained: KerasScorer, outputs: NDArray[np.float64], temperature: float) -> str:
    """Return why the network does not give tempered scores when its last layer is divided, or nothing."""
    try:
        divided = trained.divided(temperature)
        expected = temper(trained.scores_of(outputs), temperature)
        difference = float(np.abs(divided.scores_of(outputs) - expected).max())
    except Exception as error:  # whatever an unknown layer raises: the network does without
        return f"dividing the last layer was left out, as {unexpected(error)}"
    proof = Proof(difference, rounding=divided.rounding(outputs) if difference > MAX_DIFFERENCE else None)
    return "" if proof.holds else f"dividing the last layer was left out, as {proof}"


def fold_network(
    trained: KerasScorer, temperature: Temperature, pictures: Pictures
) -> tuple[keras.Model, FoldingProof]:
    """Return the network with the temperature, folded and evened out, and the proof that no score changed."""
    pixels, calibration = pictures.proof_pixels, pictures.calibration_pixels
    scorer = trained.divided(temperature.value) if temperature.fitted else trained
    made = optimize(scorer, scorer.scores(pixels), pixels, calibration)
    return made.model, FoldingProof(
        made.folding.folded,
        made.folding.left,
        made.proof.difference,
        len(pixels),
        exact=made.proof.exact,
        rounding=made.proof.rounding,
        evened=made.evened,
        skipped=made.skipped,
        silent=_silent(made.model, calibration),
    )


def _silent(network: keras.Model, calibration: Pixels) -> tuple[str, ...]:
    try:
        return silent_layers(network, calibration)
    except Exception:  # an unknown layer that only works as a whole: nothing is said of it
        return ()
