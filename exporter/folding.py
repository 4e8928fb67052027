"""Fold what converters leave in the graph into the weights: batch normalisation after ReLU, and rescaling.

A batch normalisation is `a x + b` per channel. Behind a linear convolution it folds back into it whole, which
every converter does. Behind ReLU and before pooling TFLiteConverter and tf2onnx leave a MUL and an ADD. Here, when
`a > 0`:

    a ReLU(W x + c) + b  =  ReLU(a W x + a c) + b

so `a` goes back into the convolution before, and `b` on through pooling and dropout into the bias of the next
convolution (without padding) or dense layer. Taking `a` back rather than on does a second thing: every channel
reaches the quantiser with a spread near one, so that one int8 scale fits them all (docs/decisions/0005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exporter.keras_model import is_chain

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
        model: any Keras model; one that is not a plain chain of layers is returned as it is.
    """
    chain = Chain(model)
    if not chain.layers:
        return Folding(model, (), ((model.name, "not a chain of layers"),))
    folded: list[str] = []
    left: list[tuple[str, str]] = []
    for layer in list(chain.layers):
        reason = _fold_layer(chain, layer)
        if reason is None:
            chain.remove(layer)
            folded.append(layer.name)
        elif reason:
            left.append((layer.name, reason))
    return Folding(chain.rebuilt(model), tuple(folded), tuple(left))


def _fold_layer(chain: Chain, layer: Any) -> str | None:
    """Move the layer's work to its neighbours; return None if done, a reason if not, "" if not concerned."""
    kind = type(layer).__name__
    if kind in ("Dropout", "SpatialDropout2D"):
        return None
    if kind == "Rescaling":
        scale, offset = np.atleast_1d(np.float64(layer.scale)), np.atleast_1d(np.float64(layer.offset))
        return _fold_forward(chain, layer, scale, offset)
    if kind == "BatchNormalization":
        return _fold_normalisation(chain, layer)
    return ""


def _fold_normalisation(chain: Chain, layer: Any) -> str | None:
    scale, shift = _affine(layer)
    before = chain.weighted_before(layer)
    if before is None:
        return "no convolution or dense layer before it"
    source, activation = before
    if activation == "linear":
        chain.scale_outputs(source, scale, shift)
        return None
    if activation != "relu":
        return f"comes after {activation}"
    if not (scale > 0).all():
        return "a scale is not positive"
    reason = _fold_forward(chain, layer, np.ones_like(scale), shift)
    if reason is None:
        chain.scale_outputs(source, scale, np.zeros_like(shift))
    return reason


def _fold_forward(chain: Chain, layer: Any, scale: Array, shift: Array) -> str | None:
    """Make the next convolution or dense layer take `x` where it took `scale x + shift`."""
    target = chain.weighted_after(layer)
    if target is None:
        return "no convolution or dense layer after it"
    if type(target).__name__ == "Conv2D" and target.padding != "valid" and shift.any():
        return "the next convolution pads with zeros"
    chain.scale_inputs(target, scale, shift)
    return None


def _affine(layer: Any) -> tuple[Array, Array]:
    """Return `a` and `b` of the normalisation, `float64 (channels,)`."""
    mean, variance = (np.asarray(value, np.float64) for value in (layer.moving_mean, layer.moving_variance))
    gamma = np.asarray(layer.gamma, np.float64) if layer.scale else np.ones_like(mean)
    beta = np.asarray(layer.beta, np.float64) if layer.center else np.zeros_like(mean)
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, beta - mean * scale


class Chain:
    """The layers of a chain-shaped model and their weights, which the folding changes in copies.

    Attributes:
        layers: the layers after the input, in order; empty for a model of another shape.
    """

    _PASSES_SHIFT = ("MaxPooling2D", "Flatten", "Dropout", "SpatialDropout2D")

    def __init__(self, model: keras.Model) -> None:
        """Copy the weights of a chain-shaped model."""
        self.layers: list[Any] = []
        self._weights: dict[str, tuple[Array, Array]] = {}
        if not is_chain(model):
            return
        self.layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
        for layer in self.layers:
            if type(layer).__name__ in ("Conv2D", "Dense") and getattr(layer, "groups", 1) == 1:
                kernel = np.asarray(layer.kernel, np.float64)
                bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros(kernel.shape[-1])
                self._weights[layer.name] = (kernel, bias)

    def weighted_before(self, layer: Any) -> tuple[Any, str] | None:
        """Return the layer whose output this one normalises, and the activation between them."""
        index = self.layers.index(layer) - 1
        activation = "linear"
        if index >= 0 and type(self.layers[index]).__name__ in ("ReLU", "Activation"):
            activation = _activation_name(self.layers[index])
            index -= 1
        if index < 0 or self.layers[index].name not in self._weights:
            return None
        own = self.layers[index].activation.__name__
        return self.layers[index], activation if own == "linear" else own

    def weighted_after(self, layer: Any) -> Any | None:
        """Return the next convolution or dense layer if only layers that pass a shift on lie between."""
        for following in self.layers[self.layers.index(layer) + 1 :]:
            if following.name in self._weights:
                return following
            if type(following).__name__ not in self._PASSES_SHIFT:
                return None
        return None

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
        """Take the layer out of the chain."""
        self.layers.remove(layer)

    def rebuilt(self, model: keras.Model) -> keras.Model:
        """Return a new model of the remaining layers with the changed weights."""
        import keras

        image = keras.Input(model.input_shape[1:], name="image")
        outputs = image
        for layer in self.layers:
            changed = layer.name in self._weights
            config = layer.get_config() | ({"use_bias": True} if changed else {})
            fresh = type(layer).from_config(config)
            outputs = fresh(outputs)
            weights = self._weights[layer.name] if changed else layer.get_weights()
            fresh.set_weights([np.asarray(value, np.float32) for value in weights])
        return keras.Model(image, outputs, name=model.name)


def _activation_name(layer: Any) -> str:
    if type(layer).__name__ == "ReLU":
        plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
        return "relu" if plain else "a clipped or leaky ReLU"
    return str(layer.activation.__name__)
