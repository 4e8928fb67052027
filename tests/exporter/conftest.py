"""A small real training run that the exporter's tests share, what is made of it, and a network that int8 spoils."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import read_bundle
from edge_runtime.bundle import Precision, TensorInfo
from edge_runtime.bundle.manifest import ModelFile
from exporter.formats.conversion import Converted, Converter, ExportTarget, plan_targets
from exporter.formats.table import FORMATS
from exporter.network.confidence import divide_logits, temper
from exporter.network.equalization import equalize
from exporter.network.folding import fold
from exporter.network.model import input_size, keras_scores, load_keras_model
from exporter.network.plain_model import plain_model
from exporter.source import Source, load_split_pictures, read_keras_source, read_source
from exporter.verification import run_file
from tests.exporter.idioms import idiom

ROOT = Path(__file__).parents[2]
CALIBRATION_COUNT = 24
FILES = [
    "model.float32.tflite",
    "model.float16.tflite",
    "model.dynamic.tflite",
    "model.int8.tflite",
    "model.float32.onnx",
    "model.float16.onnx",
    "model.int8.onnx",
]


class Silent:
    """Watches a training run or an export and says nothing."""

    def on_download(self, done_bytes, total_bytes): ...
    def on_scan(self, done, total): ...
    def on_features(self, done, total): ...
    def on_dataset(self, dataset): ...
    def on_step(self, number, step, steps, loss, accuracy): ...
    def on_epoch(self, number, epoch): ...


@dataclass
class Stages:
    """Notes the stages of an export."""

    names: list[str]

    def on_stage(self, name):
        self.names.append(name)

    def on_progress(self, done, total): ...


def export_command(*arguments) -> list[str]:
    """Return the command `catdog-export` as a fresh process runs it."""
    return [sys.executable, "-m", "exporter.cli", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return the environment in which it finds this checkout from any folder."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def run_export(*arguments, cwd) -> subprocess.CompletedProcess[str]:
    """Run `catdog-export` in a fresh process to its end."""
    return subprocess.run(
        export_command(*arguments), capture_output=True, text=True, cwd=cwd, env=environment(), check=False
    )


def logits(scores: np.ndarray) -> np.ndarray:
    """Return the logits of a network of one sigmoid, `float64 (N,)`."""
    shares = np.clip(scores[:, 1], 1e-7, 1 - 1e-7)
    return np.log(shares / (1 - shares))


def file_scores(converted: Converted, pixels, labels=("cat", "dog")) -> np.ndarray:
    """Return the scores of a converted file as the edge runtime gives them, `float64 (N, labels)`."""
    target = converted.target
    tensor = TensorInfo("any", "uint8", (1,))
    entry = ModelFile(target.file_name, target.format, target.precision, 1, "", tensor, tensor, "", {})
    return run_file(labels, entry, converted.content, pixels)


@pytest.fixture(scope="session")
def source(run_folder) -> Source:
    return read_source(run_folder)


@pytest.fixture(scope="session")
def test_pixels(source) -> np.ndarray:
    return load_split_pictures(source.sides["test"], source.preprocessing)[0]


@pytest.fixture(scope="session")
def train_pixels(source) -> np.ndarray:
    return load_split_pictures(source.sides["train"], source.preprocessing)[0]


@pytest.fixture(scope="session")
def keras_model(source, train_pixels):
    """The trained network as an export converts it: tempered, here to logits around +-1.5, folded, evened out."""
    model = load_keras_model(source)
    divided = divide_logits(model, logits(keras_scores(model, train_pixels)).std() / 1.5)
    return equalize(fold(divided).model, train_pixels)


@pytest.fixture(scope="session")
def converter(keras_model, train_pixels) -> Converter:
    return Converter(keras_model, train_pixels)


@pytest.fixture(scope="session")
def files(converter) -> dict[str, Converted]:
    """Every file that an export can write of the trained network, by file name."""
    precisions = (Precision.FLOAT32, Precision.FLOAT16, Precision.DYNAMIC, Precision.INT8)
    targets = plan_targets(FORMATS, precisions)
    return {target.file_name: converter.convert(target) for target in targets}


@pytest.fixture(scope="session")
def baseline(keras_model, test_pixels) -> np.ndarray:
    """The trained network's scores of the test pictures."""
    return keras_scores(keras_model, test_pixels)


@pytest.fixture(scope="session")
def spoiled_run(run_folder, tmp_path_factory) -> Path:
    """A run whose network no int8 file can follow, on pictures labelled by what the network itself says.

    One weight of its last layer is a thousand times the others and reads a unit that is always 0. All weights of
    the layer share one int8 scale, so the others become 0. Between the two layers is no ReLU, so nothing can be
    evened out.
    """
    return run_of(spoiled_network(), run_folder, tmp_path_factory.mktemp("spoiled") / "spoiled")


