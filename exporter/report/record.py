"""All that an export found out. The manifest and the report are written from it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.bundle import ModelFile, Precision
from edge_runtime.proof.gate import GateState, worst
from exporter.formats.conversion import Converted
from exporter.formats.layer_error import LayerError
from exporter.plan import ExportPlan
from exporter.preparation import Baseline, Confidence, FoldingProof, Pictures
from exporter.source import Source
from exporter.verification import Check, Stability


@dataclass(frozen=True)
class FileRecord:
    """One exported file.

    Args:
        entry: its entry in the manifest.
        converted: its content and graph.
        check: what the test split says of it.
        kept_float: operators left in float: those without an integer form, and those that a repair left.
        repaired_from: if this is a repaired file, the one that failed.
        time_ratio: median inference time over that of the failed file, both run in turns; 0 without repair.
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
    def is_quantised(self) -> bool:
        """Whether it computes in integers, throughout or with some operators in float."""
        return self.entry.precision in (Precision.INT8, Precision.MIXED)

    @property
    def is_repaired(self) -> bool:
        """Whether some operators were left in float because the file failed without."""
        return self.repaired_from is not None

    @property
    def failed(self) -> bool:
        """Whether the gate failed it; one that is inconclusive has not failed."""
        return self.check.verdict.state is GateState.FAILED


@dataclass(frozen=True)
class MissingFile:
    """A file that was asked for and could not be made.

    Args:
        name: what it would be called.
        reason: why not, one sentence or two.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class ExportRecord:
    """One export.

    Args:
        source: the trained model with its pictures.
        plan: what was asked for.
        pictures: the pictures of the export.
        confidence: temperature and confidence threshold.
        baseline: what the files are compared with.
        folding: what was done to the network before conversion.
        files: the files in the order of the plan.
        stability: of int8 and mixed files by name, against a second calibration.
        layer_errors: of int8 and mixed files that failed by name, worst first.
        missing: the files that could not be made.
        not_rounded: int8 files whose weights stay rounded to nearest, each with the reason.
    """

    source: Source
    plan: ExportPlan
    pictures: Pictures
    confidence: Confidence
    baseline: Baseline
    folding: FoldingProof
    files: tuple[FileRecord, ...]
    stability: dict[str, Stability]
    layer_errors: dict[str, tuple[LayerError, ...]]
    missing: tuple[MissingFile, ...] = ()
    not_rounded: tuple[str, ...] = ()

    @property
    def state(self) -> GateState:
        """The gate's verdict on the worst file."""
        return worst([file.check.verdict for file in self.files])
