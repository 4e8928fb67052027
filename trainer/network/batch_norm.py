"""Measure the statistics of batch normalisation again, for the finished weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.picture.preprocessing import Pixels

if TYPE_CHECKING:
    import keras

_BATCH = 64


def recalibrate(model: keras.Model, pixels: Pixels) -> None:
    """Replace the moving statistics of every batch normalisation by averages over training pictures.

    Layers that are not trainable keep theirs.

    Keras's own statistics have two faults. They begin with a variance of 1 and move by a hundredth at each step, so
    the tiny variances of the first layers need about a thousand steps. And they are taken with dropout on, which
    makes the variance too large for inference. Here the weights do not change and dropout is off.

    Args:
        model: the network; only its moving statistics are changed.
        pixels: `uint8 (N, H, W, 3) RGB 0-255`, training pictures in random order.

    Source: Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3; X. Li et al.,
        "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift", 2018.
    """
    from keras import layers

    found = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    normalisations = [layer for layer in found if layer.trainable]
    if not normalisations:
        return
    with _kept(normalisations, "momentum"), _without_dropout(model):
        for index, start in enumerate(range(0, len(pixels), _BATCH)):
            for layer in normalisations:
                layer.momentum = index / (index + 1)  # gives the plain average over the batches
            model(pixels[start : start + _BATCH].astype(np.float32), training=True)


@contextmanager
def _without_dropout(model: keras.Model) -> Iterator[None]:
    from keras import layers

    dropouts = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]
    with _kept(dropouts, "rate"):
        for layer in dropouts:
            layer.rate = 0.0
        yield


@contextmanager
def _kept(found: list[keras.layers.Layer], attribute: str) -> Iterator[None]:
    """Set an attribute of each layer back to its old value at the end."""
    values = [getattr(layer, attribute) for layer in found]
    try:
        yield
    finally:
        for layer, value in zip(found, values, strict=True):
            setattr(layer, attribute, value)
