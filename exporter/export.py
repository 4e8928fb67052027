"""A whole export: convert, run every file on the test split, judge it, write the bundle and its report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_runtime.atomic_folder import partial_folder, require_replaceable
from edge_runtime.bundle import MANIFEST, Manifest, Precision
from edge_runtime.errors import BackendError
from edge_runtime.native_output import native_output_to
from edge_runtime.proof.gate import GateState
from exporter.bundle_folder import (
    LOG,
    describe_file,
    failed_folder,
    log_kept,
    not_written,
    provenance,
    write_bundle,
    write_failure,
)
from exporter.errors import ConversionError, FloatOperatorsError
from exporter.formats.conversion import Converted, Converter, ExportTarget
from exporter.formats.layer_error import LayerError
from exporter.formats.table import format_named
from exporter.formats.weight_rounding import noted
from exporter.plan import ExportPlan
from exporter.preparation import Preparation, prepare
from exporter.progress import ExportObserver
from exporter.report.record import ExportRecord, FileRecord, MissingFile
from exporter.source import Source
from exporter.verification import Stability, check, compare_draws, run_file, time_ratio

_STABILITY_PICTURES = 1000
_LAYER_PICTURES = 32


@dataclass(frozen=True)
class Outcome:
    """How an export ended.

    Args:
        folder: the bundle; if the gate failed, the folder of the report.
        bundle: what the manifest says; if the gate failed, what it would say.
        record: all that was found out.
    """

    folder: Path
    bundle: Manifest
    record: ExportRecord

    @property
    def state(self) -> GateState:
        """The gate's verdict on the worst file."""
        return self.record.state


@dataclass(frozen=True)
class _Work:
    """What every step of an export needs."""

    source: Source
    plan: ExportPlan
    observer: ExportObserver
    preparation: Preparation
    converter: Converter


def export(source: Source, target: Path, plan: ExportPlan, *, observer: ExportObserver) -> Outcome:
    """Write the bundle folder `target`, whole or not at all.

    Args:
        source: the trained model with its pictures.
        target: the bundle folder. An old one is replaced once the new one is whole, unless the gate failed.
        plan: what to export.
        observer: watches the progress.

    Returns:
        How it ended. If the gate failed, there is only a report, in `<target>.failed`.

    Raises:
        SourceError: the model or its pictures cannot be used.
        OutputError: `target` or `<target>.failed` holds something that is not ours.
        ConversionError: not one file could be made. What the converters printed is kept in `<target>.failed`.
    """
    require_replaceable(failed_folder(target), LOG)
    with (
        partial_folder(target, marker=MANIFEST) as folder,
        native_output_to(folder / LOG),
        log_kept(folder / LOG, target),
    ):
        preparation = prepare(source, plan, observer)
        converter = Converter(preparation.network, preparation.pictures.calibration_pixels)
        with noted() as notes:
            record = _converted(_Work(source, plan, observer, preparation, converter))
        record = replace(record, not_rounded=tuple(dict.fromkeys(notes)))
        bundle = Manifest(
            target.name,
            source.labels,
            source.preprocessing,
            tuple(file.entry for file in record.files),
            provenance(record),
            confidence_threshold=preparation.confidence.threshold,
            extra=not_written(record),
        )
        observer.on_stage("writing the bundle")
        if record.state is GateState.FAILED:
            return Outcome(write_failure(folder, target, bundle, record), bundle, record)
        return Outcome(target, write_bundle(folder, target, bundle, record), record)


def _converted(work: _Work) -> ExportRecord:
    """Make and judge every file, repair those that fail if asked to, and measure what the report tells of int8."""
    files, missing = _made(work)
    layers = {file.name: _layer_errors(work, file) for file in files if file.is_quantised and file.failed}
    if work.plan.repair:
        files = [_repaired(work, file, layers[file.name]) if file.name in layers else file for file in files]
    second = len(work.preparation.pictures.second_pixels) > 0
    steady = [file for file in files if file.is_quantised and not file.is_repaired]
    stability = {file.name: _stability(work, file) for file in steady if second}
    preparation = work.preparation
    return ExportRecord(
        source=work.source,
        plan=work.plan,
        pictures=preparation.pictures,
        confidence=preparation.confidence,
        baseline=preparation.baseline,
        folding=preparation.folding,
        files=tuple(files),
        stability=stability,
        layer_errors=layers,
        missing=tuple(missing),
    )


