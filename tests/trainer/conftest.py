"""Small real pictures, a data set and a finished run that the trainer's tests share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.picture.preprocessing import Preprocessing
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset, read_dataset
from trainer.data.split import SplitPlan
from trainer.evaluation import Evaluation
from trainer.run_folder import start_run

SMALL = Preprocessing(32, 32)
PLAN = SplitPlan(seed=0, limit_per_class=0, validation_fraction=0.2, test_fraction=0.2)
KINDS = (
    "anchor",
    "bear",
    "crab",
    "deer",
    "emu",
    "fish",
    "goat",
    "hat",
    "ibis",
    "jar",
    "kite",
    "lamp",
)  # of negatives
TINTS = {"cat": (90, 0, 0), "dog": (0, 0, 90), "owl": (0, 90, 0)}


def draw_blocks(seed: tuple[int, ...], tint: tuple[int, int, int] = (0, 0, 0), side: int = 48) -> Image.Image:
    """Draw a picture of 8 x 8 random blocks, unlike that of any other seed."""
    blocks = np.random.default_rng(seed).integers(0, 166, (8, 8, 3)) + np.array(tint)
    return Image.fromarray(blocks.astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)


def write_class(folder: Path, count: int, first: int = 0) -> None:
    """Write pictures into a class folder; the folder's name and the number decide the content."""
    folder.mkdir(parents=True, exist_ok=True)
    name = folder.name.lower()
    for number in range(first, first + count):
        picture = draw_blocks((*name.encode(), number), TINTS.get(name, (40, 40, 40)))
        picture.save(folder / f"{number:03d}.png")


def write_pets(folder: Path, *classes: str, count: int = 20) -> Path:
    """Write a data folder with the classes named, `Cat` and `Dog` unless told."""
    for name in classes or ("Cat", "Dog"):
        write_class(folder / name, count)
    return folder


class Silent:
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.steps: list[tuple[int, int, int]] = []
        self.epochs: list[int] = []
        self.scanned: list[tuple[int, int]] = []

    def on_download(self, done_bytes: int, total_bytes: int) -> None:
        """Nothing is downloaded."""

    def on_scan(self, done: int, total: int) -> None:
        """Remember."""
        self.scanned.append((done, total))

    def on_features(self, done: int, total: int) -> None:
        """Remember nothing."""

    def on_dataset(self, dataset: Dataset) -> None:
        """Remember nothing."""

    def on_step(self, number: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """Remember."""
        self.steps.append((number, step, steps))

    def on_epoch(self, number: int, epoch: object) -> None:
        """Remember."""
        self.epochs.append(number)


@dataclass(frozen=True)
class Finished:
    """A finished run of 32-pixel pictures, and what it was made from."""

    folder: Path
    config: TrainConfig
    evaluation: Evaluation
    dataset: Dataset
    cache: Path


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture cache for tests that do not look into it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty cats, twenty dogs and one file that is no picture; tests read it and never change it."""
    folder = write_pets(tmp_path_factory.mktemp("data") / "pets")
    (folder / "Cat" / "broken.jpg").write_bytes(b"not a picture")
    return folder


@pytest.fixture(scope="session")
def pets_dataset(pets: Path, cache: Path) -> Dataset:
    """The pets, split."""
    return read_dataset(pets, SMALL, PLAN, cache=cache)


@pytest.fixture(scope="session")
def keras_started() -> None:
    """Keras imported as a training run imports it."""
    from trainer.training import _start_keras

    _start_keras(TrainConfig())


@pytest.fixture(scope="session")
def finished(pets: Path, cache: Path, pets_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Two epochs on the pets, from start to run folder."""
    from trainer.training import train

    runs = tmp_path_factory.mktemp("runs")
    config = TrainConfig(
        str(pets),
        image_size=32,
        epochs=2,
        batch_size=8,
        validation_fraction=0.2,
        test_fraction=0.2,
        tensorboard=True,
    )
    start_run(runs, "pets", config)
    folder, evaluation = train(config, "pets", runs=runs, observer=Silent(), cache=cache)
    return Finished(folder, config, evaluation, pets_dataset, cache)


def wait_for(path: Path, seconds: float = 120) -> None:
    """Wait until a file is there."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear in {seconds} s"
        time.sleep(0.02)
