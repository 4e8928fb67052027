"""Records of exports made by hand: scores that can be worked out on paper, without a network behind them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_runtime.bundle import Manifest, ModelFile, Precision, TensorInfo
from edge_runtime.picture.preprocessing import Preprocessing
from exporter.bundle_folder import provenance
from exporter.formats.conversion import Converted, ExportTarget
from exporter.formats.operators import Graph, Operator
from exporter.network.confidence import Temperature
from exporter.plan import ExportPlan
from exporter.preparation import Baseline, Confidence, FoldingProof, Pictures
from exporter.report.record import ExportRecord, FileRecord
from exporter.source import Source, SplitPicture
from exporter.verification import check

SIDE = 16
LABELS = ("cat", "dog")
TARGETS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
REASON = "only 8 validation pictures, 30 are needed"
GRAPH = Graph(
    (
        Operator("CONV_2D", "conv", ("uint8",), ("int8",)),
        Operator("CONV_2D", "conv2", ("int8",), ("int8",)),
        Operator("DEQUANTIZE", "scores", ("int8",), ("float32",), hands_out_scores=True),
    ),
    {"uint8": 1, "int8": 3, "float32": 1},
    {"int8": 1200},
)


def of_truth(shares: list[float], targets: np.ndarray = TARGETS) -> np.ndarray:
    """Return the scores of two labels, `float64 (N, 2)`, in which the true label has these shares."""
    rest = 1 - np.array(shares)
    return np.where(np.arange(2) == targets[:, None], np.array(shares)[:, None], rest[:, None])


KERAS = of_truth([0.9, 0.8, 0.7, 0.4, 0.9, 0.8, 0.7, 0.6])  # seven of eight right
CLOSE = of_truth([0.9, 0.8, 0.45, 0.55, 0.9, 0.8, 0.7, 0.2])  # two lost, one won
TURNED = 1 - KERAS  # seven lost, one won


def file_of(
    precision: str, scores: np.ndarray, *, format_: str = "tflite", max_drop: float = 0.01, **options
) -> FileRecord:
    """Return a file that gives these scores; options are further fields of its record."""
    target = ExportTarget(format_, Precision(precision))
    outside = "uint8" if precision in ("int8", "mixed") else "float32"
    tensors = (
        TensorInfo("image", outside, (1, SIDE, SIDE, 3), float(outside == "uint8"), 0),
        TensorInfo("scores", outside, (1, 1), 1 / 256 if outside == "uint8" else 0.0, 0),
    )
    found = check(KERAS, scores, TARGETS, labels=LABELS, max_drop=max_drop)
    entry = ModelFile(
        target.file_name, format_, target.precision, 1_500_000, "0f" * 32, *tensors, "litert 2.0", found.to_dict()
    )
    return FileRecord(entry, Converted(target, b"content", GRAPH), found, **options)


def picture_of(number: int, label: int, name: str = "") -> SplitPicture:
    """Return a picture that is named by content alone, unlike that of any other number."""
    return SplitPicture(Path(name or f"{number}.jpg"), label, f"{number:064x}", f"{number:064x}")


def record_of(*files: FileRecord, max_drop: float = 0.01) -> ExportRecord:
    """Return the record of an export of these files, on eight test pictures and without a temperature."""
    sides = {
        "train": tuple(picture_of(number, number % 2) for number in range(100, 112)),
        "validation": (picture_of(200, 0),),
        "test": tuple(picture_of(number, int(label)) for number, label in enumerate(TARGETS)),
    }
    run = {
        "name": "small",
        "architecture": "report",
        "data": "/data/pets",
        "seed": 3,
        "versions": {"keras": "3"},
    }
    source = Source(
        Path("runs/small"), Path("runs/small/model.keras"), run, LABELS, Preprocessing(SIDE, SIDE), sides
    )
    pixels = np.random.default_rng(0).integers(0, 256, (len(TARGETS), SIDE, SIDE, 3)).astype(np.uint8)
    return ExportRecord(
        source=source,
        plan=ExportPlan(tuple(file.converted.target for file in files), seed=5, max_drop=max_drop),
        pictures=Pictures(pixels, TARGETS, sides["train"], pixels, pixels[:0], pixels),
        confidence=Confidence(Temperature(reason=REASON), 0.0),
        baseline=Baseline(KERAS, KERAS),
        folding=FoldingProof(("rescaling", "norm"), (), 3e-7, 12),
        files=files,
        stability={},
        layer_errors={},
    )


def manifest_of(record: ExportRecord, **options) -> Manifest:
    """Return the manifest of a record; options are further fields of it."""
    entries = tuple(file.entry for file in record.files)
    preprocessing = record.source.preprocessing
    return Manifest("small", record.source.labels, preprocessing, entries, provenance(record), **options)


def with_labels(record: ExportRecord, labels: tuple[str, ...]) -> ExportRecord:
    """Return the same export of other labels."""
    files = tuple(
        replace(
            file,
            check=check(KERAS, file.check.scores, TARGETS, labels=labels, max_drop=record.plan.max_drop),
        )
        for file in record.files
    )
    return replace(record, source=replace(record.source, labels=labels), files=files)
