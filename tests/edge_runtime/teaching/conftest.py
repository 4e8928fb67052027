"""The network of the package, and a bundle that was taught with it."""

from pathlib import Path

import pytest

from edge_runtime import read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.teaching.base import Base, open_base
from edge_runtime.teaching.class_folders import class_folders
from edge_runtime.teaching.lesson import Lesson, Taught, new_lesson, teach
from edge_runtime.teaching.tail import Network, read_network
from tests.edge_runtime.teaching.drawings import write_walls


@pytest.fixture(scope="session")
def network() -> Network:
    """The int8 TFLite file of the package."""
    return read_network((PRETRAINED / "model.int8.tflite").read_bytes())


@pytest.fixture(scope="session")
def base() -> Base:
    """The network of the package, ready to give features."""
    return open_base(read_bundle(PRETRAINED), 1)


@pytest.fixture(scope="session")
def walls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawings of each of three labels."""
    return write_walls(tmp_path_factory.mktemp("walls"))


@pytest.fixture(scope="session")
def lesson(base: Base, walls: Path) -> Lesson:
    """What these drawings teach."""
    return new_lesson(base, class_folders(walls), report=lambda *_: None)


@pytest.fixture(scope="session")
def taught(lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Taught:
    """The bundle that was taught with them."""
    return teach(lesson, tmp_path_factory.mktemp("bundles") / "mine")
