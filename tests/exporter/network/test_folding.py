"""Folding changes the layers and not the function."""

import keras
import numpy as np
import pytest
from keras import layers

from exporter.network.folding import fold
from trainer.network.architectures import compact_network

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (64, 32, 32, 3)).astype(np.float32)


def unsettled(model: keras.Model) -> keras.Model:
    """Give every normalisation statistics and scales far from those it starts with, as after training."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            channels = layer.moving_mean.shape[0]
            layer.set_weights(
                [
                    *([RNG.uniform(0.3, 3, channels)] if layer.scale else []),
                    *([RNG.normal(0, 2, channels)] if layer.center else []),
                    RNG.normal(0, 1, channels),
                    RNG.uniform(0.001, 4, channels),
                ]
            )
    return model


def chain(*parts) -> keras.Model:
    return unsettled(keras.Sequential([keras.Input((32, 32, 3), name="image"), *parts]))


def kinds(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers if type(layer).__name__ != "InputLayer"]


def largest_difference(model: keras.Model, folded: keras.Model) -> float:
    return float(np.abs(model.predict_on_batch(PICTURES) - folded.predict_on_batch(PICTURES)).max())


def report_like() -> keras.Model:
    return chain(
        layers.Rescaling(1 / 255),
        layers.Conv2D(8, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Conv2D(12, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(16, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Dense(1, activation="sigmoid"),
    )


def test_the_report_networks_pattern_folds_away_entirely():
    """Rescaling, every normalisation after ReLU and every dropout go, and scores stay within 1e-5."""
    model = report_like()
    folding = fold(model)
    assert kinds(folding.model) == ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense"]
    assert folding.left == ()
    assert largest_difference(model, folding.model) < 1e-5


def test_the_given_model_is_not_changed():
    """Folding works on copies: the model passed in scores as before."""
    model = report_like()
    before = model.predict_on_batch(PICTURES)
    fold(model)
    np.testing.assert_array_equal(model.predict_on_batch(PICTURES), before)


def test_the_ordinary_order_folds_too():
    """Conv -> BN -> ReLU folds back whole, also with negative scales, padding, and no bias."""
    model = chain(
        layers.Conv2D(8, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    )
    norm = model.layers[1]
    gamma, *rest = norm.get_weights()
    norm.set_weights([-gamma, *rest])
    folding = fold(model)
    assert kinds(folding.model) == ["Conv2D", "ReLU", "GlobalAveragePooling2D", "Dense"]
    assert largest_difference(model, folding.model) < 1e-5


def test_a_scale_that_is_not_positive_stays():
    """One negative scale after ReLU and max pooling cannot be folded exactly, so the layer stays."""
    model = report_like()
    norm = next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    gamma, *rest = norm.get_weights()
    gamma[3] = -0.1
    norm.set_weights([gamma, *rest])
    folding = fold(model)
    assert (norm.name, "a scale is not positive") in folding.left
    assert kinds(folding.model).count("BatchNormalization") == 1
    assert largest_difference(model, folding.model) < 1e-5


def test_zero_padding_keeps_the_shift():
    """A shift does not pass into a padded convolution, whose zeros it would have to change."""
    model = chain(
        layers.Conv2D(8, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(1, activation="sigmoid"),
    )
    folding = fold(model)
    assert folding.left == ((model.layers[1].name, "the next convolution pads with zeros"),)
    assert largest_difference(model, folding.model) < 1e-5


def test_rescaling_without_offset_passes_padding():
    """Zero times a scale is zero, so a pure rescaling folds into a padded convolution; one with offset stays."""
    rest = (layers.Conv2D(4, 3, padding="same"), layers.Flatten(), layers.Dense(1, activation="sigmoid"))
    plain = chain(layers.Rescaling(1 / 255), *rest)
    assert "Rescaling" not in kinds(fold(plain).model)
    offset = chain(layers.Rescaling(1 / 127.5, -1), layers.Conv2D(4, 3, padding="same"), layers.Flatten())
    assert "Rescaling" in kinds(fold(offset).model)


@pytest.mark.parametrize("between", [layers.GlobalAveragePooling2D(), layers.Activation("tanh")])
def test_layers_not_known_to_pass_a_shift_stop_it(between):
    """Behind a layer that is not on the list the normalisation stays and the scores hold."""
    model = chain(
        layers.Conv2D(8, 3, activation="relu"),
        layers.BatchNormalization(),
        between,
        layers.Flatten(),
        layers.Dense(1, activation="sigmoid"),
    )
    folding = fold(model)
    assert "BatchNormalization" in kinds(folding.model)
    assert largest_difference(model, folding.model) < 1e-5


def test_other_activations_stay():
    """A clipped ReLU is not positively homogeneous, so nothing goes back through it."""
    model = chain(
        layers.Conv2D(8, 3),
        layers.ReLU(max_value=6),
        layers.BatchNormalization(),
        layers.Conv2D(8, 3),
        layers.Flatten(),
        layers.Dense(1),
    )
    folding = fold(model)
    assert "BatchNormalization" in kinds(folding.model)
    assert largest_difference(model, folding.model) < 1e-3  # linear output, in the hundreds


def test_a_residual_network_folds_too():
    """The compact network keeps no rescaling and no normalisation, and its branches meet as they did."""
    keras.utils.set_random_seed(0)
    whole = unsettled(compact_network(32, 3))
    model = keras.Model(
        whole.input, whole.get_layer("logits").output
    )  # far from 0, where a softmax hides everything
    folding = fold(model)
    assert not {"Rescaling", "BatchNormalization"} & set(kinds(folding.model))
    assert kinds(folding.model).count("Add") == 4
    assert folding.left == ()
    assert folding.model.input.name == "image"
    assert largest_difference(model, folding.model) < 1e-5 * np.abs(model.predict_on_batch(PICTURES)).max()


def test_what_two_layers_read_stays():
    """A rescaling or a normalisation whose result goes two ways cannot be put into one of them."""
    image = keras.Input((32, 32, 3))
    rescaled = layers.Rescaling(1 / 255)(image)
    convolved = layers.Conv2D(3, 3, padding="same", activation="relu")(rescaled)
    normal = layers.BatchNormalization()(convolved)
    both = layers.Add()([layers.Conv2D(3, 1)(normal), layers.Conv2D(3, 1)(normal)])
    outputs = layers.Dense(1, activation="sigmoid")(layers.Flatten()(layers.Add()([both, rescaled])))
    model = unsettled(keras.Model(image, outputs))
    folding = fold(model)
    assert [kind for kind in kinds(folding.model) if kind in ("Rescaling", "BatchNormalization")] == [
        "Rescaling",
        "BatchNormalization",
    ]
    assert len(folding.left) == 2
    assert largest_difference(model, folding.model) < 1e-5


@pytest.mark.parametrize("pools", [True, False])
def test_a_falling_rescaling_stays_before_a_maximum(pools):
    """The largest of negated values is not the negated largest; without pooling the rescaling folds."""
    model = chain(
        layers.Rescaling(-1 / 255, 1),
        *([layers.MaxPooling2D()] if pools else []),
        layers.Conv2D(4, 3),
        layers.Flatten(),
        layers.Dense(1, activation="sigmoid"),
    )
    folding = fold(model)
    assert folding.left == (((model.layers[0].name, "a scale is not positive"),) if pools else ())
    assert largest_difference(model, folding.model) < 1e-5


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize(("padding", "left"), [("valid", []), ("same", ["Rescaling"])])
def test_normalised_pictures_fold_or_are_rescaled(padding, left, invert):
    """Proves that a Normalization goes into an unpadded convolution, and is a rescaling before a padded one."""
    model = chain(
        layers.Normalization(mean=[0.3, 0.5, 0.4], variance=[0.04, 0.0, 0.09], invert=invert),
        layers.Conv2D(4, 3, padding=padding),
        layers.Flatten(),
        layers.Dense(1, activation="sigmoid"),
    )
    folding = fold(model)
    assert kinds(folding.model) == [*left, "Conv2D", "Flatten", "Dense"]
    assert largest_difference(model, folding.model) < 1e-5


def test_what_adapted_to_pictures_is_rescaled_alike():
    """Proves that the numbers of a Normalization that saw pictures are taken over, its weights with them."""
    normal = layers.Normalization()
    normal.adapt(PICTURES)
    model = chain(normal, layers.Conv2D(4, 3, padding="same"), layers.Flatten(), layers.Dense(1, "sigmoid"))
    folding = fold(model)
    assert kinds(folding.model)[0] == "Rescaling"
    assert largest_difference(model, folding.model) < 1e-5


def test_normalised_rows_stay():
    """Proves that a Normalization along another axis than the channels stays what it is, with a reason."""
    normal = layers.Normalization(axis=1)
    normal.adapt(PICTURES)
    model = chain(normal, layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(1, "sigmoid"))
    folding = fold(model)
    assert folding.left == ((normal.name, "it normalises along another axis than the channels"),)
    assert largest_difference(model, folding.model) < 1e-5


@pytest.mark.parametrize("odd", ["used twice", "no layer"])
def test_other_graphs_are_left_alone(odd):
    """A model that calls a layer twice, or computes outside of layers, comes back unchanged, with the reason."""
    image = keras.Input((32, 32, 3))
    layer = layers.Conv2D(3, 3, padding="same")
    model = keras.Model(image, layer(layer(image)) if odd == "used twice" else layer(image) + image)
    folding = fold(model)
    assert folding.model is model
    [(name, reason)] = folding.left
    assert name == model.name
    assert odd in reason
