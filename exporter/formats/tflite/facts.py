"""What a TFLite file of others says of itself: its tensors, how it ends, and the metadata that it may carry.

Source: the flatbuffer schemas of TensorFlow Lite (schema.fbs) and of its metadata (metadata_schema.fbs).
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.backends import open_model
from edge_runtime.bundle.formats import TFLITE, Precision
from edge_runtime.bundle.interface import Interface
from edge_runtime.bundle.manifest import ModelFile, TensorInfo
from edge_runtime.errors import BackendError
from exporter.errors import SourceError
from exporter.formats.facts import FileFacts, require_one
from exporter.labels import MAX_BYTES, labels_in

_PASSED = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "CAST")
_LABEL_FILES = (2, 3)  # AssociatedFileType: TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS
_NORMALIZATION = 1  # ProcessUnitOptions


def tflite_facts(path: Path, content: bytes) -> FileFacts:
    """Return what a TFLite file says.

    Raises:
        SourceError: it is damaged, has several inputs or outputs, or LiteRT does not load it.
    """
    from ai_edge_litert import schema_py_generated as schema

    damaged = f"{path}: is a damaged TFLite file. Copy it again, or convert the model again."
    try:
        model = schema.Model.GetRootAs(content)
        graph = model.Subgraphs(0)
        inputs, outputs = ([_name(graph, number) for number in numbers] for numbers in _ends(graph))
        ending = _ending(model, graph)
        found = dict(_metadata(model))
    except (struct.error, IndexError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise SourceError(damaged) from error
    require_one(path, inputs, outputs)
    source, result = _tensors(path, content)
    labels = _labels(path, content, found.get("labels", ""))
    return FileFacts(TFLITE, content, source, result, ending, labels, found.get("normalisation"))


def _tensors(path: Path, content: bytes) -> tuple[TensorInfo, TensorInfo]:
    """Return input and output as LiteRT sees them."""
    nothing = TensorInfo("", "float32", (1,))
    file = ModelFile(path.name, TFLITE, Precision.FLOAT32, 0, "", nothing, nothing, "", {}, Interface())
    try:
        model = open_model("litert", content, 1, file)
    except BackendError as error:
        raise SourceError(f"{path}: {error}") from error
    return model.input, model.output


def _ends(graph: Any) -> tuple[list[int], list[int]]:
    return (
        [graph.Inputs(index) for index in range(graph.InputsLength())],
        [graph.Outputs(index) for index in range(graph.OutputsLength())],
    )


def _name(graph: Any, number: int) -> str:
    return str(graph.Tensors(number).Name().decode("utf-8", "backslashreplace"))


def _ending(model: Any, graph: Any) -> str:
    """Return the operator that makes the outputs, such as `softmax`."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    makers = {number: operator for operator in operators for number in operator.OutputsAsNumpy()}
    number = graph.Outputs(0)
    for _ in operators:
        operator = makers.get(number)
        if operator is None:
            return ""
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = kinds.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")
        if kind not in _PASSED:
            return "sigmoid" if kind == "LOGISTIC" else kind.lower()
        number = operator.Inputs(0)
    return ""


def _metadata(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield `labels`, the name of the file of labels, and `normalisation`, where the metadata says them."""
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == b"TFLITE_METADATA":
            content = model.Buffers(entry.Buffer()).DataAsNumpy()
            if isinstance(content, np.ndarray):
                yield from _read_metadata(content.tobytes())


def _read_metadata(content: bytes) -> Iterator[tuple[str, Any]]:
    from flatbuffers import encode, number_types
    from flatbuffers.table import Table

    start = encode.Get(number_types.UOffsetTFlags.packer_type, content, 0)
    root = Table(content, start)
    for part in _tables(root, 3):  # subgraph_metadata
        for tensor in _tables(part, 2):  # input_tensor_metadata
            for unit in _tables(tensor, 4):  # process_units
                options = _table(unit, 1)
                if _byte(unit, 0) == _NORMALIZATION and options is not None:
                    mean, deviation = _floats(options, 0), _floats(options, 1)
                    if mean and len(mean) == len(deviation) and len(mean) in (1, 3) and all(deviation):
                        yield "normalisation", (mean, deviation)
        for tensor in _tables(part, 3):  # output_tensor_metadata
            for file in _tables(tensor, 6):  # associated_files
                if _byte(file, 2) in _LABEL_FILES and not _text(file, 3):
                    yield "labels", _text(file, 0)


def _field(table: Any, number: int) -> int:
    return int(table.Offset(4 + 2 * number))


def _tables(table: Any, number: int) -> Iterator[Any]:
    from flatbuffers.table import Table

    if offset := _field(table, number):
        start = table.Vector(offset)
        for index in range(min(table.VectorLen(offset), 1000)):
            yield Table(table.Bytes, table.Indirect(start + 4 * index))


def _table(table: Any, number: int) -> Any | None:
    from flatbuffers.table import Table

    offset = _field(table, number)
    return Table(table.Bytes, table.Indirect(offset + table.Pos)) if offset else None


def _byte(table: Any, number: int) -> int:
    offset = _field(table, number)
    return int(table.Bytes[offset + table.Pos]) if offset else 0


def _text(table: Any, number: int) -> str:
    offset = _field(table, number)
    return table.String(offset + table.Pos).decode() if offset else ""


def _floats(table: Any, number: int) -> tuple[float, ...]:
    offset = _field(table, number)
    if not offset:
        return ()
    start, count = table.Vector(offset), min(table.VectorLen(offset), 1000)
    return tuple(map(float, np.frombuffer(table.Bytes, np.float32, count, start)))


def _labels(path: Path, content: bytes, name: str) -> tuple[str, ...]:
    """Return the labels of the archive at the end of the file, or none."""
    if not name:
        return ()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(name).file_size > MAX_BYTES:
                return ()
            return labels_in(archive.read(name).decode("utf-8-sig"), f"{path}, {name}")
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError):
        return ()
