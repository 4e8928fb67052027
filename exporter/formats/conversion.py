"""Make every wanted file from one Keras model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.bundle.formats import FORMATS as RUNTIME_FORMATS
from edge_runtime.bundle.formats import Precision
from edge_runtime.picture.preprocessing import Pixels
from exporter.errors import ConversionError
from exporter.formats.operators import Graph
from exporter.formats.table import format_named

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ExportTarget:
    """A kind of file to write.

    Args:
        format: a key of `exporter.formats.table.FORMATS`.
        precision: number format.
    """

    format: str
    precision: Precision

    def __post_init__(self) -> None:
        """Refuse an unknown format.

        Raises:
            ConversionError: `FORMATS` has no such format.
        """
        format_named(self.format)

    @property
    def file_name(self) -> str:
        """Says what the file is, such as `model.int8.tflite`."""
        return f"model.{self.precision}{RUNTIME_FORMATS[self.format].suffix}"


@dataclass(frozen=True)
class Converted:
    """A finished model file.

    Args:
        target: what it is.
        content: its bytes.
        graph: what it computes.
    """

    target: ExportTarget
    content: bytes
    graph: Graph


def plan_targets(formats: Iterable[str], precisions: Iterable[Precision]) -> tuple[ExportTarget, ...]:
    """Return every combination that exists.

    Raises:
        ConversionError: a format is unknown.
    """
    wanted = tuple(precisions)
    return tuple(
        ExportTarget(name, precision)
        for name in formats
        for precision in wanted
        if precision in format_named(name).precisions
    )


class Converter:
    """Converts one model; the float32 file of each format is made once.

    Args:
        model: the Keras model, folded.
        calibration: `uint8 (N, H, W, 3) RGB 0-255` to take tensor ranges from.
    """

    def __init__(self, model: keras.Model, calibration: Pixels) -> None:
        """Begin with nothing converted."""
        self._model = model
        self._calibration = calibration
        self._float32: dict[str, bytes] = {}

    def convert(
        self, target: ExportTarget, *, calibration: Pixels | None = None, keep_float: tuple[str, ...] = ()
    ) -> Converted:
        """Return the file of a target.

        Args:
            target: what to make.
            calibration: other pictures to take ranges from.
            keep_float: operators to leave in float32, for a mixed file.

        Raises:
            ConversionError: the format is unknown, a converter failed, or an int8 file computes in float.
        """
        pictures = self._calibration if calibration is None else calibration
        format_ = format_named(target.format)
        content = format_.quantized(self.float32(target.format), target.precision, pictures, keep_float)
        graph = format_.read_graph(content)
        if target.precision == Precision.INT8:
            _require_integer(graph, target.file_name)
        return Converted(target, content, graph)

    def float32(self, name: str) -> bytes:
        """Return the float32 file of a format."""
        if name not in self._float32:
            self._float32[name] = format_named(name).convert(self._model)
        return self._float32[name]


def _require_integer(graph: Graph, name: str) -> None:
    left = graph.left_in_float()
    if left:
        listed = ", ".join(f"{operator.kind} ({operator.name})" for operator in left[:5])
        raise ConversionError(
            f"{name}: expected integer arithmetic throughout, but {len(left)} operators compute in "
            f"float: {listed}. Choose --quantize float16 or dynamic, or replace these layers and train again."
        )