def _made(work: _Work) -> tuple[list[FileRecord], list[MissingFile]]:
    """Make and judge every file that can be made.

    Raises:
        ConversionError: there is none.
    """
    files, missing = [], []
    for target in work.plan.targets:
        try:
            files.append(_exported(work, target))
        except (ConversionError, BackendError) as error:
            missing.append(MissingFile(target.file_name, str(error).removeprefix(f"{target.file_name}: ")))
    if not files:
        reasons = [f"{', '.join(names)}: {reason}" for reason, names in _by_reason(missing).items()]
        raise ConversionError(f"no file could be made. {' '.join(reasons)}")
    return files, missing


def _by_reason(missing: Iterable[MissingFile]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in missing:
        found.setdefault(file.reason, []).append(file.name)
    return found


def _exported(work: _Work, target: ExportTarget) -> FileRecord:
    """Make and judge a file. With --repair, an int8 file that would compute in float becomes a mixed one."""
    work.observer.on_stage(f"converting {target.file_name}")
    try:
        return _checked(work, work.converter.convert(target))
    except FloatOperatorsError:
        if not work.plan.repair:
            raise
    mixed = work.converter.convert(ExportTarget(target.format, Precision.MIXED))
    left = tuple(operator.name for operator in mixed.graph.without_integers())
    return replace(_checked(work, mixed), kept_float=left)


def _checked(work: _Work, converted: Converted) -> FileRecord:
    """Run a file on the test pictures and compare it with the Keras model."""
    work.observer.on_stage(f"checking {converted.target.file_name}")
    file = describe_file(converted)
    pictures, labels = work.preparation.pictures, work.source.labels
    scores = run_file(labels, file, converted.content, pictures.test, report=work.observer.on_progress)
    keras = work.preparation.baseline.scores
    result = check(keras, scores, pictures.targets, labels=labels, max_drop=work.plan.max_drop)
    return FileRecord(replace(file, drift=result.to_dict()), converted, result)


def _stability(work: _Work, file: FileRecord) -> Stability:
    """Quantise once more with other calibration pictures and compare."""
    work.observer.on_stage(f"second calibration of {file.name}")
    pictures = work.preparation.pictures
    other = work.converter.convert(file.converted.target, calibration=pictures.second_pixels)
    step = max(1, len(pictures.test) // _STABILITY_PICTURES)
    scores = run_file(work.source.labels, file.entry, other.content, pictures.test[::step])
    return compare_draws(file.check.scores[::step], scores)


def _layer_errors(work: _Work, file: FileRecord) -> tuple[LayerError, ...]:
    work.observer.on_stage(f"layers of {file.name}")
    name = file.converted.target.format
    pixels = work.preparation.pictures.calibration_pixels[:_LAYER_PICTURES]
    return format_named(name).measure_layer_errors(work.converter.float32(name), file.converted.content, pixels)


def _repaired(work: _Work, file: FileRecord, layers: tuple[LayerError, ...]) -> FileRecord:
    """Keep the worst layers in float, one more at a time, until the gate passes; return the last try.

    A file whose layers cannot be measured stays as it is.
    """
    target = ExportTarget(file.converted.target.format, Precision.MIXED)
    repaired = file
    for count in range(1, len(layers) + 1):
        kept = tuple(layer.name for layer in layers[:count])
        work.observer.on_stage(f"repairing {file.name}, {count} of {len(layers)} layers in float")
        made = _checked(work, work.converter.convert(target, keep_float=kept))
        repaired = replace(made, kept_float=(*file.kept_float, *kept), repaired_from=file)
        if repaired.check.verdict.state is GateState.PASSED:
            break
    if not repaired.is_repaired:
        return file
    pair = ((repaired.entry, repaired.converted.content), (file.entry, file.converted.content))
    ratio = time_ratio(work.source.labels, pair, work.preparation.pictures.calibration_pixels)
    return replace(repaired, time_ratio=ratio)


def explain(outcome: Outcome) -> list[str]:
    """Return a line for each file: its size, its drift and what the gate says; or why it could not be made."""
    lines = [_line(file.path, file.size_bytes, file.drift) for file in outcome.bundle.files]
    reasons = _by_reason(outcome.record.missing)
    return lines + [f"{', '.join(names):22} not written: {reason}" for reason, names in reasons.items()]


def _line(path: str, size_bytes: int, drift: dict[str, Any]) -> str:
    low, high = drift["difference_interval"]
    return (
        f"{path:22} {size_bytes / 1e6:6.2f} MB  accuracy {drift['accuracy']:.2%} of {drift['pictures']:,}, Keras "
        f"{drift['keras_accuracy']:.2%}, difference {drift['difference']:+.2%} [{low:+.2%}, {high:+.2%}]  "
        f"agreement {drift['agreement']:.2%}  "
        f"{drift['gate']['state']}"
    )
