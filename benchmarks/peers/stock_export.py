"""int8 files of a Keras model by the converters' own defaults, as their guides show it.

Usage: python -m benchmarks.peers.stock_export MODEL.keras OUT PICTURE...
Writes OUT/stock.int8.tflite and OUT/stock.int8.onnx, calibrated on the pictures.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from PIL import Image


class Pictures(CalibrationDataReader):
    """Gives the calibration pictures one by one."""

    def __init__(self, pictures):
        """Start with the first."""
        self.pictures = iter(pictures)

    def get_next(self):
        """Return the next one."""
        picture = next(self.pictures, None)
        return None if picture is None else {"image": picture}


def main(model_path, out, paths):
    """Convert with TFLiteConverter, and with tf2onnx and quantize_static."""
    model = keras.saving.load_model(model_path, compile=False)
    height, width = model.input_shape[1:3]
    pictures = [
        np.asarray(Image.open(path).convert("RGB").resize((width, height)), np.float32)[None] for path in paths
    ]
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture] for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    (out / "stock.int8.tflite").write_bytes(converter.convert())

    signature = [tf.TensorSpec((1, height, width, 3), tf.float32, name="image")]
    function = tf.function(lambda image: model(image), input_signature=signature)
    float32 = out / "stock.float32.onnx"
    tf2onnx.convert.from_function(function, input_signature=signature, opset=17, output_path=str(float32))
    quantize_static(
        float32, out / "stock.int8.onnx", Pictures(pictures), quant_format=QuantFormat.QDQ, per_channel=True
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
