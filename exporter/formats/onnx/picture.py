"""Have an int8 ONNX file take pictures as bytes, without a step from bytes to float and back."""

from __future__ import annotations

from typing import Any

from exporter.network.model import INPUT_NAME

# What only moves the levels of pixels about, by its first input; a concatenation, by all.
_MOVERS = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather", "Identity", "Concat")


def pixel_tensors(graph: Any) -> list[str]:
    """Return the tensors that hold levels of pixels: the input, and all that it is only moved to."""
    found = [INPUT_NAME]
    for node in graph.node:
        read = node.input if node.op_type == "Concat" else node.input[:1]
        if node.op_type in _MOVERS and all(name in found for name in read):
            found.append(str(node.output[0]))
    return found


def take_uint8(graph: Any, pixels: list[str]) -> None:
    """Have a quantised file take uint8: cut out the quantisation of the tensors that hold levels of pixels.

    A file whose first layer stays in float keeps its float input.

    Args:
        graph: the `onnx.GraphProto` in QDQ form; one step of these tensors is one level.
        pixels: what `pixel_tensors` returned before it was quantised.
    """
    from onnx import TensorProto

    same = {name: name for name in pixels}  # each tensor that holds the levels, and the one that keeps them
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] in same:
            same[node.output[0]] = same[node.input[0]]
    movers = [node for node in graph.node if node.op_type in _MOVERS and node.output[0] in pixels]
    if _reads_float(graph, movers, pixels):
        return
    for node in movers:
        node.input[:] = [same.get(name, name) for name in node.input]
    for node in [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] in pixels]:
        for reader in graph.node:
            reader.input[:] = [node.input[0] if name == node.output[0] else name for name in reader.input]
        graph.node.remove(node)
    _drop_unread(graph)
    graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    for name in pixels:
        forget_type(graph, name)


def forget_type(graph: Any, name: str) -> None:
    """Drop what is noted of a tensor's type."""
    for value in [value for value in graph.value_info if value.name == name]:
        graph.value_info.remove(value)


def _reads_float(graph: Any, movers: list[Any], pixels: list[str]) -> bool:
    """Say whether a layer reads the levels as they are, without a quantisation between."""
    marks = ("QuantizeLinear", "DequantizeLinear")
    readers = [node for node in graph.node if any(name in pixels for name in node.input)]
    return any(node not in movers and node.op_type not in marks for node in readers)


def _drop_unread(graph: Any) -> None:
    """Remove the dequantisations of levels that no layer reads any more."""
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    for node in [node for node in graph.node if node.op_type == "DequantizeLinear" and node.output[0] not in read]:
        graph.node.remove(node)
