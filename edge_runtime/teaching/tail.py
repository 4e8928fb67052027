"""Find the end of an int8 TFLite file: a dense layer, a softmax or sigmoid, and perhaps a change of number format.

The input of that dense layer is what the network knows of a picture: its *features*.

Source: the flatbuffer schema of TensorFlow Lite, schema.fbs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.teaching.flatbuffer import Table, root

# Places of fields in the tables of the schema.
OPERATOR_CODES, GRAPHS, BUFFERS, SIGNATURES = 1, 2, 4, 7
TENSORS, OUTPUTS, OPERATORS = 0, 2, 3
SHAPE, TYPE, BUFFER, QUANTIZATION = 0, 1, 2, 4
SCALE, ZERO_POINT = 2, 3
CODE_BYTE, CODE_VERSION, CODE = 0, 2, 3
OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPTIONS_TYPE, OPTIONS = 0, 1, 2, 3, 4
DATA = 0
_ACTIVATION = 0  # in the options of a dense layer
# Kinds of operators, and types of tensors.
DEQUANTIZE, FULLY_CONNECTED, LOGISTIC, SOFTMAX, QUANTIZE = 6, 9, 14, 25, 114
INT32, INT8 = 2, 9
NONE = -1  # stands for an input that an operator does not have


class Tail(NamedTuple):
    """The end of a TFLite file.

    Attributes:
        first: index of the dense layer among the operators.
        features: index of the tensor with the features.
        weights: index of the dense layer's weights.
        bias: index of its bias, or `NONE`.
        logits: index of its outputs.
        scores: indices of the tensors after it, in order.
        width: number of features.
        step: real value of one step of a feature.
        zero_point: the stored number of a feature that stands for 0.
    """

    first: int
    features: int
    weights: int
    bias: int
    logits: int
    scores: tuple[int, ...]
    width: int
    step: float
    zero_point: int


class Network(NamedTuple):
    """A TFLite file whose end is known.

    Attributes:
        content: the bytes of the file.
        tail: its end.
    """

    content: bytes
    tail: Tail

    @property
    def model(self) -> Table:
        """The outermost table of the file."""
        return root(self.content)

    @property
    def graph(self) -> Table:
        """The table of tensors and operators."""
        return self.model.tables(GRAPHS)[0]


class _Operator(NamedTuple):
    kind: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


def read_network(content: bytes) -> Network:
    """Find the end of a TFLite file.

    Raises:
        ValueError: the file is damaged, or ends otherwise; the message completes "it ...".
    """
    model = root(content)
    graphs = model.tables(GRAPHS)
    if len(graphs) != 1:
        raise ValueError(f"has {len(graphs)} graphs, expected one")
    return Network(content, _tail(model, graphs[0]))


def last_layer(network: Network, labels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the last dense layer as it is: weights `float64 (labels, width)` and bias `float64 (labels,)`.

    Args:
        network: the file.
        labels: number of labels. A single output is the second of two labels, against a first one of 0.

    Raises:
        ValueError: the file is damaged, or has another number of labels.
    """
    tensors, buffers = network.graph.tables(TENSORS), network.model.tables(BUFFERS)
    tail = network.tail
    scale = np.array(_quantization(tensors[tail.weights]).numbers(SCALE, "f"))
    weights = _stored(tensors[tail.weights], buffers, "<i1")
    none = np.zeros(len(weights) // tail.width)
    bias = none if tail.bias == NONE else _stored(tensors[tail.bias], buffers, "<i4")
    if len(weights) != len(bias) * tail.width or len(scale) not in (1, len(bias)):
        raise ValueError("has a last dense layer whose parts do not fit")
    matrix, offset = weights.reshape(-1, tail.width) * scale[:, None], bias * scale * tail.step
    if len(offset) == 1 and labels == 2:
        matrix, offset = np.concatenate([0 * matrix, matrix]), np.concatenate([0 * offset, offset])
    if len(offset) != labels:
        raise ValueError(f"has {len(offset)} scores, expected {labels}")
    return matrix, offset


def _stored(tensor: Table, buffers: list[Table], dtype: str) -> NDArray[np.float64]:
    index = tensor.number(BUFFER, "I")
    if index >= len(buffers):
        raise ValueError("names a buffer that it does not have")
    packed = buffers[index].packed(DATA, 1)
    return np.frombuffer(packed, np.uint8)[: len(packed) // 4 * 4 if dtype == "<i4" else None].view(dtype) * 1.0


def _quantization(tensor: Table) -> Table:
    start = tensor.child(QUANTIZATION)
    if start is None:
        raise ValueError("does not say what the numbers of a tensor mean")
    return Table(tensor.content, start)


def _operator(codes: list[int], table: Table) -> _Operator:
    code = table.number(OPERATOR_CODE, "I")
    if code >= len(codes):
        raise ValueError("has an operator of no kind")
    inputs, outputs = (tuple(map(int, table.numbers(slot, "i"))) for slot in (OPERATOR_INPUTS, OPERATOR_OUTPUTS))
    options = table.child(OPTIONS)
    return _Operator(codes[code], inputs, outputs, Table(table.content, options) if options else None)


def _tail(model: Table, graph: Table) -> Tail:
    # Kinds below 127 stand in a byte, where old readers look. Others stand in the newer field alone.
    codes = [max(code.number(CODE_BYTE, "b"), code.number(CODE, "i")) for code in model.tables(OPERATOR_CODES)]
    operators = [_operator(codes, table) for table in graph.tables(OPERATORS)]
    kinds = [operator.kind for operator in operators]
    last = len(kinds) - 1 - (kinds[-1:] in ([QUANTIZE], [DEQUANTIZE]))
    if last < 1 or kinds[last] not in (SOFTMAX, LOGISTIC) or kinds[last - 1] != FULLY_CONNECTED:
        raise ValueError("does not end with a dense layer and a softmax or sigmoid")
    chain = operators[last - 1 :]
    if any(after.inputs[:1] != before.outputs for before, after in pairwise(chain)):
        raise ValueError("does not end with one chain of operators")
    if tuple(map(int, graph.numbers(OUTPUTS, "i"))) != chain[-1].outputs:
        raise ValueError("has other outputs than that of its last operator")
    if chain[0].options and chain[0].options.number(_ACTIVATION, "b"):
        raise ValueError("ends with a dense layer that has an activation")
    return _measured(graph.tables(TENSORS), last - 1, chain)


def _measured(tensors: list[Table], first: int, chain: list[_Operator]) -> Tail:
    features, weights, bias = (*chain[0].inputs, NONE, NONE, NONE)[:3]
    needed = [features, weights, *(index for operator in chain for index in operator.outputs)]
    if not all(0 <= index < len(tensors) for index in needed) or not NONE <= bias < len(tensors):
        raise ValueError("names a tensor that it does not have")
    logits = chain[0].outputs[0]
    types = [tensors[index].number(TYPE, "b") for index in (features, weights, logits)]
    if types != [INT8, INT8, INT8] or (bias != NONE and tensors[bias].number(TYPE, "b") != INT32):
        raise ValueError("does not compute its last dense layer in int8")
    shape = tensors[features].numbers(SHAPE, "i")
    meaning = _quantization(tensors[features])
    scale, zero_point = meaning.numbers(SCALE, "f"), meaning.numbers(ZERO_POINT, "q")
    is_row = len(shape) == 2 and shape[0] == 1 and shape[1] > 0
    if not is_row or len(scale) != 1 or len(zero_point) != 1 or not 0 < scale[0] < np.inf:
        raise ValueError("does not give its last dense layer one row of int8 numbers")
    after = tuple(index for operator in chain[1:] for index in operator.outputs)
    return Tail(first, features, weights, bias, logits, after, int(shape[1]), scale[0], int(zero_point[0]))
