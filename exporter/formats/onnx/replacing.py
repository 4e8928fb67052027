"""Replace single nodes of an ONNX graph by others that compute the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Replacement:
    """The nodes that take the place of one.

    Args:
        graph: the `onnx.GraphProto` that the node is in.
        node: the node to replace.
        number: sets the names of new tensors apart.

    Attributes:
        node: the node to replace.
        nodes: those that take its place so far.
        constants: new constants that they read.
    """

    def __init__(self, surroundings: Surroundings, node: Any) -> None:
        """Begin with nothing."""
        self.node = node
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._around = surroundings

    def options(self) -> dict[str, Any]:
        """Return the attributes of the node by name."""
        from onnx import helper

        return {option.name: helper.get_attribute_value(option) for option in self.node.attribute}

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a tensor of the graph; None if it is not known in full."""
        return self._around.shapes.get(name)

    def value(self, name: str) -> NDArray[Any] | None:
        """Return the values of a tensor of the graph; None if it is no constant."""
        return self._around.value(name)

    def readers(self, name: str) -> int:
        """Return how many inputs of nodes, or outputs of the graph, a tensor feeds."""
        return self._around.readers[name]

    def constant(self, values: ArrayLike, dtype: Any = np.float32) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = self._name("constant")
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, **options: Any) -> str:
        """Add a node of one output and return the name of the output."""
        from onnx import helper

        output = self._name(kind)
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **options))
        return output

    def times(self, name: str, factor: ArrayLike) -> str:
        """Add a multiplication by a constant."""
        return self.add("Mul", name, self.constant(factor))

    def rectified(self, name: str) -> str:
        """Add a ReLU that has a form in integers wherever it stands.

        ONNX Runtime's own ReLU has one only where the bytes before it can be read as if they were rectified.
        """
        return self.add("LeakyRelu", name, alpha=0.0)

    def reshaped(self, name: str, shape: tuple[int, ...]) -> str:
        """Add a reshaping."""
        return self.add("Reshape", name, self.constant(shape, np.int64))

    def _name(self, kind: str) -> str:
        number = len(self.nodes) + len(self.constants)
        return f"{self.node.output[0]}/{kind}{number}"


class Surroundings:
    """What a replacement may ask of the graph around its node."""

    def __init__(self, graph: Any) -> None:
        """Read shapes, constants and readers."""
        self.shapes = dict(_shapes(graph))
        self.readers = Counter(name for node in graph.node for name in node.input)
        self.readers.update(value.name for value in graph.output)
        self._constants = {constant.name: constant for constant in graph.initializer}

    def value(self, name: str) -> NDArray[Any] | None:
        """Return the values of a constant; None of any other tensor."""
        from onnx import numpy_helper

        found = self._constants.get(name)
        return None if found is None else numpy_helper.to_array(found)


# Adds the nodes and returns the tensor that stands for the output; None to leave the node as it is.
Rule = Callable[[Replacement], str | None]


def replace_nodes(graph: Any, rules: Mapping[str, Rule], *, skip: Collection[str] = ()) -> bool:
    """Replace the nodes of the kinds that there are rules for, in place; say whether there were any.

    Args:
        graph: an `onnx.GraphProto` with the shapes of its tensors.
        rules: what to do with each kind of node. The last node that a rule adds makes the tensor it returns.
        skip: names of nodes to leave.
    """
    around = Surroundings(graph)
    nodes: list[Any] = []
    found = False
    for node in graph.node:
        plain = node.domain == "" and len(node.output) == 1 and node.name not in skip
        rule = rules.get(node.op_type) if plain else None
        made = Replacement(around, node)
        result = rule(made) if rule else None
        if result is None:
            nodes.append(node)
            continue
        found = True
        made.nodes[-1].output[0] = node.output[0]
        made.nodes[-1].name = node.name or node.output[0]
        nodes.extend(made.nodes)
        graph.initializer.extend(made.constants)
    if found:
        copies = [_copy(node) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
    return found


def _copy(node: Any) -> Any:
    import onnx

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy


def _shapes(graph: Any) -> list[tuple[str, tuple[int, ...]]]:
    found = [(constant.name, tuple(constant.dims)) for constant in graph.initializer]
    for value in (*graph.input, *graph.output, *graph.value_info):
        tensor = value.type.tensor_type
        sides = [side.dim_value if side.HasField("dim_value") else None for side in tensor.shape.dim]
        if tensor.HasField("shape") and None not in sides:
            found.append((value.name, tuple(int(side) for side in sides if side is not None)))
    return found
