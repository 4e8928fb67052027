"""Make every wanted file from one Keras model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_runtime.bundle import ONNX, TFLITE, Precision
from edge_runtime.picture.preprocessing import Pixels
from exporter.errors import ConversionError
from exporter.formats.onnx import conversion as onnx_conversion
from exporter.formats.operators import Graph, Operator, read_graph
from exporter.formats.tflite import conversion as tflite_conversion
from exporter.formats.tflite import quantization as tflite_quantization

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ExportTarget:
    """A kind of file to write.

    Args:
        format: file format.
        precision: number format.
    """

    format: str
    precision: Precision

    @property
    def file_name(self) -> str:
        """Says what the file is, such as `model.int8.tflite`."""
        return f"model.{self.precision}.{self.format}"


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


class ExportObserver(Protocol):
    """Watches an export."""

    def on_stage(self, name: str) -> None:
        """Called when a stage begins."""

    def on_progress(self, done: int, total: int) -> None:
        """Called within a stage that can be counted."""


def plan_targets(formats: tuple[str, ...], precisions: tuple[Precision, ...]) -> tuple[ExportTarget, ...]:
    """Return every combination that exists: ONNX has no dynamic-range file.

    ONNX Runtime's dynamic quantisation has convolutions take their ranges anew from every picture, which is slower
    than float32 and loses accuracy; see docs/decisions/0006.
    """
    targets = (ExportTarget(format, precision) for format in formats for precision in precisions)
    return tuple(target for target in targets if target != ExportTarget(ONNX, Precision.DYNAMIC))


class Converter:
    """Converts one model; the float32 file of a format and the ranges of its tensors are made once.

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
            ConversionError: a converter failed, or an int8 file computes in float.
        """
        pictures = self._calibration if calibration is None else calibration
        content = self._quantised(target, pictures, keep_float)
        graph = read_graph(content, target.format)
        if target.precision == Precision.INT8:
            _require_integer(graph, target.file_name)
        return Converted(target, content, graph)

    def float32(self, format_: str) -> bytes:
        """Return the float32 file of a format."""
        if format_ not in self._float32:
            convert = tflite_conversion if format_ == TFLITE else onnx_conversion
            self._float32[format_] = convert.convert_float32(self._model)
        return self._float32[format_]

    def _quantised(self, target: ExportTarget, pictures: Pixels, keep_float: tuple[str, ...]) -> bytes:
        float32 = self.float32(target.format)
        if target.precision == Precision.FLOAT32:
            return float32
        if target.format == ONNX:
            if target.precision == Precision.FLOAT16:
                return onnx_conversion.convert_float16(float32)
            return onnx_conversion.quantize_int8(float32, pictures, keep_float=keep_float)
        if target.precision == Precision.FLOAT16:
            return tflite_quantization.quantize_float16(float32)
        if target.precision == Precision.DYNAMIC:
            return tflite_quantization.quantize_dynamic(float32)
        return tflite_quantization.quantize_int8(float32, pictures, keep_float=keep_float)


def left_in_float(graph: Graph) -> tuple[Operator, ...]:
    """Return the operators that compute in float, but for a last one that only hands out the scores as float32."""
    last = graph.operators[-1]
    return tuple(
        operator for operator in graph.float_operators() if operator is not last or last.kind != "DequantizeLinear"
    )


def _require_integer(graph: Graph, name: str) -> None:
    left = left_in_float(graph)
    if left:
        listed = ", ".join(f"{operator.kind} ({operator.name})" for operator in left[:5])
        raise ConversionError(
            f"{name}: expected integer arithmetic throughout, but {len(left)} operators compute in "
            f"float: {listed}. Export with --quantize float16 or dynamic, or replace these layers and train again."
        )
