"""Read a finished TFLite or ONNX file of others, and name its number format."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.bounded_file import read_bounded, reason_of
from edge_runtime.bundle.formats import FORMATS, Precision
from edge_runtime.bundle.manifest import MAX_MODEL_BYTES
from exporter.errors import ConversionError, SourceError
from exporter.formats.facts import FileFacts
from exporter.formats.operators import FLOATS, Graph
from exporter.formats.table import format_named
from exporter.model_kind import ModelKind


def read_facts(path: Path, kind: ModelKind, size: tuple[int, int] | None) -> FileFacts:
    """Return what a file says.

    Args:
        path: the file.
        kind: TFLite or ONNX.
        size: height and width for a file that takes any, pixels; None if nobody said.

    Raises:
        SourceError: it is damaged, has several inputs or outputs, or takes no picture.
    """
    try:
        content = read_bounded(path, MAX_MODEL_BYTES)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({reason_of(error)}).") from error
    if kind is ModelKind.TFLITE:
        from exporter.formats.tflite.facts import tflite_facts

        facts = tflite_facts(path, content)
    else:
        from exporter.formats.onnx.facts import onnx_facts

        facts = onnx_facts(path, content, size)
    _refuse_other_inputs(path, facts, size)
    return facts


def _refuse_other_inputs(path: Path, facts: FileFacts, size: tuple[int, int] | None) -> None:
    shape = facts.input.shape
    if len(shape) != 4 or not {shape[1], shape[3]} & {1, 3}:
        raise SourceError(
            f"{path}: expected an input of one picture, such as (1, 224, 224, 3) or (1, 3, 224, 224), received "
            f"{shape}. "
            "Export a classifier of single pictures."
        )
    height, width, _ = facts.picture
    if -1 in (height, width):
        raise SourceError(
            f"{path}: takes pictures of any size. "
            + ("Convert it for one size." if size else "State the one for the device, as in --size 224")
        )
    if size is not None and (height, width) != size:
        raise SourceError(
            f"{path}: takes pictures of {width} x {height} pixels (width x height), received --size "
            f"{size[1]}x{size[0]}. Leave --size out."
        )


def precision_of(path: Path, facts: FileFacts) -> tuple[Precision, Graph]:
    """Return the number format of a file, and what it computes.

    Raises:
        SourceError: no backend loads it.
    """
    try:
        graph = format_named(facts.format).read_graph(facts.content)
    except ConversionError as error:
        raise SourceError(f"{path}: {' '.join(str(error).split()):.400}") from error
    return _precision(graph), graph


def _precision(graph: Graph) -> Precision:
    steps = ("QUANTIZE", "DEQUANTIZE", "QuantizeLinear", "DequantizeLinear", "Cast", "CAST")
    left = [operator for operator in graph.left_in_float() if operator.kind not in steps]
    integer = any(kind in ("int8", "uint8") for operator in graph.operators for kind in operator.outputs)
    if not left and graph.operators:
        return Precision.INT8
    weights = graph.weight_bytes
    floats = sum(weights.get(kind, 0) for kind in FLOATS)
    if integer and sum(operator.kind not in steps for operator in graph.operators) > len(left):
        return Precision.MIXED
    if weights.get("int8", 0) + weights.get("uint8", 0) > floats:
        return Precision.DYNAMIC
    return Precision.FLOAT16 if weights.get("float16", 0) > floats / 2 else Precision.FLOAT32


def file_name(facts: FileFacts, precision: Precision) -> str:
    """Return the name of a file in its bundle, such as `model.int8.tflite`."""
    return f"model.{precision}{FORMATS[facts.format].suffix}"
