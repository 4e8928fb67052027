"""A run goes on with the pictures that it began with, wherever they are now and whatever they are called."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.run_folder import Side
from edge_runtime.strict_json import read_json
from tests.trainer.conftest import PLAN, SMALL, Finished, Silent, write_class, write_pets
from tests.trainer.test_fit import Stopping
from trainer.data.begun import find_again
from trainer.data.dataset import Dataset, read_dataset
from trainer.errors import DataError
from trainer.run_folder import find_unfinished, start_run
from trainer.training import train


@pytest.fixture
def moved(pets: Path, tmp_path: Path) -> Path:
    """The pets in another folder, under other names and other folders, with a new picture among them."""
    for number, path in enumerate(sorted(pets.rglob("*.png"))):
        target = tmp_path / "moved" / f"heap{number % 3}" / f"{number:03d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    write_class(tmp_path / "moved" / "heap0", 1, first=900)
    return tmp_path / "moved"


def test_pictures_are_found_by_content(moved: Path, pets_dataset: Dataset, cache: Path) -> None:
    """Proves that sides, labels, order and pixels are those of the beginning, and new pictures change nothing."""
    found = find_again(moved, SMALL, pets_dataset.splits(), cache=cache)
    for side in Side:
        assert [p.sha256 for p in found.sides[side]] == [p.sha256 for p in pets_dataset.sides[side]]
        assert found.targets(side).tolist() == pets_dataset.targets(side).tolist()
        assert all((moved / picture.path).is_file() for picture in found.sides[side])
        np.testing.assert_array_equal(found.pixels[found.rows(side)], pets_dataset.pixels[pets_dataset.rows(side)])
    assert [(item.path, item.reason) for item in found.left_out] == [
        (item.path, item.reason) for item in pets_dataset.left_out
    ]


def test_what_the_split_said_comes_back(tmp_path: Path, cache: Path) -> None:
    """Proves that notes and near copies of the beginning are told again."""
    write_pets(tmp_path / "train", count=12)
    write_class(tmp_path / "test" / "Cat", 5, first=100)
    write_class(tmp_path / "test" / "Dog", 5, first=100)
    made = read_dataset(tmp_path, SMALL, PLAN, cache=cache)
    found = find_again(tmp_path, SMALL, made.splits(), cache=cache)
    assert (found.notes, found.alike, found.sides) == (made.notes, made.alike, made.sides)
    assert len(made.notes) == 2


def test_missing_pictures_are_counted(moved: Path, pets_dataset: Dataset, cache: Path) -> None:
    """Proves that pictures that are gone or changed end in one line with their number and what to do."""
    (moved / "heap0" / "000.png").unlink()
    (moved / "heap1" / "001.png").write_bytes(b"changed")
    with pytest.raises(
        DataError, match=r"moved: 2 of the 40 pictures that this run began .* such as Cat/00.*--data"
    ):
        find_again(moved, SMALL, pets_dataset.splits(), cache=cache)


@pytest.mark.usefixtures("keras_started")
def test_a_run_goes_on_in_another_folder_with_moved_data(
    moved: Path, pets: Path, finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that a stopped run goes on from another working folder with data that moved, to the same figures."""
    config = replace(finished.config, data="pets")
    monkeypatch.chdir(pets.parent)
    runs = tmp_path / "runs"
    start_run(runs, "stopped", config.with_absolute_paths())
    with pytest.raises(KeyboardInterrupt):
        train(config, "stopped", runs=runs, observer=Stopping(1), cache=finished.cache)
    monkeypatch.chdir(tmp_path)
    assert find_unfinished(runs, None)[1].data == str(pets)
    name, again = find_unfinished(runs, None, "moved")
    assert (name, again) == ("stopped", replace(config, data=str(moved)))
    folder, _ = train(again, name, runs=runs, observer=Silent(), cache=finished.cache)
    timeless = [
        [
            {key: value for key, value in epoch.items() if key not in ("seconds", "waiting_share")}
            for epoch in history
        ]
        for history in (read_json(folder / "history.json"), read_json(finished.folder / "history.json"))
    ]
    assert timeless[0] == timeless[1]
