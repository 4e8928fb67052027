"""The outer tensors of a TFLite file: their names, and uint8 where the inside is int8.

Source: the flatbuffer schema of TensorFlow Lite, schema.fbs.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from exporter.network.model import INPUT_NAME, OUTPUT_NAME

_INT8_TO_UINT8 = 128  # distance of the zero points of the same step


def name_interface(content: bytes, *, versions: dict[str, int] | None = None) -> bytes:
    """Return the file with its input called `image` and its output `scores`, as in every other format.

    The file is also written anew, with all weights inside the flatbuffer, where every backend looks for them.

    Args:
        content: a TFLite file.
        versions: the version of each kind of operator that a backend must have.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = read_model(content)
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].name = INPUT_NAME
    graph.tensors[graph.outputs[0]].name = OUTPUT_NAME
    for kind, version in (versions or {}).items():
        for code in model.operatorCodes:
            if code.builtinCode == getattr(schema.BuiltinOperator, kind):
                code.version = version
    return written_model(model)


def take_and_give_uint8(content: bytes) -> bytes:
    """Return a file that takes and gives uint8 where this one takes and gives int8, in steps of the same size.

    An input or output in float stays in float.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = read_model(content)
    graph = model.subgraphs[0]
    outside = schema.TensorType.UINT8
    code = _requantise_code(model)
    inner = graph.inputs[0]
    if graph.tensors[inner].type == schema.TensorType.INT8:
        outer = _add_tensor(graph, inner, outside)
        graph.operators.insert(0, _requantise(code, outer, inner))
        _replace_outer(model, graph.inputs, inner, outer)
    inner = graph.outputs[0]
    if graph.tensors[inner].type == schema.TensorType.INT8:
        outer = _add_tensor(graph, inner, outside)
        graph.operators.append(_requantise(code, inner, outer))
        _replace_outer(model, graph.outputs, inner, outer)
    return written_model(model)


def _add_tensor(graph: Any, inner: int, dtype: int) -> int:
    """Add the outer tensor that takes over the name of the inner one; return its index."""
    tensor = deepcopy(graph.tensors[inner])
    tensor.type = dtype
    tensor.quantization.zeroPoint = [int(tensor.quantization.zeroPoint[0]) + _INT8_TO_UINT8]
    graph.tensors[inner].name = tensor.name + b"_int8"
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _replace_outer(model: Any, indices: Any, inner: int, outer: int) -> None:
    indices[0] = outer
    for signature in model.signatureDefs or ():
        for tensor in [*signature.inputs, *signature.outputs]:
            if tensor.tensorIndex == inner:
                tensor.tensorIndex = outer


def _requantise_code(model: Any) -> int:
    from ai_edge_litert import schema_py_generated as schema

    quantise = schema.BuiltinOperator.QUANTIZE
    for index, known in enumerate(model.operatorCodes):
        if known.builtinCode == quantise:
            return index
    # Version 2 also takes integers. It is the version that TFLiteConverter writes for the same task.
    code = schema.OperatorCodeT(deprecatedBuiltinCode=quantise, builtinCode=quantise, version=2)
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _requantise(code: int, source: int, target: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.OperatorT(
        opcodeIndex=code,
        inputs=[source],
        outputs=[target],
        builtinOptionsType=schema.BuiltinOptions.QuantizeOptions,
        builtinOptions=schema.QuantizeOptionsT(),
    )


def read_model(content: bytes) -> Any:
    """Return a TFLite file as objects of the schema (`ModelT`)."""
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


def written_model(model: Any) -> bytes:
    """Return a `ModelT` as a TFLite file."""
    import numpy as np
    from ai_edge_litert.tools import flatbuffer_utils

    for buffer in model.buffers:
        if isinstance(buffer.data, bytearray):  # packed byte by byte, an array in one go
            buffer.data = np.frombuffer(buffer.data, np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
