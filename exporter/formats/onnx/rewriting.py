"""Write operators of a float32 ONNX file with others that ONNX Runtime computes in integers.

It has integer forms of few operators: convolution, matrix product, sum, product, sigmoid, softmax, leaky ReLU,
pooling, concatenation, and what only moves values. Each rule here is exact in float, but for the rounding of sums.
What has no rule stays in float, and the file is a mixed one.

Source: `QLinear...` in docs/ContribOperators.md of ONNX Runtime. Its `qdq_selector_action_transformer.cc` has which
of them take the place of float operators between quantisation marks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporter.formats.onnx.replacing import Replacement, Rule, Surroundings, replace_nodes


def write_for_integers(model: Any) -> tuple[Any, list[str]]:
    """Write a model with operators that can be quantised.

    Args:
        model: the `onnx.ModelProto` of the float32 file, with the shapes of its tensors.

    Returns:
        The same function as another `onnx.ModelProto`, and the names of the nodes to leave in float.
    """
    import onnx

    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(model)
    islands = float_islands(rewritten.graph)
    if not replace_nodes(rewritten.graph, _RULES, skip=islands):
        return model, sorted(islands)
    return onnx.shape_inference.infer_shapes(rewritten), sorted(islands)


def float_islands(graph: Any) -> set[str]:
    """Return the names of the nodes that stay in float: those without a form in integers, and their like around.

    A layer normalisation takes the root of a variance. Its sums and products would each be rounded to bytes on the
    way to the root and back: on a block of ConvNeXt that made scores wrong by 0.042, and by 0.003 without. So what
    only adds, multiplies and averages stays in float too, if it is next to such a node in the same layer.
    """
    around = Surroundings(graph)
    readers: dict[str, list[Any]] = {}
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    waiting = [node for node in graph.node if not _has_integers(around, node) and node.op_type not in _WEIGHTED]
    found: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node.name in found:
            continue
        found.add(node.name)
        beside = [makers[name] for name in node.input if name in makers]
        beside += [reader for name in node.output for reader in readers.get(name, [])]
        waiting += [other for other in beside if other.op_type in _ARITHMETIC and _layer(other) == _layer(node)]
    return found


def _has_integers(around: Surroundings, node: Any) -> bool:
    rule = _RULES.get(node.op_type)
    return node.op_type in _INTEGER or bool(rule and rule(Replacement(around, node)))


def _layer(node: Any) -> str:
    return str(node.name).split("/", 1)[0]


def _subtract(made: Replacement) -> str:
    first, second = made.node.input
    known = made.value(second)
    if known is not None:
        return made.add("Add", first, made.constant(-known))
    return made.add("Add", first, made.times(second, -1.0))


def _negate(made: Replacement) -> str:
    return made.times(made.node.input[0], -1.0)


def _divide(made: Replacement) -> str | None:
    divisor = made.value(made.node.input[1])
    return None if divisor is None else made.times(made.node.input[0], 1 / divisor)


def _power(made: Replacement) -> str | None:
    """Multiply instead of raising to the power of 2 or 3."""
    base, exponent = made.node.input
    power = made.value(exponent)
    if power is None or power.size != 1 or power.item() not in (2, 3):
        return None
    square = made.add("Mul", base, base)
    return square if power.item() == 2 else made.add("Mul", square, base)


def _absolute(made: Replacement) -> str:
    name = made.node.input[0]
    return made.add("Add", made.rectified(name), made.rectified(made.times(name, -1.0)))


def _hyperbolic_tangent(made: Replacement) -> str:
    """Write `tanh(x)` as `2 sigmoid(2 x) - 1`."""
    doubled = made.add("Sigmoid", made.times(made.node.input[0], 2.0))
    return made.add("Add", made.times(doubled, 2.0), made.constant(-1.0))


def _leaky_with_slopes(made: Replacement) -> str | None:
    """Write `max(x, 0) + a min(x, 0)` as `a x + (1 - a) max(x, 0)`."""
    name, slopes = made.node.input[0], made.value(made.node.input[1])
    if slopes is None:
        return None
    return made.add("Add", made.times(name, slopes), made.times(made.rectified(name), 1 - slopes))


def _shared_rectifier(made: Replacement) -> str | None:
    """Replace a ReLU whose input another node reads too: the bytes before it can be read in one way only."""
    return None if made.readers(made.node.input[0]) == 1 else made.rectified(made.node.input[0])


def _clip(made: Replacement) -> str | None:
    """Write a clipping with a lower end other than 0, or a shared one, with rectifiers."""
    name: str = made.node.input[0]
    given = made.node.input[1:]
    low, high = [None if not end else made.value(end) for end in (*given, "", "")[:2]]
    fits = low is not None and not low.any() and made.readers(name) == 1
    if fits or (low is None and high is None):
        return None
    if low is not None:
        name = _at_least(made, name, low)
    return name if high is None else _at_most(made, name, high)


def _at_least(made: Replacement, name: str, low: NDArray[Any]) -> str:
    if not low.any():
        return made.rectified(name)
    above = made.rectified(made.add("Add", name, made.constant(-low)))
    return made.add("Add", above, made.constant(low))


def _at_most(made: Replacement, name: str, high: NDArray[Any]) -> str:
    below = made.rectified(made.add("Add", made.times(name, -1.0), made.constant(high)))
    return made.add("Add", made.times(below, -1.0), made.constant(high))


def _larger(made: Replacement) -> str | None:
    """Write `max(x, y)` as `x + max(y - x, 0)`."""
    chosen, *others = _constants_last(made)
    for other in others:
        bound = made.value(other)
        if bound is not None:
            chosen = _at_least(made, chosen, bound)
        else:
            above = made.rectified(made.add("Add", other, made.times(chosen, -1.0)))
            chosen = made.add("Add", chosen, above)
    return chosen if others else None


def _smaller(made: Replacement) -> str | None:
    """Write `min(x, y)` as `x - max(x - y, 0)`."""
    chosen, *others = _constants_last(made)
    for other in others:
        bound = made.value(other)
        if bound is not None:
            chosen = _at_most(made, chosen, bound)
        else:
            below = made.rectified(made.add("Add", chosen, made.times(other, -1.0)))
            chosen = made.add("Add", chosen, made.times(below, -1.0))
    return chosen if others else None


def _constants_last(made: Replacement) -> list[str]:
    return sorted(made.node.input, key=lambda name: made.value(name) is not None)


def _mean(made: Replacement) -> str | None:
    return _pooled(made, "GlobalAveragePool")


def _sum(made: Replacement) -> str | None:
    reduced = _pooled(made, "GlobalAveragePool")
    if reduced is None:
        return None
    shape = made.shape(made.node.input[0]) or ()
    return made.times(reduced, math.prod(shape[axis] for axis in _axes(made, len(shape))))


def _maximum(made: Replacement) -> str | None:
    return _pooled(made, "MaxPool")


def _axes(made: Replacement, rank: int) -> list[int]:
    """Return the axes that a node reduces, 0 and above, rising."""
    given = made.options().get("axes")
    if given is None and len(made.node.input) > 1:
        values = made.value(made.node.input[1])
        given = None if values is None else values.tolist()
    return sorted(axis % rank for axis in (range(rank) if given is None else given))


def _pooled(made: Replacement, kind: str) -> str | None:
    """Reduce over axes by pooling: these axes become one, and all others the channels."""
    shape = made.shape(made.node.input[0])
    if not shape or 0 in _axes(made, len(shape)) or shape[0] != 1 or len(shape) < 3 - (kind == "MaxPool"):
        return None
    axes = _axes(made, len(shape))
    others = [axis for axis in range(len(shape)) if axis not in axes]
    name: str = made.node.input[0]
    plain = axes == [2, 3] and len(shape) == 4
    if not plain:
        if [*others, *axes] != list(range(len(shape))):
            name = made.add("Transpose", name, perm=[*others, *axes])
        channels, values = math.prod(shape[axis] for axis in others), math.prod(shape[axis] for axis in axes)
        name = made.reshaped(name, (1, channels, values, 1))
    sides = [shape[2], shape[3]] if plain else [math.prod(shape[axis] for axis in axes), 1]
    name = made.add(kind, name, **({"kernel_shape": sides} if kind == "MaxPool" else {}))
    keeps = made.options().get("keepdims", 1)
    if plain and keeps:
        return name
    kept = [1 if axis in axes else side for axis, side in enumerate(shape) if keeps or axis not in axes]
    return made.reshaped(name, tuple(kept))


def _global_maximum(made: Replacement) -> str | None:
    shape = made.shape(made.node.input[0])
    if shape is None or len(shape) != 4:
        return None
    return made.add("MaxPool", made.node.input[0], kernel_shape=list(shape[2:]))


def _tile(made: Replacement) -> str | None:
    """Write repetition along axes as joining copies."""
    name: str = made.node.input[0]
    repeats = made.value(made.node.input[1])
    if repeats is None or (repeats == 1).all():
        return None
    for axis, count in enumerate(repeats.tolist()):
        if count > 1:
            name = made.add("Concat", *[name] * count, axis=axis)
    return name


def _resize(made: Replacement) -> str | None:
    """Write a linear change of size as a product with a matrix for each axis."""
    name: str = made.node.input[0]
    options = made.options()
    before, after = made.shape(name), made.shape(made.node.output[0])
    if options.get("mode") != b"linear" or before is None or after is None or len(before) != 4:
        return None
    if before[:2] != after[:2] or options.get("coordinate_transformation_mode", b"half_pixel") != b"half_pixel":
        return None
    for side in (2, 3):  # the product in integers takes its constant from the right, so each axis comes last once
        turned = made.add("Transpose", name, perm=[0, 1, 3, 2])
        name = made.add("MatMul", turned, made.constant(_shares(before[side], after[side]).T))
    return name


def _shares(before: int, after: int) -> NDArray[np.float64]:
    """Return how much each old pixel gives to each new one, `float64 (after, before)`, rows summing to 1."""
    centres = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    left = np.minimum(centres.astype(int), max(before - 2, 0))
    shares = np.zeros((after, before))
    shares[np.arange(after), left] = 1 - (centres - left)
    shares[np.arange(after), np.minimum(left + 1, before - 1)] += centres - left
    return shares


_RULES: dict[str, Rule] = {
    "Sub": _subtract,
    "Neg": _negate,
    "Div": _divide,
    "Pow": _power,
    "Abs": _absolute,
    "Tanh": _hyperbolic_tangent,
    "PRelu": _leaky_with_slopes,
    "Relu": _shared_rectifier,
    "Clip": _clip,
    "Max": _larger,
    "Min": _smaller,
    "ReduceMean": _mean,
    "ReduceSum": _sum,
    "ReduceMax": _maximum,
    "GlobalMaxPool": _global_maximum,
    "Tile": _tile,
    "Resize": _resize,
}

# Operators that ONNX Runtime computes in integers between quantisation marks, or drops (a ReLU).
_INTEGER = (
    *("Conv", "MatMul", "Gemm", "Add", "Mul", "Sigmoid", "Softmax", "LeakyRelu", "Relu", "Clip"),
    *("AveragePool", "GlobalAveragePool", "MaxPool", "Resize"),
    *("Concat", "Split", "Slice", "Gather", "Pad", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"),
    "Identity",
)
# With weights that are worth their quarter of the size even where the arithmetic is in float.
_WEIGHTED = ("ConvTranspose",)
_ARITHMETIC = (
    *("Add", "Sub", "Mul", "Div", "Neg", "Abs", "Pow", "Max", "Min", "Tanh", "Reshape", "Squeeze", "Unsqueeze"),
    *("ReduceMean", "ReduceSum", "Not", "Cast", "Expand"),
)
