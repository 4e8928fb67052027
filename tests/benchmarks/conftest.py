"""A small bundle to measure, pictures for it, and a report of both."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.cli import main
from benchmarks.run.latency import LatencySession, list_configurations
from benchmarks.run.pictures import find_pictures
from edge_runtime.backends import open_model
from edge_runtime.bundle import MANIFEST, TFLITE, Manifest, ModelFile, Precision, read_bundle
from edge_runtime.bundle.keras_scores import write_keras_scores
from edge_runtime.picture.preprocessing import Preprocessing

LABELS = ("blue", "red")
GOLDEN = Path(__file__).with_name("golden") / "report-1.json"  # written by version 1, which said `runtime`


def bench(*arguments):
    """Run `catdog-bench` in this process."""
    return CliRunner().invoke(main, [*map(str, arguments)])


def write_bench_bundle(folder, contents):
    """Write a bundle of TFLite files on 16 x 16 pictures, by precision, and return its folder."""
    folder.mkdir()
    files = []
    for precision, content in contents.items():
        name = f"model.{precision}.tflite"
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        model = open_model("litert", content, 1)
        files.append(ModelFile(name, TFLITE, precision, len(content), digest, model.input, model.output, "", {}))
    manifest = Manifest("bundle", LABELS, Preprocessing(16, 16), tuple(files), {})
    (folder / MANIFEST).write_text(json.dumps(manifest.to_dict()))
    return folder


def write_pictures(folder, count=12, seed=0):
    """Write pictures of both colours in folders named for them, and return the folder."""
    for label in LABELS:
        (folder / label).mkdir(parents=True)
    noise = np.random.default_rng(seed)
    for index in range(count):
        pixels = noise.integers(0, 120, (24, 32, 3)).astype(np.uint8)
        pixels[..., 0 if index % 2 else 2] += 100
        Image.fromarray(pixels).save(folder / LABELS[index % 2] / f"{index}.png")
    return folder


def add_keras_scores(bundle, pictures, right=0.9):
    """Give a bundle the scores of a Keras model that is right everywhere."""
    paths = sorted(pictures.rglob("*.png"))
    known = [(hashlib.sha256(path.read_bytes()).hexdigest(), LABELS.index(path.parent.name)) for path in paths]
    scores = np.array([[1 - right, right] if label else [right, 1 - right] for _, label in known])
    write_keras_scores(bundle, LABELS, known, scores)


@pytest.fixture
def bench_bundle(tmp_path, tflite_float32, tflite_int8):
    """A bundle with a float32 and an int8 TFLite file on 16 x 16 pictures."""
    return write_bench_bundle(tmp_path / "bundle", {Precision.FLOAT32: tflite_float32, Precision.INT8: tflite_int8})


@pytest.fixture(scope="session")
def measured(tmp_path_factory, tflite_float32, tflite_int8):
    """The folder in which `catdog-bench run` has measured a bundle on its test pictures, and what it printed."""
    folder = tmp_path_factory.mktemp("measured")
    contents = {Precision.FLOAT32: tflite_float32, Precision.INT8: tflite_int8}
    bundle = write_bench_bundle(folder / "bundle", contents)
    add_keras_scores(bundle, write_pictures(folder / "pictures"))
    arguments = ["--bundle", bundle, "--data", folder / "pictures", "--out", folder / "report", "--rounds", 12]
    done = bench("run", *arguments, "--threads", 1)
    assert done.exit_code == 0, done.output
    return folder, done


def read_csv(path):
    """Return the rows of a CSV file as dicts."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def pictures_of(data, bundle, **options):
    """Return what `find_pictures` finds for the bundle of a folder."""
    return find_pictures(data, read_bundle(bundle), **options)


def session_of(bundle, paths, *, threads=(1,)):
    """Return a session that would measure every configuration of the bundle of a folder."""
    found = read_bundle(bundle)
    return LatencySession(found, list_configurations(found, threads), tuple(paths))


@pytest.fixture
def float_bundle(tmp_path, tflite_float32):
    """A bundle with one float32 TFLite file."""
    return write_bench_bundle(tmp_path / "bundle", {Precision.FLOAT32: tflite_float32})


@pytest.fixture
def pictures(tmp_path):
    """Six pictures of either label, in folders named for them."""
    return write_pictures(tmp_path / "pictures")
