"""Keras to a float32 TFLite file, from which the quantised ones are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.errors import ConversionError
from exporter.formats.reason import reason_of
from exporter.formats.tflite.interface import name_interface
from exporter.network.model import traced

if TYPE_CHECKING:
    import keras


def convert_float32(model: keras.Model) -> bytes:
    """Return a TFLite file that computes in float32 on `float32 (1, H, W, 3) RGB 0-255`.

    Raises:
        ConversionError: the converter failed.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = traced(model)
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
    try:
        content = converter.convert()
    # The converter's own ConverterError is an Exception; missing kernels come as RuntimeError.
    except Exception as error:
        raise ConversionError(f"the TFLite converter failed: {reason_of(error)}") from error
    return name_interface(content)
