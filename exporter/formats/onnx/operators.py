"""Read what an ONNX file computes, as ONNX Runtime executes it.

The file itself says little: its int8 operators are written as float ones between quantisation marks. So the graph
that ONNX Runtime makes of it is read.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporter.errors import ConversionError
from exporter.formats.operators import Graph, Operator


def read_graph(content: bytes) -> Graph:
    """Return what an ONNX file computes.

    Raises:
        ConversionError: ONNX Runtime does not take the file.
    """
    import onnx

    return _counted(_optimised(content), onnx.load_from_string(content))


def _optimised(content: bytes) -> Any:
    """Return the `onnx.ModelProto` that ONNX Runtime makes of a file.

    Raises:
        ConversionError: ONNX Runtime does not take the file.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as scratch:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(Path(scratch, "optimised.onnx"))
        options.log_severity_level = 3
        try:
            onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        # onnxruntime's own exceptions derive from Exception, each on its own.
        except Exception as error:
            raise ConversionError(
                f"ONNX Runtime does not load the file, or finds no room in {tempfile.gettempdir()}: {error}"
            ) from error
        return onnx.load(options.optimized_model_filepath)


def _counted(model: Any, file: Any) -> Graph:
    """Return the operators of an optimised graph with the weights of the file that it was made from."""
    import numpy as np
    from onnx import TensorProto, helper

    def dtype(number: int) -> str:
        return "text" if number == TensorProto.STRING else np.dtype(helper.tensor_dtype_to_np_dtype(number)).name

    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    types = {name: dtype(tensor.data_type) for name, tensor in weights.items()}
    types |= {value.name: dtype(value.type.tensor_type.elem_type) for value in model.graph.input}
    operators = []
    for node in model.graph.node:
        inner = _inner_types(node)
        made = tuple(map(dtype, inner)) if inner else (_made_type(node, types, weights),) * len(node.output)
        types |= dict(zip(node.output, made, strict=True))
        inputs = tuple(types[name] for name in node.input if name and name not in weights)
        operators.append(Operator(node.op_type, node.output[0], inputs, tuple(dict.fromkeys(made))))
    if operators and operators[-1].kind == "DequantizeLinear":
        operators[-1] = replace(operators[-1], hands_out_scores=True)
    sizes: Counter[str] = Counter()
    for tensor in file.graph.initializer:
        sizes[dtype(tensor.data_type)] += tensor.ByteSize()
    return Graph(tuple(operators), dict(Counter(types.values())), dict(sizes))


def _inner_types(node: Any) -> list[int]:
    """Return the data types of the outputs of a loop or a branch, as its inner graph gives them; else nothing."""
    from onnx import helper

    values = [helper.get_attribute_value(option) for option in node.attribute]
    graphs = [value for value in values if type(value).__name__ == "GraphProto"]
    if not graphs:
        return []
    outputs = [value.type.tensor_type.elem_type for value in graphs[0].output]
    return outputs[1:] if node.op_type == "Loop" else outputs  # the first says whether to go on


def _made_type(node: Any, types: dict[str, str], weights: dict[str, Any]) -> str:
    """Return the data type of a node's output. A quantised operator shows it by its last zero point.

    Source: the operator lists of ONNX and of ONNX Runtime's com.microsoft domain.
    """
    if node.op_type == "DequantizeLinear":
        return types[node.input[1]]
    if node.op_type == "Cast":
        from onnx import helper

        return str(helper.tensor_dtype_to_np_dtype(node.attribute[0].i))
    if node.op_type == "QuantizeLinear" and len(node.input) == 2:
        return "uint8"  # what it makes without a zero point
    if node.op_type == "QuantizeLinear" or node.op_type.startswith(("QLinear", "QGemm")):
        points = [name for name in node.input if types.get(name) in ("int8", "uint8")]
        scalars = [name for name in points if name in weights and not weights[name].dims]
        marked = len(node.input) in (3, 5, 8, 9, 10) or node.op_type == "QLinearConcat"
        return types[scalars[-1]] if marked and scalars else "float32"
    return types[next(name for name in node.input if name)]
