"""One model gives the same answer in every format, backend and release.

The bounds are those of docs/measurements/parity.md.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime import read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from tests.contract.conftest import OLDEST, SHIPPED, TFLITE_RUNTIME, Subject, claimed, make_environment, tensors
from tests.contract.measurements import Measurements, largest_difference
from tests.environments import Environment

PRECISIONS = ("float32", "float16", "dynamic", "int8")
ALL_FILES = {f"model.{precision}.{suffix}" for precision in PRECISIONS for suffix in ("tflite", "onnx")}


def precision_of(key: str) -> str:
    """Return the precision of a key such as `model.int8.onnx onnxruntime`."""
    return key.split(".")[1]


@pytest.fixture(scope="session")
def keras_answers(subject: Subject) -> np.ndarray:
    """The scores of the trained Keras model as it was trained, with the temperature of the manifest."""
    from exporter.network.confidence import temper
    from exporter.network.model import keras_scores, load_keras_model
    from exporter.source import Source

    bundle = read_bundle(subject.folder)
    source = Source(subject.folder, subject.keras_model, bundle.training, bundle.labels, bundle.preprocessing, {})
    scores = keras_scores(load_keras_model(source), tensors(subject.pictures, bundle.preprocessing))
    return temper(scores, bundle.training["temperature"]["value"])


def test_every_file_scores_as_keras(
    subject: Subject, keras_answers: np.ndarray, measurements: Measurements
) -> None:
    """Proves that all seven files in edge_runtime stay within their bounds against the trained model."""
    assert subject.here["errors"] == {}
    assert {key.split()[0] for key in subject.here["scores"]} == ALL_FILES - {"model.dynamic.onnx"}
    for key, scores in subject.here["scores"].items():
        precision = precision_of(key)
        if subject.name in SHIPPED and not precision.startswith("float"):
            precision = "shipped int8"  # drawings are unlike what it knows; test_photographs.py asks about those
        difference = largest_difference(scores, keras_answers)
        measurements.check(precision, f"{subject.name}, {key}", difference)


def test_other_releases_score_the_same(
    environment: Environment, subject: Subject, elsewhere: dict[str, Any], measurements: Measurements
) -> None:
    """Proves that every file gives the same scores with older and newer Python, NumPy and backends."""
    assert elsewhere["scores"]
    for key, scores in elsewhere["scores"].items():
        backend = key.split()[1]
        reference = subject.here["scores"][key.replace("tflite-runtime", "litert")]
        version = elsewhere["versions"].get({"litert": "ai-edge-litert"}.get(backend, backend))
        where = f"{subject.name}, {backend} {version}, Python {elsewhere['versions']['python']}"
        old = "old " if (environment.name, precision_of(key)) == ("tflite-runtime", "int8") else ""
        measurements.check(f"{old}backend {precision_of(key)}", where, largest_difference(scores, reference))


def test_other_releases_load_every_file(
    environment: Environment, subject: Subject, elsewhere: dict[str, Any]
) -> None:
    """Proves that every file loads everywhere, except the dynamic-range file with tflite-runtime."""
    formats = {"tflite"} if environment.name == "tflite-runtime" else {"tflite", "onnx"}
    expected = {file.path for file in read_bundle(subject.folder).files if file.format in formats}
    assert {key.split()[0] for key in elsewhere["scores"] | elsewhere["errors"]} == expected
    dynamic = "model.dynamic.tflite"
    refused = (
        {f"{dynamic} tflite-runtime"} if environment.name == "tflite-runtime" and dynamic in expected else set()
    )
    assert elsewhere["errors"].keys() == refused


def test_tensors_are_the_same_in_other_releases(subject: Subject, elsewhere: dict[str, Any]) -> None:
    """Proves that the oldest and the newest allowed Python, Pillow and NumPy give the same pixels."""
    assert elsewhere["hashes"] == subject.here["hashes"]


@pytest.fixture(scope="session")
def old_device() -> Environment:
    return make_environment("tflite-runtime")


def test_dynamic_file_is_refused_with_what_to_do(old_device: Environment, bundle_folder: Path) -> None:
    """Proves that tflite-runtime 2.14 refuses the dynamic-range file with one line of advice."""
    picture = bundle_folder / "selftest/large.jpg"
    done = old_device.command("classify", picture, "--model", bundle_folder, "--precision", "dynamic")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = [line for line in done.stderr.splitlines() if line]
    assert line.startswith("error: ")
    assert "model.dynamic.tflite" in line
    assert "version '12'" in line
    assert "--precision" in line


def test_left_alone_an_old_device_takes_the_int8_file(old_device: Environment, bundle_folder: Path) -> None:
    """Proves that tflite-runtime 2.14 classifies without any option, and takes the int8 file."""
    picture = bundle_folder / "selftest/large.jpg"
    done = old_device.command("classify", picture, "--model", bundle_folder)
    assert done.returncode == 0, done.stderr
    assert "model.int8.tflite with tflite-runtime" in done.stdout + done.stderr


def test_oldest_environment_is_what_is_claimed() -> None:
    """Proves that the oldest releases tested are exactly the lower bounds of pyproject.toml."""
    tested = dict(re.fullmatch(r"(.+)==(.+)", pin).groups() for pin in (*OLDEST, TFLITE_RUNTIME[-1]))  # type: ignore[union-attr]
    for requirement in claimed():
        name, lowest = re.match(r"([\w-]+)>=([\d.]+)", requirement).groups()  # type: ignore[union-attr]
        assert tested[name].split(".")[:2] == lowest.split("."), requirement


def test_package_holds_the_shipped_bundle() -> None:
    """Proves that `pip install` brings exactly the bundle that these tests check, byte for byte."""
    [folder] = SHIPPED.values()
    packaged, whole = read_bundle(PRETRAINED), read_bundle(folder)
    assert [file.path for file in packaged.files] == ["model.int8.tflite", "model.int8.onnx"]
    assert all(file in whole.files for file in packaged.files)  # hashes and figures
    assert (packaged.labels, packaged.training) == (whole.labels, whole.training)
    for path in PRETRAINED.rglob("*"):
        if path.is_file() and path.name not in ("manifest.json", "MODEL_CARD.md"):
            assert path.read_bytes() == (folder / path.relative_to(PRETRAINED)).read_bytes(), path
    assert (PRETRAINED / "MODEL_CARD.md").read_bytes() == (folder.parent / "MODEL_CARD.md").read_bytes()
