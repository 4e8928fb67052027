"""Calibration figures worked out by hand, and a temperature that acts as it says."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers
from scipy.optimize import minimize
from scipy.special import softmax

from edge_runtime.proof.drift import calibration_error
from exporter.network.confidence import (
    KEPT,
    Temperature,
    choose_threshold,
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
    """Proves that labels drawn from softmax(z), with scores shown as softmax(known z), give `known` back."""
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
    """Proves that scores of exactly 0 and 1, some of them wrong, give a finite temperature above 1."""
    found = fit_temperature(two([1.0] * 9 + [0.0]), np.array([1] * 8 + [0, 0]))
    assert 1 < found.value < 20.1
    assert np.isfinite(temper(two([1.0, 0.0]), found.value)).all()


TAILS = {
    "sigmoid in the layer": lambda: [layers.Dense(1, activation="sigmoid")],
    "sigmoid of its own": lambda: [layers.Dense(1), layers.Activation("sigmoid")],
    "softmax in the layer": lambda: [layers.Dense(3, activation="softmax")],
    "softmax of its own": lambda: [layers.Dense(3), layers.Softmax()],
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
@pytest.mark.parametrize("value", [0.4, 3.0])
def test_tempered_scores_are_those_of_the_divided_layer(tail, value):
    """Proves that dividing the last layer's weights gives what `temper` says, and that no label changes."""
    keras.utils.set_random_seed(0)  # of the new layers: each draws its seed when it is made
    model = network(*tail())
    before = keras_scores(model, PICTURES)
    after = keras_scores(divide_logits(model, value), PICTURES)
    np.testing.assert_allclose(after, temper(before, value), atol=2e-6)
    assert np.abs(np.log(after) - np.log(before)).max() > 1  # also where both are near 0 and 1
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    np.testing.assert_array_equal(keras_scores(model, PICTURES), before)  # the model itself is as it was


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
def test_a_very_sure_network_is_tempered_exactly(tail):
    """Proves that logits up to +-60, which no float32 score tells apart, are divided by 4 like others."""
    keras.utils.set_random_seed(0)  # of the new layers: each draws its seed when it is made
    model = network(*tail())
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
    """Proves that no layer is offered to divide where anything but sigmoid or softmax makes the scores."""
    assert last_layer(network(*tail)) is None


def test_an_operation_at_the_end_takes_no_temperature():
    """Proves that a score turned round after its sigmoid, by no layer, is not taken for that sigmoid's."""
    image = keras.Input((8, 8, 3))
    score = layers.Dense(1, activation="sigmoid")(layers.Flatten()(image))
    assert last_layer(keras.Model(image, score)) is not None
    turned = keras.Model(image, 1 - score)
    assert last_layer(turned) is None
    expected = turned.predict_on_batch(PICTURES)[:, 0]
    np.testing.assert_allclose(keras_scores(turned, PICTURES)[:, 1], expected, atol=1e-6)


def test_no_temperature_is_one():
    """Proves that an export without a fitted temperature divides by 1 and says why."""
    stored = Temperature(reason="only 8 validation pictures, 30 are needed").to_dict()
    assert stored == {
        "value": 1.0,
        "validation_pictures": 0,
        "reason": "only 8 validation pictures, 30 are needed",
    }
    scores = two([0.2, 0.9])
    np.testing.assert_allclose(temper(scores, 1.0), scores, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_temperature_is_the_one_that_scipy_finds(seed):
    """Proves that the cross-entropy of logits drawn at random is lowest at this temperature, by another search."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 4, (300, 3))
    targets = generator.integers(0, 3, 300)
    targets[:200] = logits[:200].argmax(axis=1)

    def loss(temperature: np.ndarray) -> float:
        return -np.log(softmax(logits / temperature[0], axis=1)[np.arange(300), targets]).mean()

    expected = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x[0]
    assert fit_temperature(softmax(logits, axis=1), targets).value == pytest.approx(expected, rel=1e-3)


@given(
    st.lists(st.lists(st.floats(-30, 30), min_size=3, max_size=3), min_size=1, max_size=5),
    st.floats(0.05, 20),
)
def test_tempering_divides_the_logits(logits, temperature):
    """Proves that any scores are those of their logits divided, sum to 1, and come back by the inverse."""
    scores = softmax(np.array(logits), axis=1)
    found = temper(scores, temperature)
    np.testing.assert_allclose(found, softmax(np.array(logits) / temperature, axis=1), atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    if temperature >= 1:  # below, scores become 0, and 0 has no way back
        np.testing.assert_allclose(temper(found, 1 / temperature), scores, atol=1e-9)


def test_the_threshold_keeps_99_of_100_right_answers():
    """Proves that of a hundred right answers one falls below it, and that wrong answers do not move it."""
    confidence = np.linspace(0.5, 0.995, 100)
    scores = np.stack([confidence, 1 - confidence], axis=1)
    targets = np.zeros(100, int)
    threshold = choose_threshold(scores, targets)
    assert threshold == 0.505
    assert (confidence >= threshold).sum() == 99
    with_wrong = np.vstack([scores, np.tile([0.501, 0.499], (50, 1))])
    assert choose_threshold(with_wrong, np.append(targets, np.ones(50, int))) == threshold


@pytest.mark.parametrize(
    ("sure", "expected"),
    [
        ([0.7], 0.7),
        ([0.61, 0.9], 0.61),
        ([0.6] * 5 + [0.9] * 95, 0.6),
        ([0.6] + [0.8] * 99, 0.8),
        ([0.6, 0.7] + [0.8] * 98, 0.7),
        ([0.6] + [0.8] * 49, 0.6),
        ([0.9876543] * 10, 0.987),
    ],
)
def test_the_threshold_of_few_or_equal_answers(sure, expected):
    """Proves that the threshold lies at an answer and not between two, and at ties keeps all of them."""
    assert choose_threshold(np.array([[1 - value, value] for value in sure]), np.ones(len(sure), int)) == expected


@given(st.lists(st.integers(501, 1000), min_size=1, max_size=300))
def test_no_threshold_loses_more_than_a_hundredth(thousandths):
    """Proves that at least 99 % of the right answers reach the threshold, however many there are."""
    confidence = np.array(thousandths) / 1000
    scores = np.stack([confidence, 1 - confidence], axis=1)
    threshold = choose_threshold(scores, np.zeros(len(scores), int))
    assert (confidence >= threshold).mean() >= KEPT
    assert np.sort(confidence)[int(0.01 * len(confidence))] - threshold < 0.0011


def test_no_right_answer_sets_no_threshold():
    """Proves that a network that is never right gets no threshold instead of a crash."""
    assert choose_threshold(np.array([[0.9, 0.1]]), np.array([1])) == 0.0


@pytest.mark.parametrize("activation", [layers.LeakyReLU(), layers.Softmax()])
def test_a_layer_as_last_activation(activation):
    """Proves that a layer as activation counts as what it is: a Softmax makes scores, a LeakyReLU does not."""
    last = last_layer(network(layers.Dense(3, activation=activation)))
    assert (last is not None) == isinstance(activation, layers.Softmax)
    assert last_layer(network(layers.Dense(3, activation=activation), layers.Softmax())) is None


def test_a_softmax_given_as_a_layer_is_tempered():
    """Proves that the scores of such a layer are divided as those of an activation by its name."""
    keras.utils.set_random_seed(0)
    model = network(layers.Dense(3, activation=layers.Softmax()))
    before = keras_scores(model, PICTURES)
    np.testing.assert_allclose(keras_scores(divide_logits(model, 3.0), PICTURES), temper(before, 3.0), atol=2e-6)
