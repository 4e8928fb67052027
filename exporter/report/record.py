"""All that an export found out, for the manifest and the report to say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import ModelFile, Precision
from edge_runtime.picture.preprocessing import Pixels
from edge_runtime.proof.gate import GateState
from exporter.formats.conversion import Converted
from exporter.formats.layer_error import LayerError
from exporter.network.confidence import Temperature
from exporter.source import Source, SplitPicture
from exporter.verification import Check, Stability


@dataclass(frozen=True)
class FileRecord:
    """One exported file.

    Args:
        entry: its entry in the manifest.
        converted: its content and graph.
        check: what the test split says of it.
        kept_float: operators that a repair left in float.
        repaired_from: the int8 file that failed, when this is its repair.
        time_ratio: inference time over that of the failed file, medians of one interleaved run; 0 without repair.
    """

    entry: ModelFile
    converted: Converted
    check: Check
    kept_float: tuple[str, ...] = ()
    repaired_from: FileRecord | None = None
    time_ratio: float = 0.0

    @property
    def name(self) -> str:
        """File name inside the bundle."""
        return self.entry.path

    @property
    def is_int8(self) -> bool:
        """Whether it computes in integers throughout."""
        return self.entry.precision == Precision.INT8

    @property
    def failed(self) -> bool:
        """Whether the gate has not passed it for sure."""
        return self.check.verdict.state is GateState.FAILED


@dataclass(frozen=True)
class ExportRecord:
    """One export.

    Args:
        source: the trained model with its pictures.
        files: the files in the order of the plan.
        state: the gate's verdict on the worst of them.
        seed: seed of the calibration draw.
        max_drop: largest drop of accuracy that passes, 0-1.
        calibration: the pictures that set the integer ranges.
        calibration_folder: where they come from, when not from the training split.
        stability: of int8 files by name, against a second calibration.
        layer_errors: of int8 files that failed by name, worst first.
        temperature: what the logits are divided by.
        threshold: confidence below which an answer is unsure, 0-1; 0 when none is.
        folded: layers folded away.
        not_folded: layers that had to stay, each with the reason.
        folding_difference: largest difference that folding and evening out made to a score, 0-1.
        folding_pictures: training pictures that it was measured on.
        test: test pictures `uint8 (N, H, W, 3) RGB 0-255` and their label indices `int (N,)`.
        untempered: scores of the Keras model as trained, `float64 (N, labels)`.
        baseline: the same with the temperature, which the files are compared with.
    """

    source: Source
    files: tuple[FileRecord, ...]
    state: GateState
    seed: int
    max_drop: float
    calibration: tuple[SplitPicture, ...]
    calibration_folder: Path | None
    stability: dict[str, Stability]
    layer_errors: dict[str, tuple[LayerError, ...]]
    temperature: Temperature
    threshold: float
    folded: tuple[str, ...]
    not_folded: tuple[tuple[str, str], ...]
    folding_difference: float
    folding_pictures: int
    test: tuple[Pixels, NDArray[np.intp]]
    untempered: NDArray[np.float64]
    baseline: NDArray[np.float64]
