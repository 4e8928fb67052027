"""Evening out channels changes no score and saves int8 where one channel outgrows the rest."""

import keras
import numpy as np
import pytest
from keras import layers

from exporter.formats.conversion import Converter
from exporter.network.equalization import equalize
from exporter.network.model import keras_scores
from tests.exporter.conftest import file_scores, target

PICTURES = np.random.default_rng(0).integers(0, 256, (48, 24, 24, 3)).astype(np.uint8)


def network() -> keras.Model:
    """Return a chain of two convolutions and two dense layers, with labels spread over these pictures."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3), name="image"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu", name="first"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 3, activation="relu", name="second"),
            layers.Flatten(),
            layers.Dense(10, activation="relu", name="dense"),
            layers.Dense(1, name="logits"),
            layers.Activation("sigmoid"),
        ]
    )
    logits = keras.Model(model.inputs, model.get_layer("logits").output).predict_on_batch(PICTURES)
    kernel, bias = model.get_layer("logits").get_weights()
    spread = 1.5 / logits.std()
    model.get_layer("logits").set_weights([kernel * spread, (bias - logits.mean()) * spread])
    return model


def lopsided() -> keras.Model:
    """Return the same function with a channel of each convolution a thousand times as large as the others."""
    model = network()
    for name, following in (("first", "second"), ("second", "dense")):
        layer, after = model.get_layer(name), model.get_layer(following)
        kernel, bias = layer.get_weights()
        outputs = keras.Model(model.inputs, layer.output).predict_on_batch(PICTURES)
        factors = np.ones(len(bias), np.float32)
        factors[outputs.mean(axis=(0, 1, 2)).argmax()] = 1000
        layer.set_weights([kernel * factors, bias * factors])
        kernel, bias = after.get_weights()
        repeated = np.resize(factors, kernel.shape[-2])
        after.set_weights([kernel / repeated[:, None], bias])
    return model


@pytest.mark.parametrize("build", [network, lopsided])
def test_the_function_is_the_same(build):
    """Proves that scores stay within 1e-5, on a network of even channels and on a lopsided one."""
    model = build()
    even = equalize(model, PICTURES)
    assert even is not model
    np.testing.assert_allclose(keras_scores(even, PICTURES), keras_scores(model, PICTURES), atol=1e-5)


def test_the_given_model_is_not_changed():
    """Proves that evening out works on copies of the weights."""
    model = lopsided()
    before = [np.array(weights) for weights in model.get_weights()]
    equalize(model, PICTURES)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_channels_come_out_even():
    """Proves that a channel over a hundred times as large as the median one is below 20 times afterwards."""

    def spread(model, name):
        outputs = keras.Model(model.inputs, model.get_layer(name).output).predict_on_batch(PICTURES)
        largest = outputs.reshape(-1, outputs.shape[-1]).max(axis=0)
        return largest.max() / np.median(largest[largest > 0])

    model = lopsided()
    even = equalize(model, PICTURES)
    for name in ("first", "second"):
        assert spread(model, name) > 100
        assert spread(even, name) < 20


def test_int8_is_far_better_with_it(format_):
    """Proves that int8 scores of a lopsided network are five times nearer or more with it, and random without."""
    model = lopsided()
    expected = keras_scores(model, PICTURES)

    def difference(model):
        scores = file_scores(Converter(model, PICTURES).convert(target(format_, "int8")), PICTURES)
        return np.abs(scores - expected).mean()

    without, with_it = difference(model), difference(equalize(model, PICTURES))
    assert without > 0.3
    assert without > 5 * with_it


def test_a_dead_channel_does_no_harm():
    """Proves that a channel that is always 0, and one that nothing reads, leave factors and scores finite."""
    model = network()
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., 0], bias[0] = 0, -1
    model.get_layer("first").set_weights([kernel, bias])
    kernel, bias = model.get_layer("second").get_weights()
    kernel[:, :, 1] = 0
    model.get_layer("second").set_weights([kernel, bias])
    scores = keras_scores(equalize(model, PICTURES), PICTURES)
    np.testing.assert_allclose(scores, keras_scores(model, PICTURES), atol=1e-5)


@pytest.mark.parametrize("activation", ["linear", "tanh", "relu6", "leaky_relu"])
def test_other_activations_are_left_alone(activation):
    """Proves that only a plain ReLU lets a factor through: weights around any other stay as they are."""
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3), name="image"),
            layers.Conv2D(4, 3, activation=activation),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    assert equalize(model, PICTURES) is model


def test_a_branching_model_is_returned_as_it_is():
    """Proves that nothing is moved in a residual model, which is no chain."""
    image = keras.Input((24, 24, 3))
    branch = layers.Conv2D(3, 3, padding="same", activation="relu")(image)
    scores = layers.Dense(1, activation="sigmoid")(layers.Flatten()(layers.Add()([branch, image])))
    model = keras.Model(image, scores)
    assert equalize(model, PICTURES) is model
