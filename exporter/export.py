"""A whole export: convert, quantise, write the bundle, run every file on the test split, report."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import open_model
from edge_runtime.bundle import MANIFEST, Bundle, ModelFile, ModelFormat, Precision
from edge_runtime.classifier import Classifier
from edge_runtime.folders import whole_folder
from edge_runtime.native_output import native_output_to
from edge_runtime.preprocessing import Pixels
from exporter import onnx_conversion, tflite_conversion
from exporter.calibration import DEFAULT_COUNT, draw_calibration
from exporter.drift import DriftReport, measure_drift
from exporter.errors import ConversionError, SourceError
from exporter.folding import Folding, fold
from exporter.keras_model import keras_scores, load_keras_model
from exporter.report import write_report
from exporter.source import Source, SplitPicture, load_split_pictures

if TYPE_CHECKING:
    import keras

LOG = "conversion.log"
MAX_FOLDING_DIFFERENCE = 1e-5  # on the calibration pictures, of scores 0-1
# The runtime that judges a file of each format.
_JUDGES = {ModelFormat.TFLITE: "litert", ModelFormat.ONNX: "onnxruntime"}
_VERSIONED = (
    "catdog-edge",
    "tensorflow",
    "keras",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
    "numpy",
)


@dataclass(frozen=True)
class ExportTarget:
    """A kind of file to write.

    Args:
        format: file format.
        precision: number format.
    """

    format: ModelFormat
    precision: Precision

    @property
    def file_name(self) -> str:
        """Says what the file is, such as `model.int8.tflite`."""
        return f"model.{self.precision}.{self.format}"


@dataclass(frozen=True)
class ExportPlan:
    """What to export.

    Args:
        targets: the files to write.
        calibration_count: training pictures that set the ranges of int8 files, 1 or more.
        seed: seed of the calibration draw.
    """

    targets: tuple[ExportTarget, ...]
    calibration_count: int = DEFAULT_COUNT
    seed: int = 0


class ExportObserver(Protocol):
    """Watches an export."""

    def on_stage(self, name: str) -> None:
        """Called when a stage begins."""

    def on_progress(self, done: int, total: int) -> None:
        """Called within a stage that can be counted."""


def plan_targets(formats: tuple[ModelFormat, ...], precisions: tuple[Precision, ...]) -> tuple[ExportTarget, ...]:
    """Return every combination."""
    return tuple(ExportTarget(format, precision) for format in formats for precision in precisions)


def export(source: Source, target: Path, plan: ExportPlan, *, observer: ExportObserver) -> Bundle:
    """Write the bundle folder `target`, whole or not at all.

    Args:
        source: the training run.
        target: the bundle folder; an old one is replaced when the new one is whole.
        plan: what to export.
        observer: watches the progress.

    Returns:
        What the manifest says.

    Raises:
        SourceError: the run or its pictures cannot be used.
        ConversionError: a converter failed.
    """
    if not source.sides["test"]:
        raise SourceError(f"{source.folder}: the test split is empty, so drift cannot be measured. Train again.")
    calibration = draw_calibration(source, count=plan.calibration_count, seed=plan.seed)
    with whole_folder(target) as folder, _quiet(folder / LOG):
        observer.on_stage("reading test pictures")
        test = load_split_pictures(source.sides["test"], source.preprocessing, report=observer.on_progress)
        calibration_pixels, _ = load_split_pictures(calibration, source.preprocessing)
        observer.on_stage("scoring with Keras")
        model = load_keras_model(source)
        baseline = keras_scores(model, test[0])
        folding = fold(model)
        _require_exact(folding, model, calibration_pixels)
        for name, content in _convert(folding.model, plan, calibration_pixels, observer):
            (folder / name).write_bytes(content)
        bundle = _describe(folder, target.name, source, plan)
        bundle = replace(
            bundle, files=tuple(_verified(folder, file, test, baseline, observer) for file in bundle.files)
        )
        _write_manifest(folder, bundle)
        _write_calibration(folder, source, calibration, plan)
        (folder / "report.md").write_text(write_report(bundle, folding, len(calibration)), encoding="utf-8")
    return bundle


@contextmanager
def _quiet(log: Path) -> Iterator[None]:
    with native_output_to(log):
        yield


def _require_exact(folding: Folding, model: keras.Model, pixels: Pixels) -> None:
    difference = float(np.abs(keras_scores(folding.model, pixels) - keras_scores(model, pixels)).max())
    if difference > MAX_FOLDING_DIFFERENCE:
        raise ConversionError(
            f"folding {', '.join(folding.folded)} changed a score by {difference:.2g}, expected at most "
            f"{MAX_FOLDING_DIFFERENCE:.0g}. Please report this with the model's layers."
        )


def _convert(
    model: keras.Model, plan: ExportPlan, calibration: Pixels, observer: ExportObserver
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file; the float32 ONNX file is made once for both precisions."""
    onnx_float32 = b""
    for target in plan.targets:
        observer.on_stage(f"converting {target.file_name}")
        if target.format == ModelFormat.TFLITE:
            if target.precision == Precision.INT8:
                yield target.file_name, tflite_conversion.convert_int8(model, calibration)
            else:
                yield target.file_name, tflite_conversion.convert_float32(model)
            continue
        onnx_float32 = onnx_float32 or onnx_conversion.convert_float32(model)
        if target.precision == Precision.INT8:
            yield target.file_name, onnx_conversion.convert_int8(onnx_float32, calibration)
        else:
            yield target.file_name, onnx_float32


