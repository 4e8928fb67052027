"""Whatever people save is one kind of network after loading, and gives the scores that it gave."""

import keras
import numpy as np
import pytest
from keras import layers

from exporter.errors import SourceError
from exporter.network.graph_copy import in_float64, rescaled, safe_name
from exporter.network.plain_model import plain_model
from exporter.network.precision import in_precision, is_in_float32
from tests.exporter.idioms import IDIOMS, SIDE, map_of_scores, stripes

PICTURES = stripes(16, seed=1)[0].astype(np.float32)
# How far the scores of float32 may be from those in which the idiom computes
TOLERANCES = {"mixed_float16": 5e-3, "mixed_bfloat16": 5e-2, "quantised by Keras": 5e-2}


def scores(model) -> np.ndarray:
    """Return the last output of each of the pictures, `float64 (16,)`, whatever its structure."""
    graph = getattr(model, "_functional", model)
    outputs = graph(keras.tree.map_structure(lambda _: PICTURES, graph.input), training=False)
    return np.asarray(keras.tree.flatten(outputs)[0], np.float64).reshape(16, -1)[:, -1]


@pytest.mark.parametrize("name", IDIOMS)
def test_an_idiom_is_one_plain_network(idioms, name):
    """Proves of each idiom that it is float32, flat, of one row of scores, and gives the scores that it gave."""
    saved, plain = idioms(name)
    np.testing.assert_allclose(scores(plain), scores(saved), atol=TOLERANCES.get(name, 1e-5))
    assert is_in_float32(plain)
    assert plain.input_shape == (None, SIDE, SIDE, 3)
    assert len(plain.output_shape) == 2
    assert not any(isinstance(layer, keras.Model) for layer in plain.layers)
    assert all(safe_name(name) == name for name in (plain.name, *(layer.name for layer in plain.layers[1:])))


def test_a_plain_model_is_used_as_it_is(idioms):
    """Proves that nothing is copied where nothing is odd, so that the files stay the same bytes."""
    saved, plain = idioms("residual")
    assert plain is saved


def model_of(*inner, image=None) -> keras.Model:
    image = keras.Input((SIDE, SIDE, 3)) if image is None else image
    tensor = image
    for layer in inner:
        tensor = layer(tensor)
    return keras.Model(image, layers.Dense(2, "softmax")(layers.GlobalAveragePooling2D()(tensor)))


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (lambda x: x / 127.5 - 1.0, (1 / 127.5, -1)),
        (lambda x: (x - np.array([90.0, 100.0, 110.0])) * 0.02, ([0.02] * 3, [-1.8, -2.0, -2.2])),
        (lambda x: 1.0 - x / 255.0, (-1 / 255, 1)),
        (lambda x: 0.5 + x, (1, 0.5)),
    ],
)
def test_arithmetic_of_the_picture_is_a_rescaling(tmp_path, first, expected):
    """Proves that operators with constants before the first layer become one layer that can be folded."""
    model = model_of(first, layers.Conv2D(4, 3))
    plain = plain_model(model, tmp_path)
    assert [type(layer).__name__ for layer in plain.layers[1:3]] == ["Rescaling", "Conv2D"]
    np.testing.assert_allclose(plain.layers[1].scale, expected[0], rtol=1e-6)
    np.testing.assert_allclose(plain.layers[1].offset, expected[1], rtol=1e-6)
    np.testing.assert_allclose(scores(plain), scores(model), atol=1e-6)


@pytest.mark.parametrize(
    "first",
    [lambda x: 255.0 / (x + 1.0), lambda x: x * layers.Conv2D(3, 1)(x), lambda x: x + np.ones((SIDE, 1, 3))],
)
def test_other_arithmetic_stays(tmp_path, first):
    """Proves that a division by the picture, two tensors, and a constant for each row are no rescaling."""
    model = model_of(first, layers.Conv2D(4, 3))
    np.testing.assert_allclose(scores(plain_model(model, tmp_path)), scores(model), atol=1e-6)


def test_layers_of_training_alone_are_left_out(tmp_path):
    """Proves that augmentation and noise go, wherever they stand, and what changes pictures for good stays."""
    idle = (layers.RandomFlip(), layers.RandomContrast(0.2), layers.GaussianNoise(0.5))
    model = model_of(*idle, layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.GaussianDropout(0.1))
    kinds = [type(layer).__name__ for layer in plain_model(model, tmp_path).layers]
    assert kinds == ["InputLayer", "Rescaling", "Conv2D", "GlobalAveragePooling2D", "Dense"]
    cropped = plain_model(model_of(layers.RandomCrop(SIDE - 4, SIDE - 4), layers.Rescaling(1 / 255)), tmp_path)
    assert "RandomCrop" in [type(layer).__name__ for layer in cropped.layers]


