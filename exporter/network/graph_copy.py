"""Copy the layers of a model into one flat graph: in another number format, or on pictures of another range."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exporter.network.folding import settle
from exporter.network.precision import FLOAT32, FLOAT64, in_precision

if TYPE_CHECKING:
    import keras

Call = Callable[..., Any]

INPUT_NAME = "image"
_OURS = re.compile(rf"{INPUT_NAME}|weights_\d+")  # names that conversion gives to other things
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # what TensorFlow takes for a scope
# What these do they do in training alone. Each is tried before it is left out.
_IDLE = re.compile(r"Random\w+|Gaussian(Noise|Dropout)|AlphaDropout|ActivityRegularization|Identity|\w*Mix|MixUp")


def in_float64(model: keras.Model) -> keras.Model:
    """Return a copy of a model that computes in float64."""
    return GraphCopy(FLOAT64).of(model)


def rescaled(model: keras.Model, scale: Any, offset: Any) -> keras.Model:
    """Return a copy of a model that takes `x` where the model takes `scale x + offset`.

    Args:
        model: a model of one input and one output.
        scale: a number, or one for each channel.
        offset: the same.
    """
    return GraphCopy(scale=scale, offset=offset).of(model)


class GraphCopy:
    """Copies the layers of a model, under safe names, into one graph from picture to scores.

    Models within the model are dissolved. Layers that only act in training are left out. Arithmetic of the picture
    with constants becomes a `Rescaling`.
    """

    def __init__(self, dtype: str = FLOAT32, *, scale: Any = 1, offset: Any = 0) -> None:
        """Start with no layer. The copy takes `x` where the model takes `scale x + offset`."""
        self._dtype = dtype
        self._range = (np.asarray(scale, np.float64), np.asarray(offset, np.float64))
        self._copies: dict[int, tuple[Any, Any]] = {}
        self._names: set[str] = {INPUT_NAME}
        self._rescaled: dict[int, tuple[Any, Any, Any]] = {}

    def of(self, model: keras.Model) -> keras.Model:
        """Return the copy of a model of one input and one output."""
        import keras

        image = keras.Input(model.inputs[0].shape[1:], name=INPUT_NAME, dtype=self._dtype)
        self._rescaled[id(image)] = (image, np.float64(1), np.float64(0))
        scale, offset = self._range
        start = self._rescale(image, scale, offset) if (scale != 1).any() or offset.any() else image
        [outputs] = self._run(graph_of(model), start)
        copy = keras.Model(image, outputs, name=safe_name(model.name))
        for layer, made in self._copies.values():
            if layer.weights and made is not layer:
                made.set_weights([_in_float(value, self._dtype) for value in _weights(layer)])
        settle(copy)
        return copy

    def _run(self, graph: Any, *inputs: Any) -> list[Any]:
        import keras

        return list(keras.tree.flatten(graph._run_through_graph(list(inputs), operation_fn=self.called)))

    def called(self, operation: Any) -> Call:
        """Return what is called in place of a layer, a model or an operation."""
        import keras

        graph = graph_of(operation)
        if graph is not None:

            def run(*inputs: Any, **_: Any) -> Any:
                outputs = self._run(graph, *keras.tree.flatten(inputs))
                return keras.tree.pack_sequence_as(graph._outputs_struct, outputs)

            return run
        if is_idle(operation):
            return lambda inputs, **_: inputs
        if does_arithmetic(operation):
            return lambda *values, **named: self._computed(operation, *values, **named)
        return self.copied(operation)

    def copied(self, operation: Any) -> Call:
        """Return the copy of a layer, always the same one; an operation without settings is its own."""
        import keras

        if type(operation).__name__ == "Cast" and "float" in str(operation.dtype):
            return type(operation)(self._dtype)  # type: ignore[no-any-return]
        if not isinstance(operation, keras.layers.Layer):
            return operation  # type: ignore[no-any-return]
        if id(operation) not in self._copies:
            self._copies[id(operation)] = (operation, self._made_again(operation))
        return self._copies[id(operation)][1]  # type: ignore[no-any-return]

    def _made_again(self, layer: Any) -> Any:
        """Return a new layer of the same settings. One that cannot be made from its settings is its own copy."""
        try:
            settings = in_precision(layer.get_config(), self._dtype)
            return type(layer).from_config(settings | {"name": self.unused(safe_name(layer.name))})
        except Exception:  # a Lambda of code, or a layer of the user's own that does not tell its settings
            return layer

    def unused(self, name: str) -> str:
        """Return a name that no layer has yet."""
        number, found = 0, name
        while found in self._names:
            number += 1
            found = f"{name}_{number}"
        self._names.add(found)
        return found

    def _computed(self, operation: Any, *values: Any, **named: Any) -> Any:
        """Turn arithmetic of the picture with a constant into a `Rescaling`; compute any other."""
        pictures = [index for index, value in enumerate(values) if id(value) in self._rescaled]
        if named or len(values) != 2 or len(pictures) != 1 or hasattr(values[1 - pictures[0]], "_keras_history"):
            return operation(*values, **named)
        constant = np.asarray(values[1 - pictures[0]], np.float64)
        source, scale, offset = self._rescaled[id(values[pictures[0]])]
        found = _ARITHMETIC[type(operation).__name__](constant, pictures == [0])
        if (
            found is None
            or constant.size not in (1, source.shape[-1])
            or np.atleast_1d(constant).shape[-1] != constant.size
        ):
            return operation(*values)
        return self._rescale(source, scale * found[0], offset * found[0] + found[1])

    def _rescale(self, source: Any, scale: Any, offset: Any) -> Any:
        import keras

        numbers = [np.ravel(value).tolist() for value in (scale, offset)]
        settings = [found if len(found) > 1 else found[0] for found in numbers]
        made = keras.layers.Rescaling(*settings, name=self.unused("rescaling"), dtype=self._dtype)(source)
        self._rescaled[id(made)] = (source, np.asarray(scale), np.asarray(offset))
        return made


def graph_of(operation: Any) -> Any | None:
    """Return the graph of a model of layers; None of a layer, and of a model that computes in a way of its own."""
    called = getattr(type(operation).call, "__qualname__", "")
    if called == "Sequential.call":
        return operation._functional
    return operation if called == "Functional.call" else None


def is_idle(operation: Any) -> bool:
    """Say whether a layer only acts in training, and hands on what it gets otherwise."""
    if not _IDLE.fullmatch(type(operation).__name__) or operation.weights:
        return False
    node = operation._inbound_nodes[0]
    shape = node.input_tensors[0].shape
    if tuple(node.outputs[0].shape) != tuple(shape):
        return False
    noise = np.random.default_rng(0).uniform(0, 255, [side or 2 for side in shape]).astype(np.float32)
    # A copy, as a layer in float16 would round the noise.
    layer = type(operation).from_config(in_precision(operation.get_config()))
    return np.array_equal(np.asarray(layer(noise, training=False)), noise)


def does_arithmetic(operation: Any) -> bool:
    """Say whether an operation can become a `Rescaling`, if it is one of the picture and a constant."""
    import keras

    return type(operation).__name__ in _ARITHMETIC and not isinstance(operation, keras.layers.Layer)


def safe_name(name: str) -> str:
    """Return a name as converters accept it: as it is where they do."""
    if _SAFE.fullmatch(name) and not _OURS.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "_".join(filter(None, ("layer", *re.findall(r"[A-Za-z0-9_.-]+", plain))))


def is_dense_int8(layer: Any) -> bool:
    """Say whether Keras quantised a dense layer to int8: then its weights can be read as numbers again."""
    return type(layer).__name__ == "Dense" and getattr(layer, "quantization_mode", None) == "int8"


def _weights(layer: Any) -> list[NDArray[Any]]:
    if not is_dense_int8(layer):
        return [np.asarray(value) for value in layer.get_weights()]
    kernel = np.asarray(layer._kernel, np.float32) / np.asarray(layer.kernel_scale, np.float32)
    return [kernel, *([np.asarray(layer.bias)] if layer.use_bias else [])]


def _in_float(value: NDArray[Any], dtype: str) -> NDArray[Any]:
    return value.astype(dtype) if value.dtype.kind in "fV" else value  # V: bfloat16, which NumPy does not know


def _divided(constant: Any, picture_first: bool) -> tuple[Any, Any] | None:
    return (1 / constant, 0 * constant) if picture_first and constant.all() else None


def _subtracted(constant: Any, picture_first: bool) -> tuple[Any, Any]:
    one = np.ones_like(constant)
    return (one, -constant) if picture_first else (-one, constant)


# What an operation of a picture and a constant does to the picture: scale and offset; None: something else
_ARITHMETIC: dict[str, Callable[[Any, bool], tuple[Any, Any] | None]] = {
    "Add": lambda constant, _: (np.ones_like(constant), constant),
    "Subtract": _subtracted,
    "Multiply": lambda constant, _: (constant, 0 * constant),
    "Divide": _divided,
    "TrueDivide": _divided,
}
