"""Give an int8 TFLite file another end: its features, or another last layer.

Everything before the last layer stays as it is. The new file begins with a few thousand new bytes, and the old file
follows, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_runtime.teaching.flatbuffer import Data, New, Number, Numbers, Old, Table, Value, written_before
from edge_runtime.teaching.head import Array, Head
from edge_runtime.teaching.tail import (
    BUFFER,
    BUFFERS,
    CODE,
    CODE_BYTE,
    CODE_VERSION,
    DATA,
    GRAPHS,
    INT32,
    NONE,
    OPERATOR_CODE,
    OPERATOR_CODES,
    OPERATOR_INPUTS,
    OPERATOR_OUTPUTS,
    OPERATORS,
    OPTIONS,
    OPTIONS_TYPE,
    OUTPUTS,
    QUANTIZATION,
    SCALE,
    SHAPE,
    SIGNATURES,
    SOFTMAX,
    TENSORS,
    TYPE,
    ZERO_POINT,
    Network,
)

_SOFTMAX_OPTIONS, _SOFTMAX_VERSION = 9, 2  # version 2 takes int8
_MOST_BIAS = 2**30  # of int32, with room for the sum of the products
# The fields of each kind of table that are kept, with the letter of a number in `struct`, or none for a reference.
_MODEL = {0: "I", 1: "", 2: "", 3: "", 4: "", 5: "", 6: "", 7: ""}
_GRAPH = {0: "", 1: "", 2: "", 3: "", 4: ""}
_TENSOR = {0: "", 1: "b", 2: "I", 3: "", 4: ""}
_OPERATOR = {0: "I", 1: "", 2: "", 3: "B", 4: ""}
_CODE = {0: "b", 1: "", 2: "i", 3: "i"}


def features_file(network: Network) -> bytes:
    """Return a TFLite file that ends with the features, `int8 (1, width)`."""
    operators = _kept(network.graph.tables(OPERATORS)[: network.tail.first])
    changes: dict[int, Value] = {OUTPUTS: Numbers("i", (network.tail.features,)), OPERATORS: operators}
    # The signature names the scores, which are not computed here.
    fields = {slot: kind for slot, kind in _MODEL.items() if slot != SIGNATURES}
    return written_before(
        network.content, _copied(network.model, fields, {GRAPHS: [_copied(network.graph, _GRAPH, changes)]})
    )


def taught_file(network: Network, head: Head, logits: tuple[float, float]) -> bytes:
    """Return a TFLite file with another dense layer in int8, and a softmax.

    Args:
        network: the file to change.
        head: the layer, for features in their real values.
        logits: lowest and highest logit that the file tells apart from others.
    """
    buffers, codes = _kept(network.model.tables(BUFFERS)), network.model.tables(OPERATOR_CODES)
    operators = _kept(network.graph.tables(OPERATORS))
    operators[network.tail.first : network.tail.first + 2] = _dense(network), _softmax(len(codes), network)
    graph: dict[int, Value] = {TENSORS: _tensors(network, head, logits, len(buffers)), OPERATORS: operators}
    softmax = New(
        {CODE_BYTE: Number("b", SOFTMAX), CODE_VERSION: Number("i", _SOFTMAX_VERSION), CODE: Number("i", SOFTMAX)}
    )
    changes: dict[int, Value] = {
        OPERATOR_CODES: [*(_copied(code, _CODE, {}) for code in codes), softmax],
        GRAPHS: [_copied(network.graph, _GRAPH, graph)],
        BUFFERS: [*buffers, *(New({DATA: Data(values)}) for values in _stored(network, head))],
    }
    return written_before(network.content, _copied(network.model, _MODEL, changes))


def evened(head: Head, features: Array) -> Head:
    """Return the layer with a bias that makes up for what rounding its weights to int8 does on average.

    Args:
        head: the layer.
        features: real features of the pictures it was fitted to, `float64 (N, width)`.

    Source: measured in docs/decisions/0018: 97.9 % of the answers stay as they were fitted, without it 95.9 %.
    """
    step = _weight_step(head)
    lost = head.weights - np.rint(head.weights / step) * step
    return Head(head.weights, head.bias + (features @ lost.T).mean(axis=0))


def _weight_step(head: Head) -> float:
    return float(np.abs(head.weights).max() / 127) or 1.0


def _stored(network: Network, head: Head) -> tuple[bytes, bytes]:
    """Return the bytes of the weights in int8 and of the bias in int32."""
    step = _weight_step(head)
    weights = np.rint(head.weights / step).astype("<i1")
    bias = np.rint(head.bias / (step * network.tail.step)).clip(-_MOST_BIAS, _MOST_BIAS).astype("<i4")
    return weights.tobytes(), bias.tobytes()


def _tensors(network: Network, head: Head, logits: tuple[float, float], buffers: int) -> list[New | Old]:
    """Return the tensors, with those of the new layer; its weights and bias are the first two new buffers."""
    tail, labels, step = network.tail, len(head.bias), _weight_step(head)
    logit_step = (logits[1] - logits[0]) / 255
    zero = int(np.clip(np.rint(-128 - logits[0] / logit_step), -128, 127))
    old = network.graph.tables(TENSORS)
    tensors = _kept(old)
    tensors[tail.weights] = _tensor(old[tail.weights], head.weights.shape, buffers, (step, 0))
    tensors[tail.logits] = _tensor(old[tail.logits], (1, labels), 0, (logit_step, zero))
    for index in tail.scores:  # their steps are the same for each int8 softmax and sigmoid
        tensors[index] = _copied(old[index], _TENSOR, {SHAPE: Numbers("i", (1, labels))})
    bias = _tensor(None, (labels,), buffers + 1, (step * tail.step, 0))
    if tail.bias == NONE:
        return [*tensors, bias]
    tensors[tail.bias] = bias
    return tensors


def _tensor(old: Table | None, shape: tuple[int, ...], buffer: int, meaning: tuple[float, int]) -> New:
    quantization = New({SCALE: Numbers("f", (meaning[0],)), ZERO_POINT: Numbers("q", (meaning[1],))})
    changes: dict[int, Value] = {
        SHAPE: Numbers("i", shape),
        BUFFER: Number("I", buffer),
        QUANTIZATION: quantization,
    }
    return _copied(old, _TENSOR, changes) if old else New({TYPE: Number("b", INT32)} | changes)


def _dense(network: Network) -> New:
    """Return the dense layer, with a bias where it had none."""
    tail = network.tail
    bias = len(network.graph.tables(TENSORS)) if tail.bias == NONE else tail.bias
    inputs = Numbers("i", (tail.features, tail.weights, bias))
    return _copied(network.graph.tables(OPERATORS)[tail.first], _OPERATOR, {OPERATOR_INPUTS: inputs})


def _softmax(code: int, network: Network) -> New:
    return New(
        {
            OPERATOR_CODE: Number("I", code),
            OPERATOR_INPUTS: Numbers("i", (network.tail.logits,)),
            OPERATOR_OUTPUTS: Numbers("i", (network.tail.scores[0],)),
            OPTIONS_TYPE: Number("B", _SOFTMAX_OPTIONS),
            OPTIONS: New({0: Number("f", 1.0)}),  # beta
        }
    )


def _kept(tables: list[Table]) -> list[New | Old]:
    return [Old(table.start) for table in tables]


def _copied(table: Table, fields: dict[int, str], changes: Mapping[int, Value]) -> New:
    """Return a table with the fields of another one, and with changes."""
    copied = dict(changes)
    for slot, kind in fields.items():
        if slot in changes:
            continue
        if kind and table.has(slot):
            copied[slot] = Number(kind, table.number(slot, kind))
        elif not kind and (start := table.child(slot)) is not None:
            copied[slot] = Old(start)
    return New(copied)
