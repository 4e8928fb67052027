"""Even out the channels between layers before quantisation. The model computes the same as before.

One int8 scale serves all channels of a tensor. If a few channels are a hundred times as large as the rest, only a
handful of steps is left for the rest. A normalisation that is folded into a rarely active unit makes such channels.
ReLU lets any positive factor through. So each channel is divided by a factor before its ReLU, and the weights of
the next layer multiply it again. The factor is the square root of the channel's largest value over the largest
weight that reads it, so both sides share the burden.

Source: M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019; with
measured activations as in G. Xiao et al., "SmoothQuant", ICML 2023. Measured in docs/decisions/0009.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels
from exporter.network.folding import Graph, activation_name

if TYPE_CHECKING:
    import keras

_BATCH = 64
# Channels and weights that are almost dead count as this share of the median, or a factor would grow too large.
_FLOOR = 0.05

Factors = tuple[tuple[str, str, NDArray[np.float64]], ...]


def equalize(model: keras.Model, calibration: Pixels) -> keras.Model:
    """Return the same function with even channels.

    Args:
        model: a folded model. If its layers cannot be told apart, it is returned as it is.
        calibration: `uint8 (N, H, W, 3) RGB 0-255` to measure the channels on.
    """
    return even_out(model, find_factors(model, calibration))


def find_factors(model: keras.Model, calibration: Pixels) -> Factors:
    """Return for each layer whose channels can be evened out its name, that of the next layer, and the factors.

    Args:
        model: a folded model. There are no factors if its layers cannot be told apart.
        calibration: `uint8 (N, H, W, 3) RGB 0-255` to measure the channels on.
    """
    graph = Graph(model)
    pairs = [(layer, graph.weighted_after(layer)) for layer in graph.layers if _is_rectified(graph, layer)]
    pairs = [(layer, following) for layer, following in pairs if following is not None]
    if not pairs:
        return ()
    largest = _largest_outputs(model, [layer for layer, _ in pairs], calibration)
    found = []
    for (layer, following), outputs in zip(pairs, largest, strict=True):
        weights = graph.largest_weights(following, len(outputs))
        factors = np.sqrt(_floored(outputs) / _floored(weights))
        factors /= np.exp(np.log(factors).mean())
        graph.scale_outputs(layer, 1 / factors, np.zeros_like(factors))
        graph.scale_inputs(following, factors, np.zeros_like(factors))
        found.append((layer.name, following.name, factors))
    return tuple(found)


def even_out(model: keras.Model, factors: Factors) -> keras.Model:
    """Return the same function, with the channels of some layers divided by factors that the next layer multiplies.

    Args:
        model: a folded model.
        factors: what `find_factors` returned.
    """
    if not factors:
        return model
    graph = Graph(model)
    layers = {layer.name: layer for layer in graph.layers}
    for name, following, values in factors:
        graph.scale_outputs(layers[name], 1 / values, np.zeros_like(values))
        graph.scale_inputs(layers[following], values, np.zeros_like(values))
    return graph.rebuilt()


def _is_rectified(graph: Graph, layer: Any) -> bool:
    """Say whether the layer has weights that can be scaled, and ends in a plain ReLU of its own."""
    return graph.has_weights(layer) and activation_name(layer) == "relu"


def _largest_outputs(model: keras.Model, layers: list[Any], calibration: Pixels) -> list[NDArray[np.float64]]:
    """Return for each layer the largest output of every channel, `float64 (channels,)`."""
    import keras

    outputs = [layer.output for layer in layers]
    inner = keras.Model(
        model.inputs, [keras.ops.max(one, axis=tuple(range(len(one.shape) - 1))) for one in outputs]
    )
    largest: list[NDArray[np.float64]] = []
    for start in range(0, len(calibration), _BATCH):
        # A short batch would be traced anew. Pictures that come twice change no maximum.
        batch = calibration[np.arange(start, start + _BATCH) % len(calibration)]
        found = [np.asarray(output, np.float64) for output in keras.tree.flatten(inner.predict_on_batch(batch))]
        largest = [np.maximum(*pair) for pair in zip(largest, found, strict=True)] if largest else found
    return largest


def _floored(values: NDArray[np.float64]) -> NDArray[np.float64]:
    alive = values[values > 0]
    return np.maximum(values, _FLOOR * np.median(alive)) if len(alive) else np.ones_like(values)
