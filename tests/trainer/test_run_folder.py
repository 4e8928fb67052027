"""The run folder: everything its docstring lists, nothing else, and enough to do it all again."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import OutputError
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.run_folder import Side
from tests.trainer.conftest import PLAN, SMALL, Finished, Silent
from trainer.config import TrainConfig, read_config
from trainer.data.dataset import Dataset, read_dataset
from trainer.errors import RunError
from trainer.fit import predict_scores
from trainer.run_folder import (
    alone_in,
    find_unfinished,
    finish_run,
    forget_unbegun,
    keep_splits,
    partial_folder,
    start_run,
)


def read(path: Path) -> object:
    return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_holds_what_is_listed_and_nothing_else(finished: Finished) -> None:
    """Proves that every file of the docstring is there, no checkpoint is left, and no partial folder either."""
    assert {path.name for path in finished.folder.iterdir()} == {
        "model.keras",
        "run.json",
        "config.toml",
        "splits.json",
        "history.json",
        "metrics.json",
        "report.md",
        "learning_curves.png",
        "confusion.png",
        "mistakes.png",
        "tensorboard",
    }
    assert [path.name for path in finished.folder.parent.iterdir()] == ["pets"]


def test_run_json(finished: Finished) -> None:
    """Proves that the exporter finds labels, preprocessing, seed and versions."""
    run = read(finished.folder / "run.json")
    assert (run["schema_version"], run["name"], run["labels"]) == (1, "pets", ["cat", "dog"])
    assert Preprocessing.from_dict(run["preprocessing"]) == SMALL
    assert (run["architecture"], run["data"], run["seed"]) == ("report", finished.config.data, 0)
    assert set(run["versions"]) >= {"python", "catdog-edge", "tensorflow", "keras", "numpy", "pillow"}


def test_splits_and_figures(finished: Finished) -> None:
    """Proves that splits.json is the split trained on, and history and metrics are what was returned."""
    assert read(finished.folder / "splits.json") == finished.dataset.splits().to_dict()
    assert len(read(finished.folder / "history.json")) == 2
    metrics = read(finished.folder / "metrics.json")
    assert metrics["test"] == json.loads(json.dumps(finished.evaluation.to_dict()))
    losses = [epoch["validation_loss"] for epoch in read(finished.folder / "history.json")]
    assert metrics["kept_epoch"] == 1 + int(np.argmin(losses))


def test_model_gives_the_reported_accuracy(finished: Finished) -> None:
    """Proves that model.keras loads by itself, without optimiser, and scores the test split as reported."""
    import keras

    model = keras.saving.load_model(finished.folder / "model.keras")
    assert getattr(model, "optimizer", None) is None
    assert (finished.folder / "model.keras").stat().st_size < 1.1 * 4 * model.count_params()
    guess = predict_scores(model, finished.dataset, Side.TEST).argmax(axis=1)
    assert (guess == finished.dataset.targets(Side.TEST)).mean() == finished.evaluation.accuracy


def test_config_trains_the_same_again(finished: Finished, tmp_path: Path) -> None:
    """Proves that a run from the config.toml of a run has its losses, to the bit."""
    from trainer.training import train

    config = read_config(finished.folder / "config.toml", {})
    assert config == finished.config
    start_run(tmp_path, "again", replace(config, tensorboard=False))
    folder, evaluation = train(
        replace(config, tensorboard=False), "again", runs=tmp_path, observer=Silent(), cache=finished.cache
    )
    assert evaluation == finished.evaluation
    timeless = [
        [{key: epoch[key] for key in ("loss", "validation_loss")} for epoch in read(path / "history.json")]
        for path in (folder, finished.folder)
    ]
    assert timeless[0] == timeless[1]
    assert not (folder / "tensorboard").exists()


def test_tensorboard_log(finished: Finished) -> None:
    """Proves that the log holds every figure of every epoch at its number, as TensorBoard's scalars."""
    from tensorflow import make_ndarray
    from tensorflow.core.util import event_pb2
    from tensorflow.data import TFRecordDataset

    found = {}
    for path in (finished.folder / "tensorboard").iterdir():
        for record in TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                found[event.step, value.tag] = float(make_ndarray(value.tensor))
    history = read(finished.folder / "history.json")
    expected = {(step, name): value for step, epoch in enumerate(history, 1) for name, value in epoch.items()}
    assert found == pytest.approx(expected, rel=1e-6)


