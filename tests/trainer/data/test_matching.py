"""Copies of negatives: saved as a picture of the classes is, so that only their content tells them apart."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from tests.trainer.conftest import SMALL, draw_blocks
from trainer.data.matching import match_files
from trainer.data.picture import Picture
from trainer.errors import DataError


def described(path: Path) -> Picture:
    """Describe a file as a data set does, with its name for its hash."""
    return Picture(path.name, 0, path.name, "", 0)


@pytest.fixture
def negatives(tmp_path: Path) -> list[Picture]:
    """Eight pictures of 48 pixels."""
    for number in range(8):
        draw_blocks((number,)).save(tmp_path / f"negative{number}.png")
    return [described(tmp_path / f"negative{number}.png") for number in range(8)]


@pytest.fixture
def models(tmp_path: Path) -> list[Picture]:
    """Three JPEG files of other sizes and qualities."""
    for number in range(3):
        size = (20 + number, 30 + number)
        Image.new("RGB", size).save(tmp_path / f"model{number}.jpg", quality=30 + 20 * number)
    return [described(tmp_path / f"model{number}.jpg") for number in range(3)]


def sizes(paths: list[Path]) -> list[tuple[int, int]]:
    return [Image.open(path).size for path in paths]


@pytest.mark.parametrize("side", [40, 90])
def test_copy_has_size_and_compression_of_its_model(tmp_path: Path, side: int) -> None:
    """Proves that a copy is compressed like its model and squashed to its size, but never enlarged."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "negative.png")
    Image.new("RGB", (side, side)).save(tmp_path / "model.jpg", quality=31, subsampling=1)
    negative, model = (Picture(name, 0, name, "", 0) for name in ("negative.png", "model.jpg"))
    [copy] = match_files([negative], [model], tmp_path, SMALL, 0, folder=tmp_path / "matched")
    with Image.open(copy) as made, Image.open(tmp_path / "model.jpg") as like:
        assert made.size == ((40, 40) if side == 40 else (60, 60))
        assert made.quantization == like.quantization
        assert JpegImagePlugin.get_sampling(made) == JpegImagePlugin.get_sampling(like) == 1


def test_a_model_that_is_no_jpeg_makes_a_png(tmp_path: Path) -> None:
    """Proves that where the classes are not compressed, the copies are exact: only their size may change."""
    picture = draw_blocks((1,))
    picture.save(tmp_path / "negative.png")
    draw_blocks((2,), side=60).save(tmp_path / "model.png")
    described_both = (described(tmp_path / name) for name in ("negative.png", "model.png"))
    [copy] = match_files(*([one] for one in described_both), tmp_path, SMALL, 0, folder=tmp_path / "matched")
    with Image.open(copy) as made:
        assert made.format == "PNG"
        np.testing.assert_array_equal(np.asarray(made), np.asarray(picture))


def test_copies_are_in_the_order_of_the_negatives(
    tmp_path: Path, negatives: list[Picture], models: list[Picture]
) -> None:
    """Proves that each copy shows its own negative, so that labels and rows stay with their pictures."""
    copies = match_files(negatives, models, tmp_path, SMALL, 0, folder=tmp_path / "matched")
    shown = [np.asarray(Image.open(path).convert("RGB").resize((8, 8)), float) for path in copies]
    own = [np.asarray(Image.open(tmp_path / one.path).resize((8, 8)), float) for one in negatives]
    for index, copy in enumerate(shown):
        distances = [np.abs(copy - picture).mean() for picture in own]
        assert int(np.argmin(distances)) == index


def test_the_seed_chooses_the_models(tmp_path: Path, negatives: list[Picture], models: list[Picture]) -> None:
    """Proves that the same seed gives the same copies, another seed others, and several models are used."""
    first, again, other = (
        match_files(negatives, models, tmp_path, SMALL, seed, folder=tmp_path / "matched") for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    assert len(set(sizes(first))) > 1
    assert set(sizes(first)) <= {(20, 30), (21, 31), (22, 32)}


def test_a_copy_is_made_once(tmp_path: Path, negatives: list[Picture], models: list[Picture]) -> None:
    """Proves that copies that are there are left alone, and nothing half-written stays beside them."""
    folder = tmp_path / "matched"
    copies = match_files(negatives, models, tmp_path, SMALL, 0, folder=folder)
    for path in copies:
        os.utime(path, (1, 1))
    assert match_files(negatives, models, tmp_path, SMALL, 0, folder=folder) == copies
    assert {path.stat().st_mtime for path in copies} == {1}
    assert {path.suffix for path in folder.iterdir()} == {".picture"}


def test_a_picture_that_is_gone_is_named(tmp_path: Path, negatives: list[Picture], models: list[Picture]) -> None:
    """Proves that a model deleted since it was read is our error, with both files and what to do."""
    for model in models:
        (tmp_path / model.path).unlink()
    with pytest.raises(DataError, match=r"negative\d\.png: cannot be copied to .*model\d\.jpg"):
        match_files(negatives, models, tmp_path, SMALL, 0, folder=tmp_path / "matched")
