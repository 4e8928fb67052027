"""Write operators of a float32 TFLite file with others that litert-quantizer makes integer ones of.

Each rule is exact in float, but for the rounding of sums. What has no rule stays in float, and the file is a mixed
one.

Source: `static_wi8_ai8` in `default_policy.py` of litert-quantizer; schema.fbs of TensorFlow Lite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exporter.formats.tflite.interface import read_model, written_model


def write_for_integers(float32: bytes) -> bytes:
    """Return a file that computes the same as a float32 one, with operators that can be quantised."""
    model = read_model(float32)
    graph = model.subgraphs[0]
    kinds = _kinds()
    operators: list[Any] = []
    found = False
    for operator in graph.operators:
        rule = _RULES.get(kinds[model.operatorCodes[operator.opcodeIndex].builtinCode])
        made = Replacement(model, operator)
        result = rule(made) if rule else None
        if result is None:
            operators.append(operator)
            continue
        found = True
        made.operators[-1].outputs = operator.outputs
        operators += made.operators
    if not found:
        return float32
    graph.operators = operators
    return written_model(model)


class Replacement:
    """The operators that take the place of one.

    Args:
        model: the `ModelT` that it is in. Tensors and constants are added to it.
        operator: the `OperatorT` to replace.

    Attributes:
        operator: the operator to replace.
        operators: those that take its place so far.
    """

    def __init__(self, model: Any, operator: Any) -> None:
        """Begin with nothing."""
        self.operator = operator
        self.operators: list[Any] = []
        self._model = model
        self._graph = model.subgraphs[0]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return tuple(int(side) for side in self._graph.tensors[tensor].shape)

    def value(self, tensor: int) -> NDArray[Any] | None:
        """Return the values of a constant of `float32` or `int32`; None of any other tensor."""
        from ai_edge_litert import schema_py_generated as schema

        found = self._graph.tensors[tensor]
        dtype = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT32: np.int32}.get(found.type)
        data = self._model.buffers[found.buffer].data
        if data is None or len(data) == 0 or dtype is None:
            return None
        return np.frombuffer(bytes(data), dtype).reshape(self.shape(tensor))

    def constant(self, values: ArrayLike, dtype: Any = np.float32) -> int:
        """Add a constant and return its index."""
        from ai_edge_litert import schema_py_generated as schema

        array = np.asarray(values, dtype)
        self._model.buffers.append(schema.BufferT(data=np.frombuffer(array.tobytes(), np.uint8)))
        kind = schema.TensorType.INT32 if array.dtype == np.int32 else schema.TensorType.FLOAT32
        return self._tensor(array.shape, kind, len(self._model.buffers) - 1)

    def add(self, kind: str, *inputs: int, shape: tuple[int, ...], options: Any = None) -> int:
        """Add an operator of one float output of a shape, and return the index of the output."""
        from ai_edge_litert import schema_py_generated as schema

        output = self._tensor(shape, schema.TensorType.FLOAT32, 0)
        options_type = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"), 0)
        self.operators.append(
            schema.OperatorT(
                opcodeIndex=self._code(getattr(schema.BuiltinOperator, kind)),
                inputs=list(inputs),
                outputs=[output],
                builtinOptionsType=options_type,
                builtinOptions=options,
            )
        )
        return output

    def times(self, tensor: int, factor: ArrayLike) -> int:
        """Add a multiplication by a constant."""
        from ai_edge_litert import schema_py_generated as schema

        shape = self.shape(tensor)
        return self.add("MUL", tensor, self.constant(factor), shape=shape, options=schema.MulOptionsT())

    def larger(self, first: int, second: int, shape: tuple[int, ...]) -> int:
        """Add the larger of two tensors."""
        from ai_edge_litert import schema_py_generated as schema

        return self.add("MAXIMUM", first, second, shape=shape, options=schema.MaximumMinimumOptionsT())

    def reshaped(self, tensor: int, shape: tuple[int, ...]) -> int:
        """Add a reshaping."""
        from ai_edge_litert import schema_py_generated as schema

        options = schema.ReshapeOptionsT(newShape=list(shape))
        return self.add("RESHAPE", tensor, self.constant(shape, np.int32), shape=shape, options=options)

    def _tensor(self, shape: tuple[int, ...], kind: int, buffer: int) -> int:
        from ai_edge_litert import schema_py_generated as schema

        name = self._graph.tensors[self.operator.outputs[0]].name + b"/" + str(len(self._graph.tensors)).encode()
        self._graph.tensors.append(schema.TensorT(shape=list(shape), type=kind, buffer=buffer, name=name))
        return len(self._graph.tensors) - 1

    def _code(self, builtin: int) -> int:
        from ai_edge_litert import schema_py_generated as schema

        codes = self._model.operatorCodes
        known = next((index for index, code in enumerate(codes) if code.builtinCode == builtin), None)
        if known is None:
            known = len(codes)
            codes.append(schema.OperatorCodeT(deprecatedBuiltinCode=builtin, builtinCode=builtin, version=1))
        return known


def _kinds() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}


def _negate(made: Replacement) -> int:
    return made.times(made.operator.inputs[0], -1.0)


def _square(made: Replacement) -> int:
    from ai_edge_litert import schema_py_generated as schema

    tensor = made.operator.inputs[0]
    return made.add("MUL", tensor, tensor, shape=made.shape(tensor), options=schema.MulOptionsT())


def _absolute(made: Replacement) -> int:
    tensor = made.operator.inputs[0]
    return made.larger(tensor, made.times(tensor, -1.0), made.shape(tensor))


def _smaller(made: Replacement) -> int:
    """Write `min(x, y)` as `-max(-x, -y)`."""
    first, second = (_turned(made, tensor) for tensor in made.operator.inputs)
    return made.times(made.larger(first, second, made.shape(made.operator.outputs[0])), -1.0)


def _turned(made: Replacement, tensor: int) -> int:
    known = made.value(tensor)
    return made.times(tensor, -1.0) if known is None else made.constant(-known)


def _leaky(made: Replacement) -> int:
    return _sloped(made, np.float32(made.operator.builtinOptions.alpha))


def _leaky_with_slopes(made: Replacement) -> int | None:
    slopes = made.value(made.operator.inputs[1])
    return None if slopes is None else _sloped(made, slopes)


def _sloped(made: Replacement, slope: Any) -> int:
    """Write a slope `a` below zero as `max(x, a x)`; where it is steeper than 1, as `a x + (1 - a) max(x, 0)`."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = made.operator.inputs[0]
    shape = made.shape(tensor)
    below = made.times(tensor, slope)
    if (np.asarray(slope) <= 1).all():
        return made.larger(tensor, below, shape)
    above = made.times(made.add("RELU", tensor, shape=shape), 1 - np.asarray(slope))
    return made.add("ADD", below, above, shape=shape, options=schema.AddOptionsT())


