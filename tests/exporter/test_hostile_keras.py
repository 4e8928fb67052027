"""Keras files made to harm are refused, and nothing of them runs. The bounds in pyproject.toml keep it so."""

import io
import json
import zipfile

import pytest

from exporter.errors import SourceError
from exporter.network.model import input_size

pytest.importorskip("tensorflow", reason="Keras, which reads the files of these tests, runs on TensorFlow")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a small whole Keras file."""
    import keras
    from keras import layers

    path = tmp_path_factory.mktemp("whole") / "whole.keras"
    keras.Sequential([keras.Input((16, 16, 3)), layers.Flatten(), layers.Dense(2, "softmax")]).save(path)
    return path.read_bytes()


def repacked(whole, name, change):
    """Return a Keras file in which one member is changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            new.writestr(item, change(content) if item == name else content)
    return target.getvalue()


def with_layers(*added):
    """Return a change of `config.json` that puts layers before the last one."""

    def change(content):
        config = json.loads(content)
        config["config"]["layers"][-1:-1] = added
        return json.dumps(config).encode()

    return change


def layer(module, name, **config):
    """Return a layer as `config.json` has it."""
    return {"module": module, "class_name": name, "config": {"name": "added", **config}, "registered_name": None}


def code(marker):
    """Return a Lambda layer whose code makes a file."""
    import keras

    function = eval(f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]")
    return keras.saving.serialize_keras_object(keras.layers.Lambda(function, output_shape=(768,), name="added"))


def switch_off():
    """Return a call that would switch the safe mode off."""
    call = {"class_name": "function", "config": "enable_unsafe_deserialization", "module": "keras.config"}
    return layer("keras.layers", "Lambda", function=call | {"registered_name": "function"}, arguments={})


def is_kernel(item):
    """Say whether an item of the weights is the kernel of the last layer."""
    return getattr(item, "shape", None) == (768, 2)


def test_code_would_run(whole, tmp_path):
    """Proves that the code of the next test works: without the safe mode, the network that was loaded runs it."""
    import keras
    import numpy as np

    marker, path = tmp_path / "ran", tmp_path / "harm.keras"
    path.write_bytes(repacked(whole, "config.json", with_layers(code(marker))))
    keras.saving.load_model(path, compile=False, safe_mode=False)(np.zeros((1, 16, 16, 3)))
    assert marker.exists()


@pytest.mark.parametrize("before", [[], [switch_off]], ids=["code", "code after a call that allows it"])
def test_code_in_a_layer_does_not_run(whole, tmp_path, before):
    """Proves that a Lambda layer with code is refused, also behind a call that would switch the safe mode off."""
    marker, path = tmp_path / "ran", tmp_path / "harm.keras"
    path.write_bytes(repacked(whole, "config.json", with_layers(*(make() for make in before), code(marker))))
    with pytest.raises(
        SourceError, match=r"harm\.keras: has a Lambda layer \(.*added\), which is code of its maker"
    ):
        input_size(path)
    assert not marker.exists()


def test_a_layer_from_elsewhere_is_refused(whole, tmp_path):
    """Proves that a file cannot have TensorFlow load a network of another folder."""
    path = tmp_path / "harm.keras"
    elsewhere = layer("keras.layers", "TFSMLayer", filepath=str(tmp_path), call_endpoint="serve")
    path.write_bytes(repacked(whole, "config.json", with_layers(elsewhere)))
    with pytest.raises(SourceError, match=r"harm\.keras: Keras cannot load it .*(safe_mode|unsafe|not allowed)"):
        input_size(path)


def test_weights_of_another_file_are_refused(whole, tmp_path):
    """Proves that weights cannot be read from another file of the user, as HDF5 by itself would do."""
    import h5py

    secret, path = tmp_path / "secret", tmp_path / "harm.keras"
    secret.write_bytes(bytes(4 * 2 * 768))

    def change(content):
        memory = io.BytesIO(content)
        with h5py.File(memory, "r+") as file:
            found = []
            file.visititems(lambda name, item: found.append(name) if is_kernel(item) else None)
            (name,) = found
            del file[name]
            file.create_dataset(name, (768, 2), "f4", external=[(str(secret), 0, 4 * 2 * 768)])
        return memory.getvalue()

    path.write_bytes(repacked(whole, "model.weights.h5", change))
    with pytest.raises(SourceError, match=r"harm\.keras: Keras cannot load it .*[Ee]xternal"):
        input_size(path)
