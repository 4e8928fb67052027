"""The table of random streams: its numbers stand for ever, and every draw of a run follows from it."""

import ast
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.run_folder import Side
from tests.trainer.conftest import KINDS, PLAN, SMALL, write_pets
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset, read_dataset
from trainer.data.negatives import add_negatives
from trainer.fit import _some_training_pictures
from trainer.lessons import Lessons, epoch_batches
from trainer.random_streams import Stream

ROOT = Path(__file__).parents[2]
CONFIG = TrainConfig(image_size=32, batch_size=8, seed=3, cutmix=0.5)

# Drawn with the numbers that stood in four files before there was a table: default_rng([3, number]).
DRAWS = {
    Stream.BALANCE: [811, 85, 179, 236],
    Stream.SPLIT: [978, 253, 579, 407],
    Stream.BATCHES: [844, 25, 566, 743],
    Stream.DROPOUT: [315, 102, 298, 319],
    Stream.RECALIBRATION: [8, 898, 584, 455],
    Stream.MATCHING: [23, 136, 56, 883],
    Stream.MIXING: [421, 456, 994, 832],
    Stream.HEAD: [530, 682, 967, 600],
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Dataset:
    """Twelve of twenty cats and dogs, split with seed 3."""
    folder = write_pets(tmp_path_factory.mktemp("streams") / "pets")
    return read_dataset(folder, SMALL, replace(PLAN, seed=3, limit_per_class=12), cache=cache)


@pytest.mark.parametrize("stream", Stream)
def test_the_numbers_stand_for_ever(stream: Stream) -> None:
    """Proves that each stream draws for a seed what it drew before the table, so that old runs can be repeated."""
    assert stream.generator(3).integers(0, 1000, 4).tolist() == DRAWS[stream]
    assert stream.generator(3, 2).integers(0, 1000, 4).tolist() != DRAWS[stream]


def test_every_stream_is_pinned_and_its_own() -> None:
    """Proves that the pinned draws are of all streams and that no two streams are alike."""
    assert set(DRAWS) == set(Stream)
    assert len({tuple(draws) for draws in DRAWS.values()}) == len(Stream)
    assert sorted(Stream) == list(range(len(Stream)))


def test_numbers_tell_generators_apart() -> None:
    """Proves that seed, stream, epoch and layer are all in the seed, in this order, and plain numbers."""
    assert Stream.DROPOUT.seed(7, 2, 5) == (7, 3, 2, 5)
    assert all(type(number) is int for number in Stream.DROPOUT.seed(7, 2, 5))
    drawn = Stream.DROPOUT.generator(3, 2, 5).integers(0, 2**31, 2, np.uint32)
    assert drawn.tolist() == [649563242, 1993883179]


def test_pictures_are_chosen_and_dealt_as_before(dataset: Dataset) -> None:
    """Proves that the surplus and the sides of a data set are those that the same seed gave before the table."""
    sides = {side: [picture.path for picture in pictures] for side, pictures in dataset.sides.items()}
    assert sides[Side.TEST] == ["Cat/015.png", "Cat/017.png", "Dog/001.png", "Dog/012.png"]
    assert sides[Side.VALIDATION] == ["Cat/003.png", "Cat/013.png", "Dog/002.png", "Dog/005.png"]
    assert len(sides[Side.TRAIN]) == 16
    assert {file.path for file in dataset.left_out} >= {"Cat/001.png", "Dog/004.png", "Dog/017.png"}


def test_an_epoch_is_as_before(dataset: Dataset) -> None:
    """Proves that the order of an epoch and the batches that are mixed are those of before the table."""
    order = [targets.astype(int).tolist() for _, targets in epoch_batches(dataset, CONFIG, 1)]
    assert order == [[1, 1, 1, 1, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0, 1, 0]]
    pixels = np.arange(2, dtype=np.uint8)[:, None, None, None] * np.ones((2, 8, 8, 3), np.uint8)
    lessons, targets = Lessons(CONFIG, 1, None), np.arange(2, dtype=np.float32)
    mixed = [index for index in range(16) if lessons.of(pixels, targets, 2)[0] is not pixels]
    assert mixed == [1, 2, 5, 8, 15]


def test_recalibration_is_as_before(dataset: Dataset) -> None:
    """Proves that batch normalisation is measured on the same pictures in the same order as before the table."""
    by_content = {dataset.pixels[picture.row].tobytes(): picture.path for picture in dataset.sides[Side.TRAIN]}
    paths = [by_content[picture.tobytes()] for picture in _some_training_pictures(dataset, 3)]
    assert paths[:4] == ["Dog/008.png", "Cat/012.png", "Cat/000.png", "Cat/009.png"]
    assert len(paths) == 16


def test_negatives_are_dealt_and_matched_as_before(dataset: Dataset, cache: Path, tmp_path: Path) -> None:
    """Proves that kinds go to sides and negatives to models as they did for the same seed before the table."""
    made = add_negatives(dataset, write_pets(tmp_path / "kinds", *KINDS, count=3), SMALL, 3, cache=cache)
    kinds = {
        side: sorted({Path(picture.path).parent.name for picture in pictures} & set(KINDS))
        for side, pictures in made.sides.items()
    }
    assert kinds[Side.VALIDATION] == ["crab"]
    assert kinds[Side.TEST] == ["emu", "lamp"]
    models = dataset.sides[Side.TRAIN]
    negatives = [picture for picture in made.sides[Side.TRAIN] if picture.label == made.neither]
    chosen = [
        [hashlib.sha256(f"1 {negative.sha256} {model.sha256}".encode()).hexdigest() for model in models].index(
            made.copies[negative.row].stem
        )
        for negative in negatives[:6]
    ]
    assert chosen == [0, 2, 0, 14, 13, 14]


def test_no_generator_is_made_beside_the_table() -> None:
    """Proves that only the table, the passes over a seed of it, and the sample set make generators."""
    makers = set()
    for path in (ROOT / "trainer").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng"):
                makers.add(path.relative_to(ROOT / "trainer").as_posix())
    assert makers == {"random_streams.py", "batches.py", "data/drawing.py", "data/sample.py"}