def _maximum(made: Replacement) -> int | None:
    """Reduce over axes by pooling: these axes become rows, and all others channels."""
    from ai_edge_litert import schema_py_generated as schema

    tensor, given = made.operator.inputs
    shape, found = made.shape(tensor), made.value(given)
    axes = [] if found is None else sorted({int(axis) % len(shape) for axis in found.reshape(-1)})
    if not axes or 0 in axes or shape[0] != 1:
        return None
    others = [axis for axis in range(1, len(shape)) if axis not in axes]
    rows, channels = (math.prod(shape[axis] for axis in some) for some in (axes, others))
    order = [0, *axes, *others]
    if order != sorted(order):
        turned = tuple(shape[axis] for axis in order)
        tensor = made.add("TRANSPOSE", tensor, made.constant(order, np.int32), shape=turned)
    tensor = made.reshaped(tensor, (1, rows, 1, channels))
    options = schema.Pool2DOptionsT(
        padding=schema.Padding.VALID, strideW=1, strideH=1, filterWidth=1, filterHeight=rows
    )
    tensor = made.add("MAX_POOL_2D", tensor, shape=(1, 1, 1, channels), options=options)
    return made.reshaped(tensor, made.shape(made.operator.outputs[0]))


def _tile(made: Replacement) -> int | None:
    """Write repetition along axes as joining copies."""
    from ai_edge_litert import schema_py_generated as schema

    tensor: int = made.operator.inputs[0]
    repeats = made.value(made.operator.inputs[1])
    if repeats is None or (repeats == 1).all():
        return None
    for axis, count in enumerate(repeats.tolist()):
        if count > 1:
            shape = list(made.shape(tensor))
            shape[axis] *= count
            options = schema.ConcatenationOptionsT(axis=axis)
            tensor = made.add("CONCATENATION", *[tensor] * count, shape=tuple(shape), options=options)
    return tensor


# Adds the operators and returns the tensor that stands for the output; None to leave the operator as it is.
_RULES: dict[str, Callable[[Replacement], int | None]] = {
    "NEG": _negate,
    "SQUARE": _square,
    "ABS": _absolute,
    "MINIMUM": _smaller,
    "LEAKY_RELU": _leaky,
    "PRELU": _leaky_with_slopes,
    "REDUCE_MAX": _maximum,
    "TILE": _tile,
}
