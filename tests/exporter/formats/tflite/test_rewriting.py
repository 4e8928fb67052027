"""Each rule that writes a TFLite operator for integers computes the same, and int8 is integer throughout."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from exporter.formats.conversion import Converter
from exporter.formats.tflite.operators import read_graph
from exporter.formats.tflite.rewriting import write_for_integers
from exporter.formats.tflite.tensors import tensors_of
from tests.exporter.conftest import file_scores, target
from tests.exporter.smooth import smooth_pictures

PICTURES = smooth_pictures(12, 12, 12)
# The kinds that a network is written with, each once or more, and for which there are rules.
KINDS = {"NEG", "SQUARE", "ABS", "MINIMUM", "LEAKY_RELU", "PRELU", "REDUCE_MAX", "TILE"}


def odd_network() -> keras.Model:
    """Return a network that has each of the kinds between two convolutions."""
    keras.utils.set_random_seed(4)
    image = keras.Input((12, 12, 3))
    x = layers.Conv2D(4, 3, padding="same")(layers.Rescaling(1 / 127.5, -1)(image))
    slopes = keras.initializers.RandomUniform(0, 0.5)
    steep = keras.initializers.RandomUniform(-1, 3)
    branches = [
        layers.LeakyReLU(0.3)(x),
        layers.LeakyReLU(1.7)(x),
        layers.PReLU(shared_axes=[1, 2], alpha_initializer=slopes)(layers.Conv2D(4, 1)(x)),
        layers.PReLU(alpha_initializer=steep)(layers.Conv2D(4, 1)(x)),
        ops.negative(x),
        ops.square(x),
        ops.absolute(x),
        ops.minimum(x, layers.Conv2D(4, 1)(x)),
        ops.minimum(x, 0.4),
        ops.multiply(x, ops.max(x, axis=(1, 2), keepdims=True)),
        ops.multiply(x, ops.max(x, axis=-1, keepdims=True)),
        layers.UpSampling2D(2)(layers.MaxPooling2D(2)(x)),
    ]
    x = layers.Conv2D(6, 3)(layers.Concatenate()(branches))
    return keras.Model(image, layers.Dense(2, "softmax")(layers.GlobalMaxPooling2D()(x)))


@pytest.fixture(scope="module")
def odd() -> Converter:
    return Converter(odd_network(), PICTURES)


@pytest.fixture(scope="module")
def written(odd) -> bytes:
    return write_for_integers(odd.float32("tflite"))


def kinds(content: bytes) -> set[str]:
    return {operator.kind for operator in read_graph(content).operators}


def test_no_operator_is_left_for_which_there_is_a_rule(odd, written):
    """Proves that the converter wrote every kind, so that each rule was followed, and none of them is left."""
    assert kinds(odd.float32("tflite")) >= KINDS
    assert not kinds(written) & KINDS


def test_no_tensor_changes(odd, written):
    """Proves that every tensor of the old file is in the new one, equal to the rounding of float32."""
    float32 = odd.float32("tflite")
    names = [operator.name for operator in read_graph(float32).operators]
    for old, new in zip(
        tensors_of(float32, PICTURES[:3], names), tensors_of(written, PICTURES[:3], names), strict=True
    ):
        for name, first, second in zip(names, old, new, strict=True):
            np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-5, err_msg=name)


def test_the_int8_file_is_integer_throughout(odd):
    """Proves that the network passes as int8, and gives nearly the scores of the float32 file."""
    int8, exact = (odd.convert(target("tflite", precision)) for precision in ("int8", "float32"))
    assert int8.graph.left_in_float() == ()
    assert np.abs(file_scores(int8, PICTURES) - file_scores(exact, PICTURES)).max() < 0.05


def test_an_ordinary_network_is_left(files):
    """Proves that a file without such operators is handed on as the very same bytes."""
    content = files["model.float32.tflite"].content
    assert write_for_integers(content) is content


def test_a_loop_stays_in_float():
    """Proves that a network with an LSTM has a mixed file: the loop in float, all around it in integers."""
    keras.utils.set_random_seed(4)
    image = keras.Input((12, 12, 3))
    x = layers.Conv2D(2, 3, strides=3, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.LSTM(3)(layers.Reshape((4, 8))(x))
    converter = Converter(keras.Model(image, layers.Dense(2, "softmax")(x)), PICTURES)
    mixed, exact = (converter.convert(target("tflite", precision)) for precision in ("mixed", "float32"))
    assert [operator.kind for operator in mixed.graph.without_integers()] == ["WHILE"]
    assert "CONV_2D" not in [operator.kind for operator in mixed.graph.left_in_float()]
    assert np.abs(file_scores(mixed, PICTURES) - file_scores(exact, PICTURES)).max() < 0.05
