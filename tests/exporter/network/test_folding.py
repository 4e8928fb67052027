"""Folding changes the layers and not the function."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from exporter.network.equalization import equalize
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
    """Proves that rescaling, every normalisation after ReLU and every dropout go, and scores stay to 1e-5."""
    model = report_like()
    folding = fold(model)
    assert kinds(folding.model) == ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense"]
    assert folding.left == ()
    assert largest_difference(model, folding.model) < 1e-5


def test_the_given_model_is_not_changed():
    """Proves that folding works on copies: the model passed in scores as before."""
    model = report_like()
    before = model.predict_on_batch(PICTURES)
    fold(model)
    np.testing.assert_array_equal(model.predict_on_batch(PICTURES), before)


def test_the_ordinary_order_folds_too():
    """Proves that convolution, normalisation, ReLU folds back, with negative scales, padding and no bias too."""
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
    """Proves that a layer with one negative scale after ReLU and pooling stays, as it cannot fold exactly."""
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
    """Proves that a shift does not pass into a padded convolution, whose zeros it would have to change."""
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
    """Proves that a pure rescaling folds into a padded convolution, and one with an offset stays."""
    rest = (layers.Conv2D(4, 3, padding="same"), layers.Flatten(), layers.Dense(1, activation="sigmoid"))
    plain = chain(layers.Rescaling(1 / 255), *rest)
    assert "Rescaling" not in kinds(fold(plain).model)
    offset = chain(layers.Rescaling(1 / 127.5, -1), layers.Conv2D(4, 3, padding="same"), layers.Flatten())
    assert "Rescaling" in kinds(fold(offset).model)


@pytest.mark.parametrize("between", [layers.GlobalAveragePooling2D(), layers.Activation("tanh")])
def test_layers_not_known_to_pass_a_shift_stop_it(between):
    """Proves that behind a layer that is not on the list the normalisation stays and the scores hold."""
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
    """Proves that nothing goes back through a clipped ReLU, which is not positively homogeneous."""
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
    """Proves that the compact network keeps no rescaling and no normalisation, and its branches still meet."""
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
    """Proves that a rescaling or normalisation whose result goes two ways is not put into one of them."""
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
    """Proves that a negated rescaling does not pass a maximum, and folds where there is none."""
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
    """Proves that a layer called twice, or an operation that is no layer, leaves the model alone, with a reason."""
    image = keras.Input((32, 32, 3))
    layer = layers.Conv2D(3, 3, padding="same")
    model = keras.Model(image, layer(layer(image)) if odd == "used twice" else layer(image) + image)
    folding = fold(model)
    assert folding.model is model
    [(name, reason)] = folding.left
    assert name == model.name
    assert odd in reason


def tail() -> tuple:
    """Return layers that make one score of a tensor."""
    return layers.Conv2D(5, 3), layers.Flatten(), layers.Dense(1, activation="sigmoid")


# Each kind of layer that folding moves, and the kinds that are left of the network
MOVED = {
    "dropout": ([layers.Dropout(0.5)], []),
    "spatial dropout": ([layers.SpatialDropout2D(0.5)], []),
    "rescaling": ([layers.Rescaling(1 / 127.5, -1)], []),
    "rescaling by channel": ([layers.Rescaling([1 / 255, 1 / 128, 1 / 64], [0.0, -1.0, 0.5])], []),
    "normalization": ([layers.Normalization(mean=[90.0, 100, 110], variance=[900.0, 1600, 2500])], []),
    "dense before": ([layers.Dense(4, activation="relu"), layers.BatchNormalization()], ["Dense"]),
    "dilated before": ([layers.Conv2D(4, 3, dilation_rate=2), layers.BatchNormalization()], ["Conv2D"]),
    "no bias before": (
        [layers.Conv2D(4, 3, use_bias=False, activation="relu"), layers.BatchNormalization()],
        ["Conv2D"],
    ),
    "no scale": (
        [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(scale=False)],
        ["Conv2D"],
    ),
    "no centre": ([layers.Conv2D(4, 3), layers.BatchNormalization(center=False)], ["Conv2D"]),
    "relu of its own": ([layers.Conv2D(4, 3), layers.Activation("relu"), layers.BatchNormalization()], None),
    "relu twice": ([layers.Conv2D(4, 3, activation="relu"), layers.ReLU(), layers.BatchNormalization()], None),
    "padded pooling": (
        [
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(3, 2, padding="same"),
        ],
        ["Conv2D", "MaxPooling2D"],
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_each_mover_is_exact(name):
    """Proves of every kind of layer that is moved that it is gone, and that the function is the same to 1e-5."""
    body, left = MOVED[name]
    model = chain(*(type(layer).from_config(layer.get_config()) for layer in body), *tail())
    folding = fold(model)
    assert folding.left == ()
    kinds_left = kinds(folding.model)
    assert not {"BatchNormalization", "Rescaling", "Normalization", "Dropout"} & set(kinds_left)
    assert left is None or kinds_left == [*left, "Conv2D", "Flatten", "Dense"]
    assert largest_difference(model, folding.model) < 1e-5


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (layers.Activation("tanh"), "comes after relu and tanh"),
        (layers.ReLU(0.5), "comes after relu and a clipped or leaky ReLU"),
    ],
)
def test_a_second_activation_counts(second, reason):
    """Proves that a ReLU within a convolution does not hide an activation between it and the normalisation."""
    second = type(second).from_config(second.get_config())
    norm = layers.BatchNormalization()
    model = chain(layers.Rescaling(1 / 255), layers.Conv2D(4, 3, activation="relu"), second, norm, *tail())
    folding = fold(model)
    assert folding.left == ((norm.name, reason),)
    assert largest_difference(model, folding.model) < 1e-5


@pytest.mark.parametrize("filters", [4, 30])
def test_normalised_rows_of_a_convolution_stay(filters):
    """Proves that statistics of rows are not taken for those of channels, if there are as many of both too."""
    norm = layers.BatchNormalization(axis=1)
    model = chain(layers.Rescaling(1 / 255), layers.Conv2D(filters, 3), norm, *tail())
    folding = fold(model)
    assert folding.left == ((norm.name, "it normalises along another axis than the channels"),)
    assert largest_difference(model, folding.model) < 1e-5


def test_a_layer_as_activation_has_a_name():
    """Proves that a network whose activation is itself a layer is folded around it, and evened out, no more."""
    norm = layers.BatchNormalization()
    activated = layers.Conv2D(4, 3, activation=layers.LeakyReLU(negative_slope=0.2))
    model = chain(layers.Rescaling(1 / 255), activated, norm, *tail())
    folding = fold(model)
    assert folding.left == ((norm.name, "comes after LeakyReLU"),)
    assert largest_difference(model, folding.model) < 1e-5
    even = equalize(folding.model, PICTURES[:8].astype(np.uint8))
    assert largest_difference(folding.model, even) < 1e-6


def test_a_grouped_convolution_is_not_moved_into():
    """Proves that a convolution whose filters read some channels only stays as it is, with its neighbours."""
    model = chain(layers.Conv2D(6, 3, groups=3, activation="relu"), layers.BatchNormalization(), *tail())
    folding = fold(model)
    assert folding.left == ((model.layers[1].name, "no convolution or dense layer before it alone"),)
    assert largest_difference(model, folding.model) < 1e-5


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.floats(0.01, 3), min_size=3, max_size=3),
    st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    st.sampled_from([1, 2]),
)
def test_any_rescaling_folds_exactly(scale, offset, strides):
    """Proves that scale and offset of any size go into a convolution of any stride without a trace."""
    convolution = layers.Conv2D(4, 3, strides=strides, activation="tanh")
    model = chain(layers.Rescaling(1 / 255), layers.Conv2D(3, 1), layers.Rescaling(scale, offset), convolution)
    model = keras.Model(model.inputs, layers.GlobalAveragePooling2D()(model.outputs[0]))
    folding = fold(model)
    assert kinds(folding.model) == ["Conv2D", "Conv2D", "GlobalAveragePooling2D"]
    assert largest_difference(model, folding.model) < 1e-5
