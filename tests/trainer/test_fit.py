"""Fitting: the same after an interruption, the best epoch kept, and old checkpoints gone."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.run_folder import Epoch, Side
from tests.trainer.conftest import Silent
from trainer.checkpoint import FitState, read_state
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset
from trainer.errors import RunError
from trainer.fit import compile_network, evaluate, fit, predict_scores
from trainer.network.architectures import report_network

pytestmark = pytest.mark.usefixtures("keras_started")

CONFIG = TrainConfig(image_size=32, epochs=3, batch_size=8, augment=True)


class Stopping(Silent):
    """Presses Ctrl-C in a step of the epoch named."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_step(self, number: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        super().on_step(number, step, steps, loss, accuracy)
        if (number, step) == (self.epoch, 2):
            raise KeyboardInterrupt


def new_network(config: TrainConfig = CONFIG) -> object:
    import keras

    keras.utils.set_random_seed(config.seed)
    model = report_network(32, 1)
    compile_network(model, config, 9)
    return model


def run(dataset: Dataset, folder: Path, config: TrainConfig = CONFIG, observer: Silent | None = None) -> tuple:
    folder.mkdir(exist_ok=True)
    return fit(new_network(config), dataset, config, folder=folder, observer=observer or Silent())


def figures(state: FitState) -> list[tuple[float, ...]]:
    return [(e.loss, e.accuracy, e.validation_loss, e.validation_accuracy) for e in state.history]