def _describe(folder: Path, name: str, source: Source, plan: ExportPlan) -> Bundle:
    """Write the manifest without drift, so that the runtime can open the files."""
    files = []
    for target in plan.targets:
        content = (folder / target.file_name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        model = open_model(_JUDGES[target.format], content, 1)
        files.append(
            ModelFile(
                path=target.file_name,
                format=target.format,
                precision=target.precision,
                size_bytes=len(content),
                sha256=digest,
                input=model.input,
                output=model.output,
                oldest_runtime="",
                drift={},
            )
        )
    training = {key: source.run[key] for key in ("name", "architecture", "data", "seed", "versions")}
    training["export_versions"] = {"python": platform.python_version()} | {key: version(key) for key in _VERSIONED}
    bundle = Bundle(name, source.labels, source.preprocessing, tuple(files), training)
    _write_manifest(folder, bundle)
    return bundle


def _verified(
    folder: Path,
    file: ModelFile,
    test: tuple[Pixels, NDArray[np.intp]],
    baseline: NDArray[np.float64],
    observer: ExportObserver,
) -> ModelFile:
    """Run a file through the edge runtime on the test pictures and return it with its drift."""
    observer.on_stage(f"checking {file.path}")
    pixels, targets = test
    classifier = Classifier.open(folder, _JUDGES[file.format], precision=file.precision)
    scores = np.empty_like(baseline)
    for index, picture in enumerate(pixels):
        scores[index] = classifier.scores(picture)
        observer.on_progress(index + 1, len(pixels))
    drift: DriftReport = measure_drift(baseline, scores, targets)
    return replace(file, drift=drift.to_dict() | {"backend": classifier.backend})


def _write_manifest(folder: Path, bundle: Bundle) -> None:
    _write_json(folder / MANIFEST, bundle.to_dict())


def _write_calibration(
    folder: Path, source: Source, calibration: tuple[SplitPicture, ...], plan: ExportPlan
) -> None:
    """Record which pictures set the integer ranges, by content."""
    pictures = [{"sha256": picture.sha256, "label": source.labels[picture.label]} for picture in calibration]
    _write_json(folder / "calibration.json", {"seed": plan.seed, "side": "train", "pictures": pictures})


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
