"""What an export is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.proof.gate import DEFAULT_MAX_DROP
from exporter.calibration import DEFAULT_COUNT
from exporter.formats.conversion import ExportTarget


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