def run_of(model, run_folder: Path, folder: Path) -> Path:
    """Copy a run with another network, balanced between its two answers, on pictures labelled by these answers."""
    shutil.copytree(run_folder, folder)
    source = read_source(folder)
    pixels = {side: load_split_pictures(found, source.preprocessing)[0] for side, found in source.sides.items()}
    verdict = model.get_layer("verdict")
    kernel, bias = verdict.get_weights()
    verdict.set_weights([kernel, bias - np.median(logits(keras_scores(model, pixels["test"])))])
    model.save(folder / "model.keras")
    labels = {}
    for side, found in source.sides.items():
        answers = keras_scores(model, pixels[side]).argmax(axis=1)
        labels |= {picture.sha256: source.labels[answer] for picture, answer in zip(found, answers, strict=True)}
    splits = json.loads((folder / "splits.json").read_text())
    for file in splits["files"]:
        file["label"] = labels[file["sha256"]]
    (folder / "splits.json").write_text(json.dumps(splits))
    return folder


def spoiled_network(*, layers_spoiled: int = 1):
    """Return the network of `spoiled_run` on 64 x 64 pictures, not yet balanced between its two answers.

    With more layers spoiled, each reads the unit that is always 0 with weights of a thousand, and has such a unit.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3), name="image"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 5, strides=4, activation="relu"),
            layers.MaxPooling2D(3),
            layers.Flatten(),
            layers.Dense(8, name="features"),
            *(layers.Dense(8, name=f"spoiled{number}") for number in range(1, layers_spoiled)),
            layers.Dense(1, activation="sigmoid", name="verdict"),
        ]
    )
    features = model.get_layer("features")
    *hidden, verdict = model.layers[model.layers.index(features) :]
    kernel, bias = features.get_weights()
    features.set_weights([3 * kernel, bias])
    for layer in (*hidden[1:], verdict):
        kernel, bias = layer.get_weights()
        kernel[0] = 1000
        layer.set_weights([kernel, bias])
    for layer in hidden:
        kernel, bias = layer.get_weights()
        kernel[:, 0] = 0
        layer.set_weights([kernel, bias])
    return model


@pytest.fixture(params=FORMATS)
def format_(request) -> str:
    return request.param


def target(format_: str, precision: str) -> ExportTarget:
    """Return a kind of file."""
    return ExportTarget(format_, Precision(precision))


@pytest.fixture
def copy(run_folder, tmp_path) -> Path:
    """A run folder that a test may change."""
    return shutil.copytree(run_folder, tmp_path / "run")


@pytest.fixture(scope="session")
def own(tmp_path_factory, source):
    """Keras models as a user might have them, and folders of test and calibration pictures, without a run."""
    import keras
    from keras import layers

    root = tmp_path_factory.mktemp("own")
    for side in ("test", "train"):
        for label, name in enumerate(("Katze", "Hund")):
            folder = root / side / name
            folder.mkdir(parents=True)
            for picture in [picture for picture in source.sides[side] if picture.label == label][:8]:
                shutil.copy(picture.path, folder)
    keras.utils.set_random_seed(0)

    def save(name, size, channels, *body):
        keras.Sequential([keras.Input((size, size, channels)), *body]).save(root / f"{name}.keras")

    def tail(outputs, activation):
        return (
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(outputs, activation=activation),
        )

    save("rescaling", 32, 3, layers.Rescaling(1 / 127.5, -1), *tail(1, "sigmoid"))
    normal = layers.Normalization()
    normal.adapt(np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.float32))
    save("adapted", 32, 3, normal, *tail(1, "sigmoid"))
    save("bare", 32, 3, *tail(2, "softmax"))
    save("one", 32, 3, *tail(1, "sigmoid"))
    save("three", 32, 3, layers.Rescaling(1 / 255), *tail(3, "softmax"))
    save("grey", 32, 1, layers.Rescaling(1 / 255), *tail(1, "sigmoid"))
    image = keras.Input((32, 32, 3))
    branch = layers.Conv2D(3, 3, padding="same")(image)
    body = keras.Sequential(tail(1, "sigmoid"))(layers.Add()([image, branch]))
    keras.Model(image, body).save(root / "branching.keras")
    keras.Sequential([keras.Input((None, None, 3)), layers.Rescaling(1 / 255), *tail(1, "sigmoid")]).save(
        root / "open.keras"
    )
    return root


def own_source(own, name, **options):
    model = own / f"{name}.keras"
    return read_keras_source(model, own / "test", size=input_size(model), **options)


@pytest.fixture(scope="session")
def tempered(source, bundle_folder):
    """The Keras model's scores of the test pictures with the temperature of the manifest, worked out apart."""
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    value = read_bundle(bundle_folder).training["temperature"]["value"]
    return temper(keras_scores(load_keras_model(source), pixels), value)


@pytest.fixture(scope="session")
def idioms():
    """Return a function that gives the network of an idiom, as it was built and in plain form."""

    @cache
    def built(name: str):
        model = idiom(name)
        return model, plain_model(model, Path("network.keras"))

    return built