def test_a_range_goes_in_front(idioms):
    """Proves that a model that takes -1 to 1 takes pixels afterwards, with a name that no layer of its own has."""
    _, plain = idioms("names that collide")
    low, high = -1.0, 1.0
    taken = rescaled(plain, (high - low) / 255, low)
    names = [layer.name for layer in taken.layers]
    assert len(set(names)) == len(names)
    expected = np.asarray(plain(PICTURES * (high - low) / 255 + low))
    np.testing.assert_allclose(np.asarray(taken(PICTURES)), expected, atol=1e-6)
    same = [type(layer).__name__ for layer in rescaled(plain, 1, 0).layers]
    assert same == [type(layer).__name__ for layer in plain.layers]


def test_a_copy_in_float64_has_the_same_weights(idioms):
    """Proves that the copy of a proof computes in float64 throughout, also with shared layers."""
    for name in ("shared layer", "ConvNeXt block", "PReLU"):
        _, plain = idioms(name)
        exact = in_float64(plain)
        outputs = exact(PICTURES.astype(np.float64), training=False)
        assert outputs.dtype == "float64"
        np.testing.assert_allclose(np.asarray(outputs)[:, -1], scores(plain), atol=1e-5)
        assert len(exact.weights) == len(plain.weights)


def test_a_layer_that_cannot_be_made_again_is_used_itself(tmp_path):
    """Proves that a layer of the user's own without settings does not end the export, in a copy too."""

    class Halved(layers.Layer):
        def __init__(self, *, secret):
            super().__init__()

        def call(self, inputs):
            return inputs / 2

    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), model_of(Halved(secret=object()), layers.Conv2D(4, 3))])
    plain = plain_model(model, tmp_path)
    assert "Halved" in [type(layer).__name__ for layer in plain.layers]
    np.testing.assert_allclose(scores(plain), scores(model), atol=1e-6)


def refused(model, tmp_path) -> str:
    with pytest.raises(SourceError) as caught:
        plain_model(model, tmp_path / "odd.keras")
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'odd.keras'}: expected ")
    assert "\n" not in text
    return text


def test_what_is_no_classifier_is_one_line(tmp_path):
    """Proves that maps, several inputs or outputs, and a call of one's own are named with what to do."""
    image, number = keras.Input((SIDE, SIDE, 3)), keras.Input((4,))
    row = layers.GlobalAveragePooling2D()(image)
    two = layers.Dense(2, "softmax")

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.body = model_of()

        def call(self, inputs):
            return self.body(inputs)

    own = Own()
    own(PICTURES)
    assert "a map of (8, 8, 2)" in refused(map_of_scores(), tmp_path)
    assert "one output, received 2: (None, 2), (None, 3)" in refused(keras.Model(image, [two(row), row]), tmp_path)
    joined = keras.Model([image, number], layers.Dense(2)(layers.Concatenate()([row, number])))
    assert "one input, received 2: (None, 32, 32, 3), (None, 4)" in refused(joined, tmp_path)
    assert "received Own with a call() of its own" in refused(own, tmp_path)
    assert "a Sequential that was never called" in refused(keras.Sequential([layers.Dense(2)]), tmp_path)


def test_quantised_weights_that_cannot_be_read_are_one_line(tmp_path):
    """Proves that four-bit weights of Keras are refused by the layer's name, with the remedy."""
    model = model_of(layers.Conv2D(4, 3))
    model.layers[-1].quantize("int4")
    text = refused(model, tmp_path)
    assert f"the layer {model.layers[-1].name} (int4)" in text
    assert "before model.quantize" in text


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("conv2d_3", "conv2d_3"),
        ("block-1.expand", "block-1.expand"),
        ("image", "layer_image"),
        ("weights_0", "layer_weights_0"),
        ("normalisierung ü", "layer_normalisierung_u"),
        ("_hidden", "layer__hidden"),
        ("批量", "layer"),
        ("a:b", "layer_a_b"),
    ],
)
def test_names_are_made_safe(name, safe):
    """Proves that a name is only changed where a converter does not take it, or has it for something else."""
    assert safe_name(name) == safe


def test_settings_change_their_floats_alone():
    """Proves that every float of a layer's settings has the new precision, at any depth, and no integer has."""
    policy = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    settings = {
        "dtype": "bfloat16",
        "layer": {"config": {"dtype": policy, "units": 3}},
        "mask": {"dtype": "int32"},
        "list": [policy, "float16"],
        "table": {"class_name": "DTypePolicy", "config": {"name": "int32"}},
    }
    exact = {"class_name": "DTypePolicy", "config": {"name": "float64"}}
    assert in_precision(settings, "float64") == {
        "dtype": "float64",
        "layer": {"config": {"dtype": exact, "units": 3}},
        "mask": {"dtype": "int32"},
        "list": [exact, "float16"],
        "table": settings["table"],
    }
