"""A whole training: what is asked of the data, what is told, and what is refused before anything is read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.run_folder import read_history, read_run_folder
from tests.trainer.conftest import Finished, Silent, write_pets
from trainer import training
from trainer.config import MICROSOFT, SAMPLE, TrainConfig
from trainer.errors import ConfigError, DataError
from trainer.network.architectures import ANY_SIDE, ARCHITECTURES
from trainer.run_folder import partial_folder, start_run
from trainer.training import _architecture, _data_folder, train

SMALL_CONFIG = {"image_size": 32, "batch_size": 8, "validation_fraction": 0.2, "test_fraction": 0.2}


class Told(Silent):
    """An observer that also remembers the data set."""

    def __init__(self) -> None:
        super().__init__()
        self.datasets: list[Any] = []

    def on_dataset(self, dataset: Any) -> None:
        self.datasets.append(dataset)


def test_other_sides_need_a_network_for_them(tmp_path: Path, pets: Path, cache: Path) -> None:
    """Proves that a network of one input size cannot be trained at others, and the error says what can."""
    from trainer.training import train

    config = replace(TrainConfig(str(pets)), first_side=64)
    with pytest.raises(ConfigError, match=r"takes pictures of one side only.*compact"):
        train(config, "x", runs=tmp_path, observer=Silent(), cache=cache)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_found_by_its_name(name: str) -> None:
    """Proves that every line of the table can be trained, without a second list to forget."""
    assert _architecture(TrainConfig(architecture=name)) is ARCHITECTURES[name].build


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_growing_pictures_need_any_side(name: str) -> None:
    """Proves that the table alone decides which network may be trained at other sides."""
    config = TrainConfig(architecture=name, last_side=64)
    if name in ANY_SIDE:
        assert _architecture(config) is ARCHITECTURES[name].build
    else:
        with pytest.raises(ConfigError, match=rf"{name}.*one side only.*{' or '.join(ANY_SIDE)}"):
            _architecture(config)


def test_an_unknown_architecture_is_refused_before_the_data(tmp_path: Path) -> None:
    """Proves that a mistyped network costs no reading of pictures."""
    config = TrainConfig(str(tmp_path / "absent"), architecture="alexnet")
    with pytest.raises(ConfigError, match=r"expected one of report, compact, .*received 'alexnet'"):
        train(config, "x", runs=tmp_path, observer=Silent(), cache=tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_the_sample_is_drawn_where_the_run_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that `sample` draws the set below data/ once, and a second run finds it whole."""
    monkeypatch.chdir(tmp_path)
    folder = _data_folder(SAMPLE, Silent().on_download)
    assert folder == Path("data/sample")
    first = (folder / "Cat" / "0000.jpg").stat().st_mtime_ns
    assert len(list(folder.glob("*/*.jpg"))) == 800
    assert _data_folder(SAMPLE, Silent().on_download) == folder
    assert (folder / "Cat" / "0000.jpg").stat().st_mtime_ns == first


def test_microsoft_is_fetched_below_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that `microsoft` is downloaded, with the observer told of the progress; the rest is a folder."""
    asked: list[tuple[Path, Any]] = []

    def fetch(target: Path, *, report: Any) -> Path:
        asked.append((target, report))
        return target / "PetImages"

    monkeypatch.setattr(training, "fetch", fetch)
    watch = Silent().on_download
    assert _data_folder(MICROSOFT, watch) == Path("data/microsoft/PetImages")
    assert asked == [(Path("data/microsoft"), watch)]
    assert _data_folder("some/folder", watch) == Path("some/folder")


@pytest.mark.usefixtures("keras_started")
def test_the_observer_is_told_of_every_stage(pets: Path, cache: Path, tmp_path: Path) -> None:
    """Proves that files, split, steps and epochs are told in full: what a progress bar needs."""
    config = TrainConfig(str(pets), epochs=2, **SMALL_CONFIG)
    start_run(tmp_path, "told", config)
    told = Told()
    folder, _ = train(config, "told", runs=tmp_path, observer=told, cache=cache)
    assert told.scanned[-1] == (41, 41)
    assert [len(dataset.labels) for dataset in told.datasets] == [2]
    assert told.steps == [(epoch, step, 3) for epoch in (0, 1) for step in (1, 2, 3)]
    assert told.epochs == [0, 1]
    assert not partial_folder(tmp_path, "told").exists()
    assert len(read_history(read_run_folder(folder))) == 2


def test_the_run_says_what_was_trained(finished: Finished) -> None:
    """Proves that run.json has the options that decide how the network is fed and where it comes from."""
    run = read_run_folder(finished.folder).run
    assert (run.architecture, run.seed, run.data) == ("report", 0, finished.config.data)
    assert (run.preprocessing.width, run.preprocessing.height) == (32, 32)
    assert run.labels == finished.dataset.labels


def test_missing_data_leaves_the_partial_folder_to_its_owner(tmp_path: Path) -> None:
    """Proves that training itself deletes nothing when the data are missing; the command frees the name."""
    config = TrainConfig(str(tmp_path / "absent"))
    start_run(tmp_path, "x", config)
    with pytest.raises(DataError, match="absent: no such folder"):
        train(config, "x", runs=tmp_path, observer=Silent(), cache=tmp_path / "cache")
    assert [path.name for path in partial_folder(tmp_path, "x").iterdir()] == ["config.toml"]


@pytest.mark.usefixtures("keras_started")
def test_the_kept_network_is_float32_and_has_one_input(tmp_path: Path, cache: Path) -> None:
    """Proves that what is saved is for use: bfloat16 and growing sides are of the training alone."""
    import keras

    data = write_pets(tmp_path / "pets")
    config = replace(
        TrainConfig(str(data), architecture="compact", epochs=1, **SMALL_CONFIG),
        mixed_bfloat16=True,
        first_side=32,
        last_side=48,
    )
    start_run(tmp_path, "half", config)
    folder, evaluation = train(config, "half", runs=tmp_path, observer=Silent(), cache=cache)
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    assert model.input_shape == (None, 32, 32, 3)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert np.isfinite(evaluation.accuracy)
