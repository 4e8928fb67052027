"""A Keras model is loaded as it was saved, refused in one clear line, and scored exactly."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from exporter.errors import SourceError
from exporter.network.folding import fold
from exporter.network.model import KerasScorer, input_size, keras_scores, load_keras_model, traced
from exporter.source import load_split_pictures, read_source
from tests.exporter.conftest import own_source


def test_model_that_does_not_match_its_labels(copy):
    """Proves that three labels over one sigmoid output are refused before anything is converted."""
    run = json.loads((copy / "run.json").read_text())
    splits = json.loads((copy / "splits.json").read_text())
    run["labels"] = splits["labels"] = ["cat", "dog", "hamster"]
    (copy / "run.json").write_text(json.dumps(run))
    (copy / "splits.json").write_text(json.dumps(splits))
    with pytest.raises(SourceError, match="3 outputs for labels cat, dog, hamster"):
        load_keras_model(read_source(copy))


def test_damaged_model(copy):
    """Proves that a model file that Keras cannot read is named."""
    (copy / "model.keras").write_bytes(b"not a zip")
    with pytest.raises(SourceError, match=r"model\.keras: Keras cannot load it"):
        load_keras_model(read_source(copy))


def test_a_model_without_rescaling_or_range_is_refused(own):
    """Proves that what a model takes for black and white is not guessed, and the option is named."""
    with pytest.raises(SourceError, match=r"bare\.keras: .*Rescaling.*--input-range 0 1"):
        load_keras_model(own_source(own, "bare"))


@pytest.mark.parametrize("name", ["grey", "open"])
def test_a_model_of_another_input_is_refused(own, name):
    """Proves that one grey channel or an open size is said to be unsupported, with what was received."""
    with pytest.raises(SourceError, match=rf"{name}\.keras: expected .*height, width, 3.*received .*None"):
        input_size(own / f"{name}.keras")


def test_labels_that_do_not_match_the_outputs(own):
    """Proves that three outputs over two folders of test pictures are refused, with both numbers."""
    with pytest.raises(SourceError, match=r"three\.keras: .*1 or 2 outputs for labels hund, katze, received .* 3"):
        load_keras_model(own_source(own, "three"))


def test_no_model_there(tmp_path):
    """Proves that a missing or damaged Keras file is named."""
    (tmp_path / "broken.keras").write_bytes(b"PK nothing")
    for name in ("missing", "broken"):
        with pytest.raises(SourceError, match=rf"{name}\.keras: Keras cannot load it"):
            input_size(tmp_path / f"{name}.keras")


def without_configuration(content):
    """Return a Keras file, a zip, without its `config.json`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(packed, "w") as left:
        for name in whole.namelist():
            if name != "config.json":
                left.writestr(name, whole.read(name))
    return packed.getvalue()


def with_a_flipped_bit(content):
    """Return a Keras file with one bit of its weights changed, which the checksum of the zip shows."""
    damaged = bytearray(content)
    damaged[content.index(b"\x89HDF") + 500] ^= 1
    return bytes(damaged)


@pytest.mark.parametrize("damage", [without_configuration, with_a_flipped_bit, lambda content: content[:-1000]])
def test_a_damaged_model_is_one_line(own, tmp_path, damage):
    """Proves that whatever Keras raises on a damaged zip, the error is one line with file and remedy."""
    (tmp_path / "damaged.keras").write_bytes(damage((own / "one.keras").read_bytes()))
    with pytest.raises(SourceError, match=r"damaged\.keras: Keras cannot load it \(.*Train it again") as refused:
        input_size(tmp_path / "damaged.keras")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("units", "activation"),
    [(2, "linear"), (1, "linear"), (1, "tanh"), (2, "relu"), (3, "sigmoid"), (1, "softmax")],
)
def test_an_ending_without_shares_is_refused(own, tmp_path, units, activation):
    """Proves that logits and independent sigmoids, right by their shape, are refused with file and remedy."""
    import keras
    from keras import layers

    ending = layers.Dense(units, activation=activation)
    body = [layers.Rescaling(1 / 255), layers.GlobalAveragePooling2D(), ending]
    keras.Sequential([keras.Input((32, 32, 3)), *body]).save(tmp_path / "raw.keras")
    labels = ("a", "b", "c")[: max(2, units)]
    source = replace(own_source(own, "one"), model_path=tmp_path / "raw.keras", labels=labels)
    with pytest.raises(
        SourceError, match=rf"raw\.keras: expected scores .* received {units} outputs of {activation}\..*a softmax"
    ):
        load_keras_model(source)


