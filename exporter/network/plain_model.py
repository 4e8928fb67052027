"""Bring a loaded model into one plain form, so that every step after it meets the same kind of network.

Plain is: float32, one picture in, one row of scores out, no model as a layer, names that converters accept, and no
layer that acts in training alone. A model that is plain already is used as it was loaded.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.errors import SourceError
from exporter.network.folding import activation_name
from exporter.network.graph_copy import (
    Call,
    GraphCopy,
    does_arithmetic,
    graph_of,
    is_dense_int8,
    is_idle,
    safe_name,
)
from exporter.network.precision import FLOAT32, is_in_float32

if TYPE_CHECKING:
    import keras

_OPEN_SIDE = 64  # pixels, where a model takes any
_SAME = 1e-4  # of scores 0-1; the copy adds up the same numbers in the same order


def plain_model(model: keras.Model, path: Path) -> keras.Model:
    """Return the same function in plain form: the model itself, or a copy.

    Args:
        model: as Keras loaded it.
        path: its file, for errors.

    Raises:
        SourceError: it computes in a way of its own, has several inputs or outputs, gives maps of scores, or was
            quantised by Keras in a way that cannot be undone.
    """
    _require_one_way(model, path)
    if _is_plain(model):
        return model
    _require_float(model, path)
    flat = GraphCopy().of(model)
    if is_in_float32(model) and not _gives_the_same(model, flat):
        raise SourceError(
            f"{path}: expected the copy that is exported to give the model's scores, but it gives others. Build "
            "the model of Keras layers alone, and save it again."
        )
    return flat if len(flat.output_shape) == 2 else _in_one_row(flat, path)


def _require_one_way(model: keras.Model, path: Path) -> None:
    if type(model).__name__ == "Sequential" and graph_of(model) is None:
        raise SourceError(
            f"{path}: expected a model that knows its input, received a Sequential that was never called on a "
            "picture. Begin it with keras.Input((height, width, 3)), and save it again."
        )
    if not getattr(model, "inputs", None) or graph_of(model) is None:
        raise SourceError(
            f"{path}: expected a Sequential model or keras.Model(inputs, outputs), received {type(model).__name__} "
            "with a call() of its own. Call it on keras.Input(...), and save keras.Model(inputs, outputs)."
        )
    for side, found in (("input", model.inputs), ("output", model.outputs)):
        if len(found) != 1:
            shapes = ", ".join(str(tensor.shape) for tensor in found)
            raise SourceError(
                f"{path}: expected one {side}, received {len(found)}: {shapes}. Save a model of one picture in and "
                "one row of scores out."
            )


def _is_plain(model: keras.Model) -> bool:
    import keras

    if isinstance(model, keras.Sequential) or not is_in_float32(model):
        return False  # loading calls each layer of a Sequential once for every layer after it
    [image], [scores] = model.inputs, model.outputs
    named = isinstance(model.input, dict) or isinstance(model.output, dict)
    if named or image.shape[0] is not None or image.dtype != FLOAT32 or len(scores.shape) != 2:
        return False
    names = [model.name, *(layer.name for layer in model.layers if not isinstance(layer, keras.layers.InputLayer))]
    if any(safe_name(name) != name for name in names):
        return False
    first = [node.operation for node in image._keras_history.operation._outbound_nodes]
    return not any(map(does_arithmetic, first)) and not any(
        graph_of(operation) is not None or is_idle(operation) for operation in model.operations
    )


def _require_float(model: keras.Model, path: Path) -> None:
    """Refuse weights in integers, but for those that can be read as numbers again."""
    for layer in model._flatten_layers(include_self=False):
        mode = getattr(layer, "quantization_mode", None)
        if mode and not is_dense_int8(layer):
            raise SourceError(
                f"{path}: expected weights in float, but Keras quantised the layer {layer.name} ({mode}). Export "
                "the model as it was before model.quantize(...)."
            )


def _gives_the_same(model: keras.Model, copy: keras.Model) -> bool:
    import keras

    count, *sides = model.inputs[0].shape
    shape = [count or 2, *(side or _OPEN_SIDE for side in sides)]
    noise = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32).round()
    graph: Any = graph_of(model)
    outputs = graph(keras.tree.map_structure(lambda _: noise, graph.input), training=False)
    [first] = keras.tree.flatten(outputs)
    second = copy(noise, training=False)
    return np.allclose(np.asarray(first), np.asarray(second), rtol=_SAME, atol=_SAME, equal_nan=True)


def _in_one_row(model: keras.Model, path: Path) -> keras.Model:
    """Return a model whose scores of shape `(N, 1, 1, labels)` are `(N, labels)`."""
    shape = model.output_shape[1:]
    if None not in shape[:-1] and prod(shape[:-1]) != 1:
        raise SourceError(
            f"{path}: expected one row of scores, received a map of {shape}. End the model in a pooling over the "
            "whole map, such as GlobalAveragePooling2D, and train it so."
        )
    return _RowCopy(model.outputs[0]._keras_history.operation).of(model)


class _RowCopy(GraphCopy):
    """Flattens the scores of `(N, 1, 1, labels)`, before the last activation where it is known."""

    def __init__(self, last: Any) -> None:
        """Start with no layer. `last` makes the scores."""
        super().__init__()
        self._last = last

    def called(self, operation: Any) -> Call:
        """Return what is called in place of a layer or an operation."""
        import keras

        call: Any = super().called(operation)
        if operation is not self._last:
            return call  # type: ignore[no-any-return]
        flatten = keras.layers.Flatten(name=self.unused("flatten"))
        kind = type(operation).__name__
        if kind == "Activation" or (kind == "Softmax" and operation.axis == -1):
            return lambda inputs, **_: call(flatten(inputs))
        if kind != "Conv2D" or activation_name(operation) not in ("softmax", "sigmoid"):
            return lambda *inputs, **named: flatten(call(*inputs, **named))
        name, call.activation = activation_name(operation), keras.activations.linear
        activate = keras.layers.Activation(name, name=self.unused(name))
        return lambda inputs, **_: activate(flatten(call(inputs)))
