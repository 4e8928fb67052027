"""A whole export: convert, run every file on the test split, judge it, write the bundle and its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.atomic_folder import partial_folder
from edge_runtime.bundle import Manifest, Precision
from edge_runtime.native_output import native_output_to
from edge_runtime.picture.preprocessing import Pixels
from edge_runtime.proof.gate import DEFAULT_MAX_DROP, GateState, worst
from exporter.bundle_folder import describe_file, log_kept, provenance, write_bundle, write_failure
from exporter.calibration import DEFAULT_COUNT, draw_calibration
from exporter.errors import ConversionError, SourceError
from exporter.formats.conversion import Converted, Converter, ExportObserver, ExportTarget
from exporter.formats.layer_error import LayerError, measure_layer_errors
from exporter.network.confidence import Temperature, divide_logits, fit_temperature, last_layer, temper
from exporter.network.equalization import equalize
from exporter.network.folding import Folding, fold
from exporter.network.model import keras_scores, load_keras_model
from exporter.report.answers import choose_threshold
from exporter.report.record import ExportRecord, FileRecord
from exporter.source import Source, SplitPicture, load_split_pictures
from exporter.verification import Stability, check, compare_draws, run_file, time_ratio

if TYPE_CHECKING:
    import keras

LOG = "conversion.log"
MAX_FOLDING_DIFFERENCE = 1e-5  # of scores 0-1
FOLDING_PICTURES = 256  # training pictures on which it is proven, where there are so many
_LEAST_VALIDATION = 30  # pictures, below which a temperature would be a guess
_STABILITY_PICTURES = 1000
_LAYER_PICTURES = 32


@dataclass(frozen=True)
class ExportPlan:
    """What to export, and what is good enough.

    Args:
        targets: the files to write.
        calibration_count: training pictures that set the ranges of int8 files, 1 or more.
        seed: seed of the calibration draw.
        calibration: folder of pictures to calibrate with instead.
        max_drop: largest drop of accuracy from the Keras model that passes, 0-1.
        repair: keep the worst layers of a failing int8 file in float until it passes.
    """

    targets: tuple[ExportTarget, ...]
    calibration_count: int = DEFAULT_COUNT
    seed: int = 0
    calibration: Path | None = None
    max_drop: float = DEFAULT_MAX_DROP
    repair: bool = False


@dataclass(frozen=True)
class Outcome:
    """How an export ended.

    Args:
        folder: the bundle, or when the gate failed, a folder with the report alone.
        bundle: what the manifest says, or would say.
        state: the gate's verdict on the worst file.
    """

    folder: Path
    bundle: Manifest
    state: GateState


@dataclass(frozen=True)
class _Work:
    """What every step of an export needs."""

    source: Source
    plan: ExportPlan
    observer: ExportObserver
    test: tuple[Pixels, NDArray[np.intp]]
    calibration: tuple[SplitPicture, ...]
    calibration_pixels: Pixels
    second_pixels: Pixels
    untempered: NDArray[np.float64]
    baseline: NDArray[np.float64]
    temperature: Temperature
    threshold: float
    folding: Folding
    folding_difference: float
    folding_pictures: int
    converter: Converter


def export(source: Source, target: Path, plan: ExportPlan, *, observer: ExportObserver) -> Outcome:
    """Write the bundle folder `target`, whole or not at all.

    Args:
        source: the trained model with its pictures.
        target: the bundle folder; an old one is replaced when the new one is whole and the gate has not failed.
        plan: what to export.
        observer: watches the progress.

    Returns:
        How it ended. When the gate failed there is only a report, in `<target>.failed`.

    Raises:
        SourceError: the model or its pictures cannot be used.
        ConversionError: a converter failed, or an int8 file computes in float; what the converters printed is kept
            in `<target>.failed`.
    """
    with partial_folder(target) as folder, native_output_to(folder / LOG), log_kept(folder / LOG, target):
        work = _prepare(source, plan, observer)
        files = [_exported(work, target) for target in plan.targets]
        layers = {file.name: _layer_errors(work, file) for file in files if file.is_int8 and file.failed}
        if plan.repair:
            files = [_repaired(work, file, layers[file.name]) if file.name in layers else file for file in files]
        stability = {
            file.name: _stability(work, file) for file in files if file.is_int8 and len(work.second_pixels)
        }
        record = _record(work, files, stability, layers)
        bundle = Manifest(
            target.name,
            source.labels,
            source.preprocessing,
            tuple(file.entry for file in files),
            provenance(record),
            confidence_threshold=work.threshold,
        )
        observer.on_stage("writing the bundle")
        if record.state is GateState.FAILED:
            return Outcome(write_failure(folder, target, bundle, record), bundle, record.state)
        return Outcome(target, write_bundle(folder, target, bundle, record), record.state)


def _prepare(source: Source, plan: ExportPlan, observer: ExportObserver) -> _Work:
    if not source.sides["test"]:
        raise SourceError(f"{source.folder}: the test split is empty, so drift cannot be measured. Train again.")
    calibration, second = draw_calibration(
        source, count=plan.calibration_count, seed=plan.seed, folder=plan.calibration
    )
    observer.on_stage("reading test pictures")
    test = load_split_pictures(source.sides["test"], source.preprocessing, report=observer.on_progress)
    pixels, _ = load_split_pictures(calibration, source.preprocessing)
    second_pixels, _ = load_split_pictures(second, source.preprocessing)
    observer.on_stage("scoring with Keras")
    model = load_keras_model(source)
    untempered = keras_scores(model, test[0], report=observer.on_progress)
    _require_finite(untempered, source)
    proof = _proof_pixels(source, plan, pixels)
    as_trained = keras_scores(model, proof)
    temperature, threshold = _judge_confidence(source, model)
    baseline = temper(untempered, temperature.value)
    divided = keras_scores(model, proof)
    _require_same(divided, temper(as_trained, temperature.value), "the temperature")
    folding = fold(model)
    even = equalize(folding.model, pixels)
    difference = _require_same(keras_scores(even, proof), divided, f"folding {', '.join(folding.folded)}")
    return _Work(
        source,
        plan,
        observer,
        test,
        calibration,
        pixels,
        second_pixels,
        untempered,
        baseline,
        temperature,
        threshold,
        folding,
        difference,
        len(proof),
        Converter(even, pixels),
    )


def _proof_pixels(source: Source, plan: ExportPlan, calibration: Pixels) -> Pixels:
    """Return the pictures on which folding is proven: those of the calibration, or more where they are few."""
    if plan.calibration_count >= FOLDING_PICTURES:
        return calibration
    drawn, _ = draw_calibration(source, count=FOLDING_PICTURES, seed=plan.seed, folder=plan.calibration)
    return load_split_pictures(drawn, source.preprocessing)[0]


def _require_finite(scores: NDArray[np.float64], source: Source) -> None:
    if not np.isfinite(scores).all():
        raise SourceError(f"{source.model_path}: some test pictures have no finite score. Train it again.")


def _judge_confidence(source: Source, model: keras.Model) -> tuple[Temperature, float]:
    """Fit a temperature on the validation split and fold it into the model's last layer, in place.

    Returns:
        The temperature, and the confidence below which an answer is unsure.
    """
    pictures = source.sides["validation"]
    if len(pictures) < _LEAST_VALIDATION:
        reason = f"only {len(pictures)} validation pictures, {_LEAST_VALIDATION} are needed"
        return Temperature(reason=reason), 0.0
    pixels, targets = load_split_pictures(pictures, source.preprocessing)
    scores = keras_scores(model, pixels)
    if last_layer(model) is None:
        reason = "the scores are not the softmax, or the sigmoid of one output, of a dense layer"
        return Temperature(reason=reason), choose_threshold(scores, targets)
    temperature = fit_temperature(scores, targets)
    divide_logits(model, temperature.value)
    return temperature, choose_threshold(temper(scores, temperature.value), targets)


def _require_same(first: NDArray[np.float64], second: NDArray[np.float64], what: str) -> float:
    """Return the largest difference of a score, when it is small enough."""
    difference = float(np.abs(first - second).max())
    if not difference <= MAX_FOLDING_DIFFERENCE:  # nan is neither
        raise ConversionError(
            f"{what} changed a score by {difference:.2g}, expected at most {MAX_FOLDING_DIFFERENCE:.0g}. "
            "Please report this with the model's layers."
        )
    return difference


def _exported(work: _Work, target: ExportTarget) -> FileRecord:
    work.observer.on_stage(f"converting {target.file_name}")
    return _checked(work, work.converter.convert(target))


def _checked(work: _Work, converted: Converted) -> FileRecord:
    """Run a file on the test pictures and compare it with the Keras model."""
    work.observer.on_stage(f"checking {converted.target.file_name}")
    file = describe_file(converted, work.source)
    pixels, targets = work.test
    scores = run_file(work.source.labels, file, converted.content, pixels, report=work.observer.on_progress)
    result = check(work.baseline, scores, targets, labels=work.source.labels, max_drop=work.plan.max_drop)
    return FileRecord(replace(file, drift=result.to_dict()), converted, result)


def _stability(work: _Work, file: FileRecord) -> Stability:
    """Quantise once more with other calibration pictures and compare."""
    work.observer.on_stage(f"second calibration of {file.name}")
    other = work.converter.convert(file.converted.target, calibration=work.second_pixels)
    step = max(1, len(work.test[0]) // _STABILITY_PICTURES)
    scores = run_file(work.source.labels, file.entry, other.content, work.test[0][::step])
    return compare_draws(file.check.scores[::step], scores)


def _layer_errors(work: _Work, file: FileRecord) -> tuple[LayerError, ...]:
    work.observer.on_stage(f"layers of {file.name}")
    target = file.converted.target
    float32 = work.converter.float32(target.format)
    pixels = work.calibration_pixels[:_LAYER_PICTURES]
    return measure_layer_errors(float32, file.converted.content, target.format, pixels)


def _repaired(work: _Work, file: FileRecord, layers: tuple[LayerError, ...]) -> FileRecord:
    """Keep the worst layers in float, one more at a time, until the gate passes; return the last try."""
    target = ExportTarget(file.converted.target.format, Precision.MIXED)
    for count in range(1, len(layers) + 1):
        kept = tuple(layer.name for layer in layers[:count])
        work.observer.on_stage(f"repairing {file.name}, {count} of {len(layers)} layers in float")
        repaired = _checked(work, work.converter.convert(target, keep_float=kept))
        if repaired.check.verdict.state is GateState.PASSED:
            break
    pair = ((repaired.entry, repaired.converted.content), (file.entry, file.converted.content))
    ratio = time_ratio(work.source.labels, pair, work.calibration_pixels)
    return replace(repaired, kept_float=kept, repaired_from=file, time_ratio=ratio)


def _record(
    work: _Work,
    files: list[FileRecord],
    stability: dict[str, Stability],
    layers: dict[str, tuple[LayerError, ...]],
) -> ExportRecord:
    return ExportRecord(
        source=work.source,
        files=tuple(files),
        state=worst([file.check.verdict for file in files]),
        seed=work.plan.seed,
        max_drop=work.plan.max_drop,
        calibration=work.calibration,
        calibration_folder=work.plan.calibration,
        stability=stability,
        layer_errors=layers,
        temperature=work.temperature,
        threshold=work.threshold,
        folded=work.folding.folded,
        not_folded=work.folding.left,
        folding_difference=work.folding_difference,
        folding_pictures=work.folding_pictures,
        test=work.test,
        untempered=work.untempered,
        baseline=work.baseline,
    )


def explain(outcome: Outcome) -> list[str]:
    """Return a line for each file: what it is, how far it drifts, and what the gate says."""
    return [_line(file.path, file.size_bytes, file.drift) for file in outcome.bundle.files]


def _line(path: str, size_bytes: int, drift: dict[str, Any]) -> str:
    low, high = drift["difference_interval"]
    return (
        f"{path:22} {size_bytes / 1e6:6.2f} MB  accuracy {drift['accuracy']:.2%} of {drift['pictures']:,}, Keras "
        f"{drift['keras_accuracy']:.2%}, difference {drift['difference']:+.2%} [{low:+.2%}, {high:+.2%}]  "
        f"agreement {drift['agreement']:.2%}  "
        f"{drift['gate']['state']}"
    )
