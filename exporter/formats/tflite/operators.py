"""Read what a TFLite file computes, as an interpreter executes it."""

from __future__ import annotations

from collections import Counter

from exporter.formats.operators import Graph, Operator
from exporter.formats.tflite.interface import read_model


def read_graph(content: bytes) -> Graph:
    """Return what a TFLite file computes."""
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


def computed_tensors(float32: bytes) -> list[str]:
    """Return the names of all tensors that operators compute in float and that are read."""
    from ai_edge_litert import schema_py_generated as schema

    graph = read_model(float32).subgraphs[0]
    read = {int(index) for operator in graph.operators for index in operator.inputs} | set(graph.outputs)
    made = [index for operator in graph.operators for index in operator.outputs if index in read]
    outputs = [graph.tensors[index] for index in made]
    return [tensor.name.decode() for tensor in outputs if tensor.type == schema.TensorType.FLOAT32]


def inside_loops(float32: bytes) -> list[str]:
    """Return the operators of loops and branches, by their outputs: no range is measured there.

    litert-quantizer counts what goes in and what comes out as operators too.
    """
    found = []
    for graph in read_model(float32).subgraphs[1:]:
        made = [graph.inputs, graph.outputs, *(operator.outputs for operator in graph.operators)]
        found += [";".join(graph.tensors[index].name.decode() for index in outputs) for outputs in made]
    return found
