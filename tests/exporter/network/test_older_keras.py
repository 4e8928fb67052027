"""Models of Keras 2, as Teachable Machine writes them, load with Keras 3 and compute the same."""

import json
import os

import h5py
import numpy as np
import pytest

from exporter.errors import SourceError
from exporter.network.loading import load_model

PIXELS = np.random.default_rng(0).uniform(-1, 1, (4, 12, 12, 3)).astype(np.float32)


def teachable():
    """Return a network of Teachable Machine's layout: two Sequentials in one, the first around a Functional."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    image = keras.Input((12, 12, 3), name="image")
    found = layers.Conv2D(4, 3, name="Conv1", use_bias=False)(image)
    found = layers.BatchNormalization(name="bn_Conv1")(found)
    found = layers.DepthwiseConv2D(3, name="depthwise", depthwise_initializer="he_normal")(found)
    base = keras.Model(image, layers.ReLU(6.0, name="out_relu")(found), name="model1")
    features = keras.Sequential([base, layers.GlobalAveragePooling2D(name="pool")], name="sequential_1")
    head = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation="softmax")], name="sequential_3")
    return keras.Sequential([keras.Input((12, 12, 3)), features, head], name="sequential_4")


def older(values):
    """Return a configuration of Keras 3's HDF5 as Keras 2 wrote it."""
    if isinstance(values, list):
        return [older(value) for value in values]
    if not isinstance(values, dict):
        return values
    if values.get("class_name") == "DTypePolicy":
        return "float32"
    dropped = ("module", "registered_name", "build_config", "compile_config")
    values = {key: older(value) for key, value in values.items() if key not in dropped}
    if isinstance(values.get("config"), dict):
        values["config"] |= older_arguments(values["class_name"], values["config"])
    nodes = values.get("inbound_nodes")
    if nodes and isinstance(nodes[0], dict):
        names = [node["args"][0]["config"]["keras_history"] for node in nodes]
        values["inbound_nodes"] = [[[*name, {}]] for name in names]
    return values


def older_arguments(kind, config):
    """Return the arguments of a layer that Keras 2 wrote otherwise."""
    added = {"DepthwiseConv2D": {"groups": 1}, "BatchNormalization": {"axis": [3]}}.get(kind, {})
    if "batch_shape" in config:
        added |= {"batch_input_shape": config.pop("batch_shape"), "sparse": False, "ragged": False}
    ends = {key: config[key] for key in ("input_layers", "output_layers") if key in config}
    return added | {key: value if isinstance(value[0], list) else [value] for key, value in ends.items()}


def write_older(model, path, change=lambda text: text):
    """Write a model as Keras 2 did."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        values = older(json.loads(file.attrs["model_config"]))
        file.attrs["model_config"] = change(json.dumps(values))


@pytest.fixture(scope="module")
def network(tensorflow):
    """The network, made once."""
    return teachable()


def test_a_model_of_teachable_machine(network, tmp_path):
    """Proves that `groups`, an axis in a list, and models within models are read, and that the scores are equal."""
    path = tmp_path / "keras_model.h5"
    write_older(network, path)
    before = path.read_bytes()
    np.testing.assert_array_equal(load_model(path).predict_on_batch(PIXELS), network.predict_on_batch(PIXELS))
    assert path.read_bytes() == before


def test_keras_itself_does_not_read_it(network, tmp_path):
    """Proves that the test above needs the rewriting."""
    import keras

    write_older(network, tmp_path / "keras_model.h5")
    with pytest.raises(Exception, match=r"groups|deserialize"):
        keras.saving.load_model(tmp_path / "keras_model.h5", compile=False)


def test_names_with_slashes(network, tmp_path):
    """Proves that layers of TensorFlow's style, such as `block/conv`, are read."""
    path = tmp_path / "m.h5"
    write_older(network, path, lambda text: text.replace('"depthwise"', '"block/depthwise"'))
    np.testing.assert_array_equal(load_model(path).predict_on_batch(PIXELS), network.predict_on_batch(PIXELS))


def test_a_model_under_another_name(network, tmp_path):
    """Proves that HDF5 and an archive of Keras 3 load whatever their names end in."""
    network.save(tmp_path / "m.keras")
    os.rename(tmp_path / "m.keras", tmp_path / "m.h5")
    np.testing.assert_array_equal(
        load_model(tmp_path / "m.h5").predict_on_batch(PIXELS), network.predict_on_batch(PIXELS)
    )


def test_an_argument_that_says_something_is_not_dropped(network, tmp_path):
    """Proves that two groups of a depthwise convolution are no model of one group."""
    path = tmp_path / "m.h5"
    write_older(network, path, lambda text: text.replace('"groups": 1', '"groups": 2'))
    with pytest.raises(SourceError, match=r"m\.h5: .*groups"):
        load_model(path)


def test_operators_of_keras_2_are_named(network, tmp_path):
    """Proves that a model with operators between layers says which, and names the way out."""
    path = tmp_path / "m.h5"
    write_older(
        network,
        path,
        lambda text: text.replace('"class_name": "ReLU", "config": {', '"class_name": "TFOpLambda", "config": {'
                                  '"function": "math.truediv", '),
    )  # fmt: skip
    with pytest.raises(SourceError, match=r"operators between its layers \(math.truediv\).*model.export"):
        load_model(path)


@pytest.mark.parametrize("link", ["external link", "external storage"])
def test_weights_of_another_file_are_refused(network, tmp_path, link):
    """Proves that no byte of another file becomes a weight."""
    path, secret = tmp_path / "m.h5", tmp_path / "secret"
    secret.write_bytes(bytes(10_000))
    write_older(network, path)
    with h5py.File(path, "r+") as file:
        if link == "external link":
            file["model_weights/secret"] = h5py.ExternalLink(str(secret), "/")
        else:
            file["model_weights"].create_dataset("secret", (4,), "f4", external=[(str(secret), 0, 16)])
    with pytest.raises(SourceError, match=r"m\.h5: reads another file \('secret'\)"):
        load_model(path)
