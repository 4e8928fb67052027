"""Count what a finished file computes in: the proof that int8 means int8.

A TFLite file is read as the runtime executes it. An ONNX file says little before ONNX Runtime has optimised it
(its int8 operators are written as float ones between quantisation marks), so its optimised graph is counted.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.bundle import TFLITE
from exporter.errors import ConversionError

FLOATS = ("float16", "float32", "float64")


@dataclass(frozen=True)
class Operator:
    """One operator of a graph.

    Args:
        kind: its name in the format, such as `CONV_2D` or `QLinearConv`.
        name: name of its first output.
        inputs: data types of its inputs that are no weights.
        outputs: data types of its outputs.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def computes_in_float(self) -> bool:
        """Whether a floating-point tensor goes in or out."""
        return any(kind in FLOATS for kind in self.inputs + self.outputs)


@dataclass(frozen=True)
class Graph:
    """What a file computes.

    Args:
        operators: in order of execution.
        tensors: number of tensors by data type, weights included.
        weight_bytes: bytes of weights by data type.
    """

    operators: tuple[Operator, ...]
    tensors: dict[str, int]
    weight_bytes: dict[str, int]

    def float_operators(self) -> tuple[Operator, ...]:
        """Return the operators that compute in floating point."""
        return tuple(operator for operator in self.operators if operator.computes_in_float)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the bundle: counts by kind and data types."""
        counts = Counter(
            (operator.kind, ", ".join(operator.inputs), ", ".join(operator.outputs)) for operator in self.operators
        )
        rows = [
            {"operator": kind, "inputs": inputs, "outputs": outputs, "count": count}
            for (kind, inputs, outputs), count in counts.items()
        ]
        return {"operators": rows, "tensors": self.tensors, "weight_bytes": self.weight_bytes}


def read_graph(content: bytes, format_: str) -> Graph:
    """Return what a model file computes."""
    if format_ == TFLITE:
        return _read_tflite(content)
    import onnx

    return _read_onnx(_optimised(content), onnx.load_from_string(content))


def _read_tflite(content: bytes) -> Graph:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content)
    subgraph = model.Subgraphs(0)
    types = {value: name.lower() for name, value in vars(schema.TensorType).items() if name.isupper()}
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
    tensors = [subgraph.Tensors(index) for index in range(subgraph.TensorsLength())]
    sizes = [model.Buffers(tensor.Buffer()).DataLength() for tensor in tensors]
    operators = []
    for index in range(subgraph.OperatorsLength()):
        operator = subgraph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [number for number in operator.InputsAsNumpy() if number >= 0 and not sizes[number]]
        outputs = list(operator.OutputsAsNumpy())
        operators.append(
            Operator(
                kind,
                tensors[outputs[0]].Name().decode(),
                tuple(types[tensors[number].Type()] for number in inputs),
                tuple(types[tensors[number].Type()] for number in outputs),
            )
        )
    weights: Counter[str] = Counter()
    for tensor, size in zip(tensors, sizes, strict=True):
        if size:
            weights[types[tensor.Type()]] += size
    return Graph(tuple(operators), dict(Counter(types[tensor.Type()] for tensor in tensors)), dict(weights))


def _optimised(content: bytes) -> Any:
    """Return the graph that ONNX Runtime makes of a file, with the types of its tensors.

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


def _read_onnx(model: Any, file: Any) -> Graph:
    """Count the operators of an optimised graph and the weights of the file it was made from."""
    import numpy as np
    from onnx import TensorProto, helper

    def dtype(number: int) -> str:
        return "text" if number == TensorProto.STRING else np.dtype(helper.tensor_dtype_to_np_dtype(number)).name

    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    types = {name: dtype(tensor.data_type) for name, tensor in weights.items()}
    types |= {value.name: dtype(value.type.tensor_type.elem_type) for value in model.graph.input}
    operators = []
    for node in model.graph.node:
        made = _made_type(node, types, weights)
        types |= dict.fromkeys(node.output, made)
        inputs = tuple(types[name] for name in node.input if name and name not in weights)
        operators.append(Operator(node.op_type, node.output[0], inputs, (made,)))
    sizes: Counter[str] = Counter()
    for tensor in file.graph.initializer:
        sizes[dtype(tensor.data_type)] += tensor.ByteSize()
    return Graph(tuple(operators), dict(Counter(types.values())), dict(sizes))


def _made_type(node: Any, types: dict[str, str], weights: dict[str, Any]) -> str:
    """Return the data type of a node's output, from the zero point that quantised operators end with.

    Source: the operator lists of ONNX and of ONNX Runtime's com.microsoft domain.
    """
    if node.op_type == "DequantizeLinear":
        return types[node.input[1]]
    if node.op_type == "Cast":
        from onnx import helper

        return str(helper.tensor_dtype_to_np_dtype(node.attribute[0].i))
    if node.op_type == "QuantizeLinear" or node.op_type.startswith(("QLinear", "QGemm")):
        points = [name for name in node.input if types.get(name) in ("int8", "uint8")]
        scalars = [name for name in points if name in weights and not weights[name].dims]
        marked = len(node.input) in (3, 5, 8, 9, 10) or node.op_type == "QLinearConcat"
        return types[scalars[-1]] if marked and scalars else "float32"
    return types[next(name for name in node.input if name)]
