"""Find layers that give one number for every picture: they learned nothing, and have no range to quantise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.picture.preprocessing import Pixels

if TYPE_CHECKING:
    import keras

_FEW = 4  # pictures that nearly every layer answers, so that the others need not be asked of all
_BATCH = 32


def silent_layers(model: keras.Model, calibration: Pixels) -> tuple[str, ...]:
    """Return the names of the layers whose output is one and the same number, for every picture and channel.

    Args:
        model: the network that is converted.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    layers = [layer for layer in model.layers if _one_output(layer)]
    for start, count in ((0, _FEW), *((first, _BATCH) for first in range(_FEW, len(calibration), _BATCH))):
        layers = _silent(model, layers, calibration[start : start + count])
    return tuple(layer.name for layer in layers)


def _one_output(layer: Any) -> bool:
    nodes = layer._inbound_nodes
    return type(layer).__name__ != "InputLayer" and len(nodes) == len(nodes[0].outputs) == 1


def _silent(model: keras.Model, layers: list[Any], pictures: Pixels) -> list[Any]:
    import keras

    if not layers:
        return []
    inner = keras.Model(model.inputs[0], [layer.output for layer in layers])
    outputs = keras.tree.flatten(inner(pictures.astype(np.float32), training=False))
    return [layer for layer, output in zip(layers, outputs, strict=True) if np.ptp(np.asarray(output)) == 0]
