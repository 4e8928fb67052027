"""Calibration figures worked out by hand, and a temperature that acts as it says."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import softmax

from edge_runtime.proof.drift import calibration_error
from exporter.network.confidence import (
    Temperature,
    divide_logits,
    fit_temperature,
    last_layer,
    temper,
)
from exporter.network.model import keras_scores

PICTURES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)


def two(second: list[float]) -> np.ndarray:
    return np.array([[1 - value, value] for value in second])


def network(*tail) -> keras.Model:
    """Return a small network that ends in `tail`, with weights that make it very sure of itself."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            *tail,
        ]
    )
    layer = last_layer(model)
    if layer:
        layer.set_weights([5 * weights + 0.1 for weights in layer.get_weights()])
    return model


@pytest.mark.parametrize("known", [0.5, 1.0, 2.5, 12.0])
@pytest.mark.parametrize("labels", [2, 4])
def test_a_known_temperature_is_found_again(known, labels):
    """Labels drawn from softmax(z), scores shown as softmax(known z): the temperature found is `known`."""
    generator = np.random.default_rng(labels)
    logits = generator.normal(0, 2, (20_000, labels))
    truth = temper(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1.0)
    targets = np.array([generator.choice(labels, p=row) for row in truth])
    shown = temper(truth, 1 / known)
    found = fit_temperature(shown, targets)
    assert found.value == pytest.approx(known, rel=0.06)
    assert found.pictures == 20_000
    assert calibration_error(temper(shown, found.value), targets) < 0.015


def test_fitting_survives_certainty():
    """Scores of exactly 0 and 1, some of them wrong, give a finite temperature above 1."""
    found = fit_temperature(two([1.0] * 9 + [0.0]), np.array([1] * 8 + [0, 0]))
    assert 1 < found.value < 20.1
    assert np.isfinite(temper(two([1.0, 0.0]), found.value)).all()


TAILS = {
    "sigmoid in the layer": [layers.Dense(1, activation="sigmoid")],
    "sigmoid of its own": [layers.Dense(1), layers.Activation("sigmoid")],
    "softmax in the layer": [layers.Dense(3, activation="softmax")],
    "softmax of its own": [layers.Dense(3), layers.Softmax()],
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
@pytest.mark.parametrize("value", [0.4, 3.0])
def test_tempered_scores_are_those_of_the_divided_layer(tail, value):
    """Dividing the last layer's weights gives what `temper` says of the scores, and no label changes."""
    model = network(*(type(layer).from_config(layer.get_config()) for layer in tail))
    before = keras_scores(model, PICTURES)
    after = keras_scores(divide_logits(model, value), PICTURES)
    np.testing.assert_allclose(after, temper(before, value), atol=2e-6)
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    np.testing.assert_array_equal(keras_scores(model, PICTURES), before)  # the model itself is as it was


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
def test_a_very_sure_network_is_tempered_exactly(tail):
    """Logits up to +-60, whose scores no float32 and no 1 - x tells from 0 and 1, are divided by 4 like others."""
    model = network(*(type(layer).from_config(layer.get_config()) for layer in tail))
    layer = last_layer(model)
    kernel, bias = layer.get_weights()
    logits = keras.Model(model.inputs, layer.output).predict_on_batch(PICTURES)
    if layer.activation.__name__ != "linear":
        logits = keras.Model(model.inputs, layer.input).predict_on_batch(PICTURES) @ kernel + bias
    centred = logits - logits.mean(axis=0)
    stretch = 60 / np.abs(centred).max()
    layer.set_weights([kernel * stretch, (bias - logits.mean(axis=0)) * stretch])
    before = keras_scores(model, PICTURES)
    assert before.min() < 1e-20
    after = keras_scores(divide_logits(model, 4.0), PICTURES)
    np.testing.assert_allclose(after, temper(before, 4.0), atol=1e-6)
    two_sided = np.hstack([0 * centred, centred]) if layer.units == 1 else centred
    np.testing.assert_allclose(temper(before, 4.0), softmax(two_sided * stretch / 4, axis=1), atol=1e-4)


@pytest.mark.parametrize(
    "tail",
    [
        [layers.Dense(1, activation="tanh")],
        [layers.Dense(2, activation="sigmoid")],
        [layers.Dense(3)],
        [layers.Dense(3, activation="relu"), layers.Softmax()],
        [layers.Dense(3), layers.Softmax(), layers.Rescaling(1.0)],
        [layers.Dense(3), layers.Dropout(0.5), layers.Softmax()],
    ],
)
def test_other_endings_take_no_temperature(tail):
    """Where anything but sigmoid or softmax makes the scores of the logits, no layer is offered to divide."""
    assert last_layer(network(*tail)) is None


def test_an_operation_at_the_end_takes_no_temperature():
    """A model's layers leave out bare operations: a score turned round after its sigmoid is not that sigmoid's."""
    image = keras.Input((8, 8, 3))
    score = layers.Dense(1, activation="sigmoid")(layers.Flatten()(image))
    assert last_layer(keras.Model(image, score)) is not None
    turned = keras.Model(image, 1 - score)
    assert last_layer(turned) is None
    expected = turned.predict_on_batch(PICTURES)[:, 0]
    np.testing.assert_allclose(keras_scores(turned, PICTURES)[:, 1], expected, atol=1e-6)


def test_no_temperature_is_one():
    """An export without a fitted temperature divides by 1 and says why."""
    stored = Temperature(reason="only 8 validation pictures, 30 are needed").to_dict()
    assert stored == {
        "value": 1.0,
        "validation_pictures": 0,
        "reason": "only 8 validation pictures, 30 are needed",
    }
    scores = two([0.2, 0.9])
    np.testing.assert_allclose(temper(scores, 1.0), scores, atol=1e-9)
