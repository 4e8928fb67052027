"""The Keras model of a run: load it, take its scores as the baseline, trace it for the converters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.preprocessing import Pixels
from exporter.errors import SourceError
from exporter.source import Source

if TYPE_CHECKING:
    import keras

INPUT_NAME = "image"
OUTPUT_NAME = "scores"
_BATCH = 64


def load_keras_model(source: Source) -> keras.Model:
    """Load the model and check that it takes what the run says and scores as many labels.

    Raises:
        SourceError: the file cannot be loaded or does not match the run.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    try:
        model = keras.saving.load_model(source.model_path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(f"{source.model_path}: Keras cannot load it ({error}). Train again.") from error
    wanted = (None, source.preprocessing.height, source.preprocessing.width, 3)
    outputs = 1 if len(source.labels) == 2 else len(source.labels)
    if model.input_shape != wanted or model.output_shape[-1] != outputs:
        raise SourceError(
            f"{source.model_path}: expected input {wanted} and {outputs} outputs for labels "
            f"{', '.join(source.labels)}, received {model.input_shape} and {model.output_shape[-1]}. Train again."
        )
    return model


def keras_scores(model: keras.Model, pixels: Pixels) -> NDArray[np.float64]:
    """Return the baseline: scores of `uint8 (N, H, W, 3)` as `float64 (N, labels)`, rows summing to 1."""
    parts = [
        np.asarray(model.predict_on_batch(pixels[start : start + _BATCH]), np.float64)
        for start in range(0, len(pixels), _BATCH)
    ]
    outputs = np.concatenate(parts)
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs


def traced(model: keras.Model) -> tuple[Any, Any]:
    """Return the model as a `tf.function` of one picture, and its input signature.

    The input is `float32 (1, H, W, 3) RGB 0-255` named `image`. A fixed batch of one keeps shape arithmetic
    out of the converted graphs.
    """
    import tensorflow as tf

    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name=INPUT_NAME)
    return tf.function(lambda image: model(image, training=False), input_signature=[signature]), signature
