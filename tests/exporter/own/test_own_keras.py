"""Keras models of one's own on the command line: labels, ranges, logits, sizes and code that needs trust."""

import numpy as np
import pytest
from PIL import Image

from edge_runtime import Classifier, read_bundle
from edge_runtime.commands.selftest import run_selftest

QUICK = ("--calibration-count", 12, "--max-drop", 1, "--quantize", "none", "--format", "tflite")


def model(*, shape=(16, 16, 3), activation="softmax", first=()):
    """Return a network on -1 to 1 whose first output is for blue and whose second is for red."""
    import keras
    from keras import layers

    image = keras.Input(shape)
    found = image
    for layer in first:
        found = layer(found)
    found = layers.Dense(2, activation=activation)(layers.GlobalAveragePooling2D()(found))
    network = keras.Model(image, found)
    weights = np.array([[-8, 8], [0, 0], [8, -8]], np.float32)[: shape[2]]
    network.layers[-1].set_weights([weights, np.zeros(2, np.float32)])
    return network


@pytest.fixture
def export(tensorflow, colours, run):
    """Return a function that exports a model with the pictures of colours."""

    def export(path, *options):
        return run(
            "--model", path, "--test", colours / "test", "--calibration", colours / "other", *QUICK, *options
        )

    return export


def test_reversed_labels_and_their_order(colours, tmp_path, export):
    """Proves that sorted folders are printed as labels, that reversed ones exit with 4, and that the fix passes."""
    model().save(tmp_path / "m.keras")
    code, _, err = export(tmp_path / "m.keras", "--input-range", -1, 1)
    assert (code, "labels in the order of the outputs: 0 blue, 1 red" in err) == (0, True)
    code, out, err = export(tmp_path / "m.keras", "--input-range", -1, 1, "--labels", "red,blue")
    assert code == 4
    assert "Keras 0.00%" in out
    assert "warning: the model is no better than guessing: accuracy 0.00%" in err
    assert err.splitlines()[-1].endswith(": --labels blue,red")
    assert read_bundle(tmp_path / "bundles" / "m").labels == ("red", "blue")


def test_a_constant_model_and_a_wrong_range(tmp_path, export):
    """Proves that a model whose answers are all one exits with 4, and that the range in which it works is named."""
    network = model()
    network.layers[-1].set_weights([network.layers[-1].get_weights()[0], np.array([0, 20], np.float32)])
    network.save(tmp_path / "m.keras")
    code, _, err = export(tmp_path / "m.keras", "--input-range", -1, 1)
    assert code == 4
    assert "accuracy 50.00%" in err
    assert "warning: 100.00% would be right with --input-range 0 255" in err
    assert export(tmp_path / "m.keras", "--input-range", 0, 255)[0] == 0


def test_logits_are_said(tmp_path, export):
    """Proves that a softmax is added to logits, and that a line says so."""
    model(activation=None).save(tmp_path / "m.keras")
    code, _, err = export(tmp_path / "m.keras", "--mean", "0.5", "--deviation", "0.5")
    assert (code, "The model gives logits, so a softmax was added." in err) == (0, True)


def test_a_saved_model_and_hdf5(colours, tmp_path, export):
    """Proves that a SavedModel folder and an HDF5 file become bundles that pass their self-test."""
    network = model()
    network.save(tmp_path / "m.h5")
    network.export(str(tmp_path / "folder"), verbose=False)
    for name in ("m.h5", "folder"):
        code, _, err = export(tmp_path / name, "--input-range", -1, 1)
        assert code == 0, err
        folder = tmp_path / "bundles" / name.split(".")[0]
        assert all(check.passed for check in run_selftest(folder))
        assert Classifier.open(folder).classify(colours / "test" / "red" / "3.png").label == "red"


def test_grey_of_any_size(tmp_path, run, tensorflow):
    """Proves that a grey model of any size gets a size and a grey contract, and tells dark from light."""
    import keras

    image = keras.Input((None, None, 1))
    found = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    network = keras.Model(image, keras.layers.Dense(1, activation="sigmoid")(found))
    network.layers[-1].set_weights([np.array([[20]], np.float32), np.array([-10], np.float32)])
    network.save(tmp_path / "m.keras")
    generator = np.random.default_rng(0)
    for side in ("test", "other"):
        for name, level in (("dark", 70), ("light", 190)):
            (tmp_path / side / name).mkdir(parents=True)
            for number in range(10):
                pixels = np.clip(level + generator.integers(-60, 60, (12, 20, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / side / name / f"{number}.png")
    options = ("--test", tmp_path / "test", "--calibration", tmp_path / "other", *QUICK)
    code, _, err = run("--model", tmp_path / "m.keras", *options)
    assert (code, "as in --size 224" in err) == (1, True)
    code, _, err = run("--model", tmp_path / "m.keras", *options, "--size", "24x8")
    assert (code, "The model takes grey pictures." in err) == (0, True)
    bundle = read_bundle(tmp_path / "bundles" / "m")
    assert bundle.preprocessing.shape == (8, 24, 1)
    assert all(check.passed for check in run_selftest(bundle.folder))
    assert Classifier.open(bundle.folder).classify(tmp_path / "test" / "light" / "0.png").label == "light"


def test_code_runs_only_with_trust(tmp_path, export):
    """Proves that a Lambda layer is refused by the command, and taken with --trust."""
    import keras

    model(first=[keras.layers.Lambda(lambda x: x * 1.0, name="mine")]).save(tmp_path / "m.keras")
    code, _, err = export(tmp_path / "m.keras", "--input-range", -1, 1)
    assert (code, "has a Lambda layer (mine)" in err) == (1, True)
    (tmp_path / "empty.py").write_text("")
    code, _, err = export(tmp_path / "m.keras", "--input-range", -1, 1, "--trust", tmp_path / "empty.py")
    assert code == 0, err


def test_a_mistyped_path_comes_before_all_else(tmp_path, run, colours):
    """Proves that a missing file is said before a missing --calibration is."""
    (tmp_path / "model.keras").write_bytes(b"x")
    code, _, err = run("--model", tmp_path / "modle.keras", "--test", colours / "test")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "no such file. Did you mean" in err
