"""Write a bundle folder: model files, manifest, self-test pictures, calibration record, reports."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_runtime.atomic_folder import remove_folder, replace_folder
from edge_runtime.backends import open_model
from edge_runtime.bundle import MANIFEST, TFLITE, Manifest, ModelFile, Precision
from edge_runtime.bundle.keras_scores import write_keras_scores
from edge_runtime.errors import BackendError
from edge_runtime.teaching.examples import KEY, write_examples
from edge_runtime.visible_text import visible
from exporter.calibration import calibration_record
from exporter.errors import ConversionError
from exporter.formats.conversion import Converted, ExportTarget
from exporter.formats.table import FORMATS, format_named
from exporter.report.model_card import write_model_card
from exporter.report.page import write_html
from exporter.report.plots import flips_name, plot_differences, plot_flips, plot_reliability
from exporter.report.record import ExportRecord
from exporter.report.report import write_report
from exporter.selftest import write_selftest
from exporter.source import Source
from exporter.typical_features import typical_features
from exporter.verification import open_content

_PACKAGES = ("catdog-edge", "tensorflow", "keras", "scipy", "numpy", "pillow")  # and those of each format

LOG = "conversion.log"  # what the converters printed; also the mark of a failed export's folder


def describe_file(converted: Converted) -> ModelFile:
    """Return a file's entry in the manifest, without its drift.

    Raises:
        ConversionError: the backend does not load what the converter wrote.
    """
    target, content = converted.target, converted.content
    format_ = format_named(target.format)
    try:
        model = open_model(format_.backend, content, 1)
    except BackendError as error:
        raise ConversionError(
            f"{target.file_name}: {error}. Choose another --quantize, or report this with the model's layers."
        ) from error
    return ModelFile(
        path=target.file_name,
        format=target.format,
        precision=target.precision,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        input=model.input,
        output=model.output,
        oldest_runtime=(format_.oldest_backend or {}).get(target.precision, ""),
        drift={},
    )


def provenance(record: ExportRecord) -> dict[str, Any]:
    """Return where the model comes from and how it was exported, as the manifest keeps it."""
    run = record.source.run
    packages = (*_PACKAGES, *(package for made in FORMATS.values() for package in made.packages))
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    folder = record.plan.calibration
    return {
        "name": run["name"],
        "architecture": run["architecture"],
        "data": visible(Path(run["data"]).name),  # the name alone: a bundle travels
        "seed": run["seed"],
        "versions": run["versions"],
        "data_sha256": _data_hash(record.source),
        "export_versions": versions,
        "calibration": {
            "pictures": len(record.pictures.calibration),
            "seed": record.plan.seed,
            "folder": visible(folder.name) if folder else None,
        },
        "stability": {name: asdict(stability) for name, stability in record.stability.items()},
        "temperature": record.confidence.temperature.to_dict(),
        "folded": list(record.folding.folded),
        "kept_float": {file.name: list(file.kept_float) for file in record.files if file.kept_float},
        "gate": record.state,
    }


def not_written(record: ExportRecord) -> dict[str, Any]:
    """Return what the manifest says beside its keys of files that could not be made: the reason by file name."""
    return {"not_written": {file.name: file.reason for file in record.missing}} if record.missing else {}


def write_bundle(folder: Path, target: Path, bundle: Manifest, record: ExportRecord) -> Manifest:
    """Fill `folder`, rename it to `target`, and return the bundle with its self-test."""
    for file in record.files:
        (folder / file.name).write_bytes(file.converted.content)
    opened = {file.name: open_content(bundle.labels, file.entry, file.converted.content) for file in record.files}
    bundle = replace(bundle, selftest=write_selftest(folder, bundle.preprocessing, opened))
    bundle = replace(bundle, extra=bundle.extra | _typical_features(folder, bundle, record))
    pictures = [(picture.sha256, picture.label) for picture in record.source.sides["test"]]
    write_keras_scores(folder, bundle.labels, pictures, record.baseline.scores)
    _write_reports(folder, bundle, record)
    (folder / "MODEL_CARD.md").write_text(write_model_card(bundle, record), encoding="utf-8")
    _write_json(folder / MANIFEST, bundle.to_dict())
    replace_folder(folder, target, marker=MANIFEST)
    remove_folder(failed_folder(target), marker=LOG)
    return bundle


def _typical_features(folder: Path, bundle: Manifest, record: ExportRecord) -> dict[str, Any]:
    """Write `features.bin`, if there is a file to teach with, and return what the manifest says of it."""
    wanted = ExportTarget(TFLITE, Precision.INT8)
    contents = [file.converted.content for file in record.files if file.converted.target == wanted]
    if not contents:
        return {}
    targets = [picture.label for picture in record.pictures.calibration]
    pixels = record.pictures.calibration_pixels
    examples = typical_features(contents[0], pixels, targets, len(bundle.labels))
    return {KEY: write_examples(folder, examples, len(bundle.labels))} if examples else {}


@contextmanager
def log_kept(log: Path, target: Path) -> Iterator[None]:
    """Keep the log when a conversion fails in the block. It goes where the report of a failed gate would be.

    Raises:
        ConversionError: that of the block, with the path of the log.
    """
    try:
        yield
    except ConversionError as error:  # comes before any file is written, so there is the log alone
        replace_folder(log.parent, failed_folder(target), marker=LOG)
        raise ConversionError(f"{error} What the converters printed: {failed_folder(target) / log.name}") from error


def write_failure(folder: Path, target: Path, bundle: Manifest, record: ExportRecord) -> Path:
    """Write the report of a failed export to `<target>.failed`, and return that folder."""
    for file in record.files:
        if file.failed:
            plot_flips(record, file, folder / flips_name(file))
    _write_reports(folder, bundle, record)
    errors = {name: [error.to_dict() for error in found] for name, found in record.layer_errors.items()}
    _write_json(folder / "layer_errors.json", errors)
    replace_folder(folder, failed_folder(target), marker=LOG)
    return failed_folder(target)


def _write_reports(folder: Path, bundle: Manifest, record: ExportRecord) -> None:
    """Write the report, its plots and the JSON files that it names."""
    calibration = record.pictures.calibration
    _write_json(folder / "calibration.json", calibration_record(record.source, calibration, record.plan.seed))
    _write_json(folder / "operators.json", {file.name: file.converted.graph.to_dict() for file in record.files})
    plot_differences(record, folder / "differences.png")
    plot_reliability(record, folder / "reliability.png")
    text = write_report(bundle, record)
    (folder / "report.md").write_text(text, encoding="utf-8")
    (folder / "report.html").write_text(write_html(text, folder), encoding="utf-8")


def failed_folder(target: Path) -> Path:
    """Return where the report of a failed export goes."""
    return target.with_name(f"{target.name}.failed")


def _data_hash(source: Source) -> str:
    """Return one hash for all pictures, their labels and their sides."""
    lines = sorted(
        f"{side} {picture.label} {picture.sha256}\n" for side, found in source.sides.items() for picture in found
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
