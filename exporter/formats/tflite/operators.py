"""Read what a TFLite file computes, as an interpreter executes it."""

from __future__ import annotations

from collections import Counter

from exporter.formats.operators import Graph, Operator


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
