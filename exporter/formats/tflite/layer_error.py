"""Measure the noise that quantisation leaves in the layers of a TFLite file."""

from __future__ import annotations

import numpy as np

from edge_runtime.picture.preprocessing import Pixels
from exporter.formats.layer_error import LayerError, decibel, powers
from exporter.formats.tflite.operators import read_graph
from exporter.formats.tflite.tensors import tensors_of

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def measure_layer_errors(float32: bytes, int8: bytes, pixels: Pixels) -> list[LayerError]:
    """Return the error of every convolution and dense layer over some pictures, in order of execution.

    Args:
        float32: the float32 file.
        int8: the file quantised from it.
        pixels: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    layers = [operator for operator in read_graph(float32).operators if operator.kind in _WEIGHTED]
    names = [layer.name for layer in layers]
    sums = np.zeros((len(layers), 2))
    for exact, rough in zip(tensors_of(float32, pixels, names), tensors_of(int8, pixels, names), strict=True):
        sums += [powers(*pair) for pair in zip(exact, rough, strict=True)]
    return [LayerError(layer.name, layer.kind, decibel(*pair)) for layer, pair in zip(layers, sums, strict=True)]
