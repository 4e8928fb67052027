"""Bundles to test, pictures to compare on, and environments with other versions."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contract.pictures import write_pictures
from tests.contract.probe import LIBRARIES, probe
from tests.environments import ROOT, Environment, virtual_environment

# Bundles that the repository holds, by name, each beside the Keras model it was made of. "trained" is made by the
# tests: a small network, every file.
SHIPPED = {"compact": ROOT / "models" / "compact" / "bundle"}

# The oldest releases that pyproject.toml claims, and for 32-bit Arm the one TFLite runtime there is.
OLDEST = ("click==8.1.0", "pillow==11.0.0", "numpy==1.26.0", "ai-edge-litert==2.0.2", "onnxruntime==1.20.0")
TFLITE_RUNTIME = ("click", "pillow", "numpy<2", "tflite-runtime==2.14.0")


@dataclass(frozen=True)
class Subject:
    """A bundle to test.

    Args:
        name: what the table in docs/measurements/parity.md calls it.
        folder: the bundle.
        keras_model: what it was made of.
        pictures: a folder of pictures to compare on.
        here: what `probe.py` finds in this environment.
    """

    name: str
    folder: Path
    keras_model: Path
    pictures: Path
    here: dict[str, Any]


def newest() -> tuple[str, ...]:
    """Return the requirements of development, without those of training and export."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return tuple(pin for pin in pins if pin.partition("==")[0] in (*LIBRARIES, "click"))


def make_environment(name: str) -> Environment:
    """Return the environment with this name: oldest, newest or tflite-runtime."""
    choices = {
        "oldest": ("3.11", OLDEST),
        "newest": ("3.13", newest()),
        "tflite-runtime": ("3.11", TFLITE_RUNTIME),
    }
    version, requirements = choices[name]
    return virtual_environment(name, version, requirements)


def claimed() -> list[str]:
    """Return the requirements of a base install and of the extra `onnx` in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["onnx"]]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("parity") / "pictures", count_per_class=20)


def bundle_and_run(name: str, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """Return the bundle with this name, `trained` or one of `SHIPPED`, and the folder of its Keras model."""
    if name in SHIPPED:
        return SHIPPED[name], SHIPPED[name].parent
    return request.getfixturevalue("bundle_folder"), request.getfixturevalue("run_folder")


@pytest.fixture(scope="session", params=["trained", *SHIPPED])
def subject(request: pytest.FixtureRequest, pictures: Path) -> Subject:
    folder, run = bundle_and_run(request.param, request)
    return Subject(request.param, folder, run / "model.keras", pictures, probe(folder, pictures))


@pytest.fixture(scope="session", params=["oldest", "newest", "tflite-runtime"])
def environment(request: pytest.FixtureRequest) -> Environment:
    return make_environment(request.param)


@pytest.fixture(scope="session")
def elsewhere(environment: Environment, subject: Subject) -> dict[str, Any]:
    """The probe's results for the subject in the environment."""
    return environment.probe(subject.folder, subject.pictures)


def tensors(folder: Path, preprocessing: Any) -> np.ndarray:
    """Return the pictures of a folder as the probe loads them, `uint8 (N, H, W, 3) RGB 0-255`."""
    from edge_runtime.picture.preprocessing import load_picture

    return np.stack([load_picture(path, preprocessing) for path in sorted(folder.iterdir())])
