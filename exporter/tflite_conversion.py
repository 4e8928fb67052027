"""Keras to TFLite: float32, and int8 with uint8 pictures in and uint8 scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.preprocessing import Pixels
from exporter.errors import ConversionError
from exporter.keras_model import traced

if TYPE_CHECKING:
    import keras


def convert_float32(model: keras.Model) -> bytes:
    """Return a TFLite file that computes in float32 on `float32 (1, H, W, 3) RGB 0-255`.

    Raises:
        ConversionError: the converter failed.
    """
    return _convert(_converter(model))


def convert_int8(model: keras.Model, calibration: Pixels) -> bytes:
    """Return a TFLite file that computes in int8 throughout, per-channel weights, on `uint8 (1, H, W, 3)`.

    Args:
        model: the Keras model.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`, pictures to take tensor ranges from.

    Raises:
        ConversionError: the converter failed, as it does when a layer has no integer version.
    """
    import tensorflow as tf

    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[None].astype(np.float32)] for picture in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return _convert(converter)


def _converter(model: keras.Model) -> Any:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function, _ = traced(model)
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())


def _convert(converter: Any) -> bytes:
    try:
        content: bytes = converter.convert()
    # The converter's own ConverterError is an Exception; missing integer kernels come as RuntimeError.
    except Exception as error:
        raise ConversionError(f"the TFLite converter failed: {error}") from error
    return content