def test_name_taken(tmp_path: Path) -> None:
    """Proves that neither a whole nor an unfinished run is ever written over."""
    start_run(tmp_path, "a", TrainConfig())
    with pytest.raises(RunError, match=r"unfinished run of that name is there. Add --resume"):
        start_run(tmp_path, "a", TrainConfig())
    (tmp_path / "b").mkdir()
    with pytest.raises(RunError, match=r"a run of that name is there. Choose another --name"):
        start_run(tmp_path, "b", TrainConfig())


@pytest.mark.parametrize("name", ["a/b", "../up", ".hidden", "/abs", "a\\b"])
def test_name_must_be_one_folder(tmp_path: Path, name: str) -> None:
    """Proves that a name that would lie elsewhere or be hidden is refused before training, not after."""
    with pytest.raises(OutputError, match="--name: expected one folder name"):
        start_run(tmp_path / "runs", name, TrainConfig())
    assert list(tmp_path.iterdir()) == []


def test_runs_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Proves that an unusable --runs is one error with a remedy."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match=r"cannot be made .*--runs"):
        start_run(tmp_path / "file", "a", TrainConfig())


def test_find_unfinished(tmp_path: Path) -> None:
    """Proves that resuming finds the newest unfinished run, or the one named, with its config."""
    for age, name in ((30, "first"), (10, "second [1]"), (20, "third")):
        folder = start_run(tmp_path, name, TrainConfig(seed=age))
        os.utime(folder / "config.toml", (10**9 - age, 10**9 - age))
    (tmp_path / "whole").mkdir()
    assert find_unfinished(tmp_path, None) == ("second [1]", TrainConfig(seed=10))
    assert find_unfinished(tmp_path, "second [1]") == ("second [1]", TrainConfig(seed=10))
    assert find_unfinished(tmp_path, "first") == ("first", TrainConfig(seed=30))
    for name in ("whole", "fir*", "absent"):
        with pytest.raises(RunError, match="no unfinished run named"):
            find_unfinished(tmp_path, name)


def test_one_trainer_a_run(tmp_path: Path) -> None:
    """Proves that a second trainer is kept out of a run until the first has left it."""
    with alone_in(tmp_path), pytest.raises(RunError, match="another catdog-train is at work"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass


def test_nothing_to_resume(tmp_path: Path) -> None:
    """Proves that an absent or empty runs folder gives an error and not an empty name."""
    for runs in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RunError, match="no unfinished run to resume"):
            find_unfinished(runs, None)


def test_finish_deletes_what_training_needed(tmp_path: Path) -> None:
    """Proves that checkpoints, state and half-written files go and the folder gets its name."""
    folder = start_run(tmp_path, "a", TrainConfig())
    for name in (
        "checkpoint-0000.keras",
        "checkpoint-0012.keras",
        "partial.keras",
        "state.json",
        "state.json.partial",
    ):
        (folder / name).write_bytes(b"")
    assert finish_run(folder, tmp_path, "a") == tmp_path / "a"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["config.toml"]
    assert not folder.exists()


def test_forget_only_what_has_no_checkpoint(tmp_path: Path) -> None:
    """Proves that a run that never began frees its name, and one with a checkpoint is kept."""
    start_run(tmp_path, "a", TrainConfig())
    forget_unbegun(tmp_path, "a")
    (start_run(tmp_path, "b", TrainConfig()) / "state.json").write_text("{}")
    forget_unbegun(tmp_path, "b")
    forget_unbegun(tmp_path, "absent")
    assert [path.name for path in tmp_path.iterdir()] == [".b.partial"]


def test_changed_data_cannot_be_resumed(pets: Path, cache: Path, pets_dataset: Dataset, tmp_path: Path) -> None:
    """Proves that a run with a checkpoint refuses another split, which would test on pictures trained on."""
    folder = start_run(tmp_path, "a", TrainConfig())
    keep_splits(folder, pets_dataset)
    shutil.copytree(pets, tmp_path / "pets")
    (tmp_path / "pets" / "Cat" / "004.png").unlink()
    changed = read_dataset(tmp_path / "pets", SMALL, PLAN, cache=cache)
    keep_splits(folder, changed)  # no epoch done yet: nothing is spoilt
    keep_splits(folder, pets_dataset)
    epoch = dict.fromkeys(
        ("loss", "accuracy", "validation_loss", "validation_accuracy", "seconds", "waiting_share"), 1
    )
    (folder / "state.json").write_text(json.dumps({"history": [epoch], "suspects": []}))
    keep_splits(folder, pets_dataset)
    with pytest.raises(RunError, match="not those that this run began with"):
        keep_splits(folder, changed)
    assert read(folder / "splits.json") == pets_dataset.splits().to_dict()
    assert partial_folder(tmp_path, "a") == folder