@pytest.mark.parametrize("ending", ["an operation", "turned round", "scaled by one", "within a model"])
def test_other_endings_that_give_shares_are_taken(own, tmp_path, ending):
    """Proves that scores from 0 to 1 that sum to 1 are taken, whatever made them, and are the model's own."""
    import keras
    from keras import layers

    image = keras.Input((32, 32, 3))
    logits = layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image)))
    scores = {
        "an operation": lambda: keras.ops.softmax(logits),
        "turned round": lambda: 1 - layers.Softmax()(logits),
        "scaled by one": lambda: layers.Rescaling(1.0)(layers.Softmax()(logits)),
        "within a model": lambda: keras.Sequential([layers.Dense(1, activation="sigmoid")])(logits),
    }[ending]()
    keras.Model(image, scores).save(tmp_path / "odd.keras")
    source = replace(own_source(own, "one"), model_path=tmp_path / "odd.keras")
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    expected = keras.saving.load_model(tmp_path / "odd.keras").predict_on_batch(pixels)
    found = keras_scores(load_keras_model(source), pixels)
    np.testing.assert_allclose(found[:, -expected.shape[1] :], expected, atol=1e-6)


def test_a_loaded_sequential_folds(own):
    """Proves that old calls that loading leaves on the layers of a Sequential do not keep it from folding."""
    import keras

    source = own_source(own, "rescaling")
    model = load_keras_model(source)
    assert len(fold(model).folded) == 1
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    expected = keras.saving.load_model(source.model_path).predict_on_batch(pixels)
    np.testing.assert_allclose(keras_scores(model, pixels)[:, 1:], expected, atol=1e-6)


def small(*tail, side: int = 8):
    """Return a chain that flattens pictures of 8 x 8 and ends so."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential([keras.Input((side, side, 3)), layers.Rescaling(1 / 255), layers.Flatten(), *tail])


PIXELS = np.random.default_rng(0).integers(0, 256, (150, 8, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (3, "softmax")])
def test_scores_are_the_matrix_product_in_float64(units, activation, biased):
    """Proves that scores are weights times features, worked out apart, also of a layer without a bias."""
    import keras

    model = small(keras.layers.Dense(units, activation=activation, use_bias=biased))
    kernel, *bias = (weights.astype(np.float64) for weights in model.layers[-1].get_weights())
    logits = (PIXELS.reshape(len(PIXELS), -1) / np.float32(255)).astype(np.float64) @ kernel + sum(bias)
    powers = np.exp(np.hstack([0 * logits, logits]) if units == 1 else logits)
    found = KerasScorer(model).scores(PIXELS)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)


def test_a_sure_score_keeps_its_other_side():
    """Proves that the first label's score at a logit of 60 is 1e-26 and not 0, so that a temperature can act."""
    import keras

    model = small(keras.layers.Dense(1, activation="sigmoid"))
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([0 * kernel, bias + 60])
    np.testing.assert_allclose(keras_scores(model, PIXELS[:1]), [[np.exp(-60), 1]], rtol=1e-6)


def test_scoring_reports_each_batch():
    """Proves that 150 pictures are told in three steps, and the last says that all are done."""
    import keras

    heard = []
    scorer = KerasScorer(small(keras.layers.Dense(2, activation="softmax")))
    scorer.scores(PIXELS, report=lambda done, total: heard.append((done, total)))
    assert heard == [(64, 150), (128, 150), (150, 150)]


def test_height_and_width_are_not_mixed_up(tmp_path):
    """Proves that a wide model is asked for wide pictures, by the file and by the traced function."""
    import keras

    layers = keras.layers
    pooled = layers.GlobalAveragePooling2D()
    model = keras.Sequential([keras.Input((8, 12, 3)), pooled, layers.Dense(1, activation="sigmoid")])
    model.save(tmp_path / "wide.keras")
    assert input_size(tmp_path / "wide.keras") == (8, 12)
    [signature] = traced(model).input_signature
    assert (signature.name, signature.shape.as_list(), signature.dtype.name) == ("image", [1, 8, 12, 3], "float32")


def test_the_traced_function_is_the_model_outside_training():
    """Proves that dropout and statistics of a batch have no part in what is converted."""
    import keras

    layers = keras.layers
    model = small(layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1, activation="sigmoid"))
    expected = model.predict_on_batch(PIXELS[:1])
    for _ in range(2):
        np.testing.assert_allclose(traced(model)(PIXELS[:1].astype(np.float32)), expected, atol=1e-6)
