"""Keras to a float32 TFLite file: the same function, the same names, and one clear error."""

import keras
import numpy as np
import pytest
from keras import layers

from edge_runtime.backends import open_model
from exporter.errors import ConversionError
from exporter.formats.conversion import Converter
from exporter.formats.onnx.conversion import convert_float32 as to_onnx
from exporter.formats.tflite.conversion import convert_float32 as to_tflite
from tests.exporter.conftest import target

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 6, 9, 3)).astype(np.uint8)
BOTH = pytest.mark.parametrize(
    ("convert", "backend"), [(to_tflite, "litert"), (to_onnx, "onnxruntime")], ids=["tflite", "onnx"]
)


def network(units: int, width: int = 5) -> keras.Model:
    """Return a network on 6 x 9 pictures with a dense layer of `width` units."""
    keras.utils.set_random_seed(0)
    activation = "sigmoid" if units == 1 else "softmax"
    body = [layers.Rescaling(1 / 255), layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(width)]
    return keras.Sequential([keras.Input((6, 9, 3)), *body, layers.Dense(units, activation=activation)])


@BOTH
@pytest.mark.parametrize("units", [1, 4])
def test_the_file_is_the_model(convert, backend, units):
    """Proves that pictures that are not square and any number of outputs give the scores of Keras."""
    model = network(units)
    opened = open_model(backend, convert(model), 1)
    assert (opened.input.name, opened.input.shape) == ("image", (1, 6, 9, 3))
    assert (opened.output.name, opened.output.shape) == ("scores", (1, units))
    expected = model.predict_on_batch(PICTURES)
    for picture, scores in zip(PICTURES, expected, strict=True):
        np.testing.assert_allclose(opened.predict(picture), scores, atol=1e-6)


@BOTH
def test_converting_twice_writes_the_same_bytes(convert, backend):
    """Proves that nothing of the process, such as a counter, is in the file."""
    model = network(1)
    assert convert(model) == convert(model)


class Strange(layers.Layer):
    """A layer of an operation that neither format has."""

    def call(self, inputs):
        import tensorflow as tf

        return tf.raw_ops.Betainc(a=inputs, b=inputs, x=inputs)


def test_what_cannot_be_converted_is_one_error(format_):
    """Proves that an operation without a counterpart ends in the exporter's own error, with its name."""
    image = keras.Input((6, 9, 3))
    model = keras.Model(image, layers.Dense(1)(layers.Flatten()(Strange()(image))))
    with pytest.raises(ConversionError, match="Betainc"):
        Converter(model, PICTURES).convert(target(format_, "float32"))