@pytest.fixture(scope="module")
def whole(pets_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """An uninterrupted fit: network, state, folder and observer."""
    folder, observer = tmp_path_factory.mktemp("whole"), Silent()
    model, state = run(pets_dataset, folder, observer=observer)
    return model, state, folder, observer


def test_history_is_whole(whole: tuple) -> None:
    """Proves that every epoch has sensible figures and every step and epoch is reported once, in order."""
    _, state, _, observer = whole
    assert len(state.history) == 3
    for epoch in state.history:
        assert epoch.loss > 0
        assert epoch.validation_loss > 0
        assert 0 <= epoch.accuracy <= 1
        assert 0 <= epoch.validation_accuracy <= 1
        assert epoch.seconds > 0
        assert 0 <= epoch.waiting_share < 1
    assert observer.epochs == [0, 1, 2]
    assert observer.steps == [(number, step, 3) for number in range(3) for step in (1, 2, 3)]


def test_interrupted_and_resumed_is_the_same(pets_dataset: Dataset, whole: tuple, tmp_path: Path) -> None:
    """Proves that a fit stopped in the middle of epoch 2 and resumed gives the same history to the bit."""
    with pytest.raises(KeyboardInterrupt):
        run(pets_dataset, tmp_path, observer=Stopping(1))
    assert len(read_state(tmp_path).history) == 1
    observer = Silent()
    model, state = run(pets_dataset, tmp_path, observer=observer)
    assert figures(state) == figures(whole[1])
    assert observer.epochs == [1, 2]
    for weight, expected in zip(model.get_weights(), whole[0].get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_only_newest_and_best_checkpoint_stay(pets_dataset: Dataset, whole: tuple) -> None:
    """Proves that the folder holds the state and at most two checkpoints, and nothing half written."""
    _, state, folder, _ = whole
    kept = {f"checkpoint-{number:04d}.keras" for number in (state.best, 2)}
    assert {path.name for path in folder.iterdir()} == kept | {"state.json"}


def test_best_epoch_is_returned(pets_dataset: Dataset, whole: tuple) -> None:
    """Proves that the network returned has the lowest validation loss of the history, and that epoch's accuracy."""
    model, state, _, _ = whole
    losses = [epoch.validation_loss for epoch in state.history]
    assert state.best == int(np.argmin(losses))
    loss, accuracy = evaluate(model, pets_dataset, Side.VALIDATION)
    assert loss == pytest.approx(min(losses), rel=1e-6)
    assert accuracy == state.history[state.best].validation_accuracy


def test_the_last_epoch_is_returned_when_asked_for(pets_dataset: Dataset, whole: tuple, tmp_path: Path) -> None:
    """Proves that without keep_best the result is the newest checkpoint, though an earlier one has a lower loss."""
    for number in range(3):
        shutil.copy(whole[2] / f"checkpoint-{whole[1].kept:04d}.keras", tmp_path / f"checkpoint-{number:04d}.keras")
    history = [dict(vars(epoch)) for epoch in whole[1].history]
    history[0]["validation_loss"] = 1e-9
    (tmp_path / "state.json").write_text(json.dumps({"history": history, "suspects": []}))
    _, state = run(pets_dataset, tmp_path, replace(CONFIG, epochs=4, keep_best=False))
    assert (state.best, state.kept) == (0, 3)
    assert {path.name for path in tmp_path.glob("*.keras")} == {"checkpoint-0003.keras"}


def test_early_stopping_keeps_the_best(pets_dataset: Dataset, whole: tuple, tmp_path: Path) -> None:
    """Proves that epochs without progress end the fit, resumed or not, and an earlier, better one is returned."""
    shutil.copy(whole[2] / "checkpoint-0002.keras", tmp_path)
    history = [dict(vars(epoch)) for epoch in whole[1].history]
    loss, history[2]["validation_loss"] = history[2]["validation_loss"], 1e-9  # none that follows is better
    (tmp_path / "state.json").write_text(json.dumps({"history": history, "suspects": []}))
    for expected in ([3, 4], []):
        observer = Silent()
        model, state = run(pets_dataset, tmp_path, replace(CONFIG, epochs=9, early_stopping=2), observer)
        assert observer.epochs == expected
        assert (len(state.history), state.best) == (5, 2)
        assert evaluate(model, pets_dataset, Side.VALIDATION)[0] == pytest.approx(loss, rel=1e-6)
    assert {path.name for path in tmp_path.glob("*.keras")} == {"checkpoint-0002.keras", "checkpoint-0004.keras"}


def test_reported_loss_is_the_mean_over_the_epoch(pets_dataset: Dataset, tmp_path: Path) -> None:
    """Proves that pictures in a short last batch weigh as much as others, and that no batch is counted twice."""
    import keras

    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    model.set_weights([np.linspace(-1e-4, 1e-4, 3072)[:, None], np.zeros(1)])
    config = replace(CONFIG, epochs=1, batch_size=10, learning_rate=1e-8, augment=False)
    compile_network(model, config, 4)
    expected = evaluate(model, pets_dataset, Side.TRAIN)
    _, state = fit(model, pets_dataset, config, folder=tmp_path, observer=Silent())
    assert len(pets_dataset.sides[Side.TRAIN]) % 10 == 4
    assert (state.history[0].loss, state.history[0].accuracy) == pytest.approx(expected, rel=1e-3)


def test_scores_are_shares_of_one(pets_dataset: Dataset, whole: tuple) -> None:
    """Proves that a sigmoid's one output becomes a score for each of the two labels."""
    scores = predict_scores(whole[0], pets_dataset, Side.TEST)
    assert scores.shape == (8, 2)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    pictures = pets_dataset.pixels[pets_dataset.rows(Side.TEST)]
    np.testing.assert_allclose(scores[:, 1], np.asarray(whole[0].predict_on_batch(pictures))[:, 0], atol=1e-6)


@pytest.mark.parametrize("damage", ["cut off", "bits changed", "absent"])
def test_damaged_checkpoint(pets_dataset: Dataset, whole: tuple, tmp_path: Path, damage: str) -> None:
    """Proves that a checkpoint that cannot be read is one error that names it and says what to do."""
    content = (whole[2] / "checkpoint-0002.keras").read_bytes()
    middle = len(content) // 2
    path = tmp_path / "checkpoint-0002.keras"
    (tmp_path / "state.json").write_text((whole[2] / "state.json").read_text())
    if damage == "cut off":
        path.write_bytes(content[:middle])
    elif damage == "bits changed":
        path.write_bytes(
            content[:middle] + bytes(byte ^ 255 for byte in content[middle : middle + 99]) + content[middle + 99 :]
        )
    with pytest.raises(RunError, match=r"checkpoint-0002\.keras: cannot be read .*Delete .* train again"):
        run(pets_dataset, tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"history": [{"loss": 1}]}'])
def test_damaged_state(tmp_path: Path, content: str) -> None:
    """Proves that a state of any other shape is one error that names it."""
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(RunError, match=r"state\.json: cannot be read"):
        read_state(tmp_path)


def test_no_state_is_the_beginning(tmp_path: Path) -> None:
    """Proves that an empty folder means no epoch done."""
    assert read_state(tmp_path) == FitState()


def test_best_follows_the_lowest_loss() -> None:
    """Proves that ties keep the earlier epoch and that an epoch that diverged to NaN is never the best."""
    state = FitState()
    bests = []
    for loss in (math.nan, math.nan, 0.7, 0.5, math.nan, 0.5, 0.4):
        state = replace(state, history=(*state.history, Epoch(1, 0.5, loss, 0.5, 1, 0)))
        bests.append(state.best)
    assert bests == [0, 0, 2, 3, 3, 3, 6]
