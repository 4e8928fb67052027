"""Fold rescaling and batch normalisation after ReLU into the weights, because converters leave them in the graph.

A batch normalisation is `a x + b` per channel. After a linear convolution, every converter folds it into that
convolution. After ReLU and before pooling, TFLiteConverter and tf2onnx leave a MUL and an ADD. When `a > 0`:

    a ReLU(W x + c) + b  =  ReLU(a W x + a c) + b

So `a` moves back into the convolution before. `b` moves on, through pooling and dropout, into the bias of the next
dense layer or convolution without padding. Moving `a` back also helps the quantiser: it gives every channel a
spread near one, and one int8 scale then fits them all (docs/decisions/0005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Folding:
    """A model with its normalisations folded.

    Args:
        model: the same function with fewer layers.
        folded: names of the layers that are gone.
        left: names of the layers that had to stay, each with the reason.
    """

    model: keras.Model
    folded: tuple[str, ...]
    left: tuple[tuple[str, str], ...]


def fold(model: keras.Model) -> Folding:
    """Return the model with rescaling, batch normalisation and dropout folded away where that is exact.

    Args:
        model: any Keras model. If its layers cannot be told apart, it is returned as it is.
    """
    graph = Graph(model)
    if not graph.layers:
        return Folding(
            model, (), ((model.name, "a layer is used twice or is a model, or an operation is no layer"),)
        )
    folded: list[str] = []
    left: list[tuple[str, str]] = []
    for layer in list(graph.layers):
        moved = _MOVERS.get(type(layer).__name__)
        if moved is None:
            continue
        reason = moved(graph, layer)
        if reason is None:
            graph.remove(layer)
            folded.append(layer.name)
        else:
            left.append((layer.name, reason))
    return Folding(graph.rebuilt(), tuple(folded), tuple(left))


def _move_dropout(graph: Graph, layer: Any) -> str | None:
    return None  # it does nothing outside training


def _move_rescaling(graph: Graph, layer: Any) -> str | None:
    scale, offset = np.atleast_1d(np.float64(layer.scale)), np.atleast_1d(np.float64(layer.offset))
    return _move_forward(graph, layer, scale, offset)


def _move_normalization(graph: Graph, layer: Any) -> str | None:
    rescaling = _rescaling(layer)
    if rescaling is None:
        return "it normalises along another axis than the channels"
    return _move_forward(graph, layer, *rescaling)


def _move_batch_normalization(graph: Graph, layer: Any) -> str | None:
    rank = len(layer.input.shape)
    if np.ravel(layer.axis)[0] % rank != rank - 1:
        return "it normalises along another axis than the channels"
    scale, shift = _affine(layer)
    before = graph.weighted_before(layer)
    if before is None:
        return "no convolution or dense layer before it alone"
    source, activation = before
    if activation == "linear":
        graph.scale_outputs(source, scale, shift)
        return None
    if activation != "relu":
        return f"comes after {activation}"
    if not (scale > 0).all():
        return "a scale is not positive"
    reason = _move_forward(graph, layer, np.ones_like(scale), shift)
    if reason is None:
        graph.scale_outputs(source, scale, np.zeros_like(shift))
    return reason


def _move_forward(graph: Graph, layer: Any, scale: Array, shift: Array) -> str | None:
    """Make the next convolution or dense layer take `x` where it took `scale x + shift`."""
    path = graph.path_after(layer)
    if not path:
        return "no convolution or dense layer after it alone"
    *between, target = path
    if not (scale > 0).all() and any(type(other).__name__ == "MaxPooling2D" for other in between):
        return "a scale is not positive"
    if type(target).__name__ == "Conv2D" and target.padding != "valid" and shift.any():
        return "the next convolution pads with zeros"
    graph.scale_inputs(target, scale, shift)
    return None


# How the work of each kind of layer moves to its neighbours. Each returns the reason where it cannot.
_MOVERS: dict[str, Callable[[Graph, Any], str | None]] = {
    "Dropout": _move_dropout,
    "SpatialDropout2D": _move_dropout,
    "Rescaling": _move_rescaling,
    "Normalization": _move_normalization,
    "BatchNormalization": _move_batch_normalization,
}


def _rescaling(layer: Any) -> tuple[Array, Array] | None:
    """Return scale and offset of a `Normalization`, `float64 (1,)` or `(channels,)`; None along another axis."""
    import keras

    mean, variance = np.asarray(layer.mean, np.float64), np.asarray(layer.variance, np.float64)
    if mean.size != (mean.shape or (1,))[-1]:
        return None
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon()).reshape(-1)
    if layer.invert:
        return deviation, mean.reshape(-1)
    return 1 / deviation, -mean.reshape(-1) / deviation


def _affine(layer: Any) -> tuple[Array, Array]:
    """Return `a` and `b` of the normalisation, `float64 (channels,)`."""
    mean, variance = (np.asarray(value, np.float64) for value in (layer.moving_mean, layer.moving_variance))
    gamma = np.asarray(layer.gamma, np.float64) if layer.scale else np.ones_like(mean)
    beta = np.asarray(layer.beta, np.float64) if layer.center else np.zeros_like(mean)
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, beta - mean * scale


class Graph:
    """The layers of a model, and copies of their weights, which folding changes.

    Attributes:
        layers: the layers after the input, each after those it reads. There are none if the model has several
            inputs or outputs, uses a layer twice, has a model as a layer, or has operations that are no layers.
    """

    _PASSES_SHIFT = ("MaxPooling2D", "Flatten", "Dropout", "SpatialDropout2D")

    def __init__(self, model: keras.Model) -> None:
        """Copy the weights of the model."""
        import keras

        self.layers: list[Any] = []
        self._weights: dict[str, tuple[Array, Array]] = {}
        self._reads: dict[str, list[str]] = {}
        if not _can_be_told_apart(model):
            return
        self._model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)  # of a Sequential, its layers
        self.layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
        for layer in self.layers:
            self._reads[layer.name] = [node.operation.name for node in layer._inbound_nodes[0].parent_nodes]
            if type(layer).__name__ in ("Conv2D", "Dense") and getattr(layer, "groups", 1) == 1:
                kernel = np.asarray(layer.kernel, np.float64)
                bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros(kernel.shape[-1])
                self._weights[layer.name] = (kernel, bias)

    def _before(self, layer: Any) -> Any | None:
        """Return the layer that this one reads, if it reads no other and no other layer reads that one."""
        found = [other for other in self.layers if other.name in self._reads[layer.name]]
        return found[0] if len(self._reads[layer.name]) == 1 and found and self._after(found[0]) is layer else None

    def _after(self, layer: Any) -> Any | None:
        """Return the layer that reads this one, if no other does and it reads no other."""
        readers = [other for other in self.layers if layer.name in self._reads[other.name]]
        return readers[0] if len(readers) == 1 and len(self._reads[readers[0].name]) == 1 else None

    def weighted_before(self, layer: Any) -> tuple[Any, str] | None:
        """Return the layer whose output this one normalises, and the activation between them."""
        before, activation = self._before(layer), "linear"
        if type(before).__name__ in ("ReLU", "Activation"):
            before, activation = self._before(before), activation_name(before)
        if before is None or before.name not in self._weights:
            return None
        own = activation_name(before)
        both = [name for name in dict.fromkeys((own, activation)) if name != "linear"]
        return before, " and ".join(both) or "linear"

    def has_weights(self, layer: Any) -> bool:
        """Say whether it is a dense layer or a convolution that is not grouped: its weights can be scaled."""
        return layer.name in self._weights

    def weighted_after(self, layer: Any) -> Any:
        """Return the next convolution or dense layer, if all layers between pass a shift on."""
        path = self.path_after(layer)
        return path[-1] if path else None

    def path_after(self, layer: Any) -> list[Any]:
        """Return the layers after this one up to `weighted_after`, or none if there is no such layer."""
        path = [self._after(layer)]
        while path[-1] is not None and path[-1].name not in self._weights:
            path.append(self._after(path[-1]) if type(path[-1]).__name__ in self._PASSES_SHIFT else None)
        return path if path[-1] is not None else []

    def largest_weights(self, layer: Any, channels: int) -> Array:
        """Return the largest weight that reads each of the channels before the layer, `float64 (channels,)`."""
        kernel = np.abs(self._weights[layer.name][0])
        by_input = kernel.max(axis=(*range(kernel.ndim - 2), kernel.ndim - 1))
        largest: Array = by_input.reshape(-1, channels).max(axis=0)  # a Flatten repeats the channels
        return largest

    def scale_outputs(self, layer: Any, scale: Array, shift: Array) -> None:
        """Make the layer give `scale y + shift` before its activation."""
        kernel, bias = self._weights[layer.name]
        self._weights[layer.name] = (kernel * scale, bias * scale + shift)

    def scale_inputs(self, layer: Any, scale: Array, shift: Array) -> None:
        """Make the layer give for `x` what it gave for `scale x + shift`, per channel of `x`."""
        kernel, bias = self._weights[layer.name]
        fed = kernel.shape[-2]
        scale, shift = (np.resize(value, fed) for value in (scale, shift))  # repeats channels over a Flatten
        axes = tuple(range(kernel.ndim - 2))
        bias = bias + (kernel * shift[:, None]).sum(axis=axes).sum(axis=0)
        self._weights[layer.name] = (kernel * scale[:, None], bias)

    def remove(self, layer: Any) -> None:
        """Take out a layer that reads one other. Its readers now read that one."""
        self.layers.remove(layer)
        [before] = self._reads.pop(layer.name)
        for reads in self._reads.values():
            reads[:] = [before if name == layer.name else name for name in reads]

    def rebuilt(self) -> keras.Model:
        """Return a new model of the remaining layers with the changed weights."""
        import keras

        kept = {layer.name: layer for layer in self.layers}

        def copied(layer: Any) -> Any:
            rescaling = _rescaling(layer) if type(layer).__name__ == "Normalization" else None
            if rescaling:  # ONNX Runtime computes it in integers, but a Normalization in float
                scale, offset = (value.tolist() for value in rescaling)
                return keras.layers.Rescaling(scale, offset, name=layer.name)
            changed = {"use_bias": True} if layer.name in self._weights else {}
            return type(layer).from_config(layer.get_config() | changed)

        def called(layer: Any, inputs: Any, *others: Any, **named: Any) -> Any:
            return layer(inputs, *others, **named) if layer.name in kept else inputs

        image = keras.Input(self._model.input_shape[1:], name="image", dtype=self._model.inputs[0].dtype)
        model = keras.models.clone_model(
            self._model, input_tensors=image, clone_function=copied, call_function=called
        )
        for layer in model.layers:
            if layer.name in kept and layer.weights:
                weights = self._weights.get(layer.name) or kept[layer.name].get_weights()
                layer.set_weights(list(weights))  # Keras rounds them to the precision of the layer
        settle(model)
        return model


def settle(layer: Any) -> None:
    """Make each Normalization of a copied model use the weights it was given, as Keras does on loading."""
    for inner in getattr(layer, "layers", ()):
        settle(inner)
    if type(layer).__name__ == "Normalization":
        layer.finalize_state()


def _can_be_told_apart(model: keras.Model) -> bool:
    """Say whether one input goes to one output through layers that are each used once."""
    import keras

    if not isinstance(model, keras.Model) or len(model.inputs) != 1 or len(model.outputs) != 1:
        return False
    whole = keras.Model(model.inputs[0], model.outputs[0])
    if len(whole.operations) != len(whole.layers):  # something between layers that is no layer, such as a sum
        return False
    return not any(isinstance(layer, keras.Model) or len(layer._inbound_nodes) != 1 for layer in model.layers)


def activation_name(layer: Any) -> str:
    """Return the name of what a layer does to its sums last, such as `relu`, also where a layer is given for it."""
    if type(layer).__name__ == "Softmax":
        return "softmax"
    if type(layer).__name__ == "ReLU":
        plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
        return "relu" if plain else "a clipped or leaky ReLU"
    given = layer.activation
    if type(given).__name__ in ("ReLU", "Softmax"):
        return activation_name(given)
    return str(getattr(given, "__name__", type(given).__name__))
