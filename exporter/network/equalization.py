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

_BATCH = 32
# Channels and weights that are almost dead count as this share of the median, or a factor would grow too large.
_FLOOR = 0.05


def equalize(model: keras.Model, calibration: Pixels) -> keras.Model:
    """Return the same function with even channels.

    Args:
        model: a folded model. If its layers cannot be told apart, it is returned as it is.
        calibration: `uint8 (N, H, W, 3) RGB 0-255` to measure the channels on.
    """
    graph = Graph(model)
    pairs = [(layer, graph.weighted_after(layer)) for layer in graph.layers if _is_rectified(layer)]
    pairs = [(layer, following) for layer, following in pairs if following is not None]
    if not pairs:
        return model
    largest = _largest_outputs(model, [layer for layer, _ in pairs], calibration)
    for (layer, following), outputs in zip(pairs, largest, strict=True):
        weights = graph.largest_weights(following, len(outputs))
        factors = np.sqrt(_floored(outputs) / _floored(weights))
        factors /= np.exp(np.log(factors).mean())
        graph.scale_outputs(layer, 1 / factors, np.zeros_like(factors))
        graph.scale_inputs(following, factors, np.zeros_like(factors))
    return graph.rebuilt()


def _is_rectified(layer: Any) -> bool:
    """Say whether the layer has weights and ends in a plain ReLU of its own."""
    return type(layer).__name__ in ("Conv2D", "Dense") and activation_name(layer) == "relu"


def _largest_outputs(model: keras.Model, layers: list[Any], calibration: Pixels) -> list[NDArray[np.float64]]:
    """Return for each layer the largest output of every channel, `float64 (channels,)`."""
    import keras

    inner = keras.Model(model.inputs, [layer.output for layer in layers])
    largest: list[NDArray[np.float64]] = []
    for start in range(0, len(calibration), _BATCH):
        outputs = inner.predict_on_batch(calibration[start : start + _BATCH])
        outputs = outputs if isinstance(outputs, list) else [outputs]
        found = [np.asarray(output, np.float64).reshape(-1, output.shape[-1]).max(axis=0) for output in outputs]
        largest = [np.maximum(*pair) for pair in zip(largest, found, strict=True)] if largest else found
    return largest


def _floored(values: NDArray[np.float64]) -> NDArray[np.float64]:
    alive = values[values > 0]
    return np.maximum(values, _FLOOR * np.median(alive)) if len(alive) else np.ones_like(values)
