"""Checkpoints: what is written is what is read, and only what is needed stays."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.run_folder import Epoch
from trainer.checkpoint import STATE, FitState, read_checkpoint, read_state, write_checkpoint
from trainer.errors import RunError

pytestmark = pytest.mark.usefixtures("keras_started")


def epoch(validation_loss: float) -> Epoch:
    return Epoch(0.5, 0.75, validation_loss, 0.7, 3.25, 0.01)


def state(*losses: float, **changes: Any) -> FitState:
    return replace(FitState(tuple(map(epoch, losses))), **changes)


def network(value: float = 0.0) -> Any:
    """A network of one weight, compiled."""
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.full((1, 1), value)])
    model.compile("adam", "mse")
    return model


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ((), -1),
        ((0.5,), 0),
        ((0.5, 0.4, 0.45), 1),
        ((0.5, 0.4, 0.4), 1),
        ((float("nan"), 0.9, float("nan")), 1),
        ((float("nan"), float("nan")), 0),
        ((float("inf"), 2.0), 1),
    ],
)
def test_best_is_the_first_lowest_loss(losses: tuple[float, ...], best: int) -> None:
    """Proves that ties go to the earlier epoch and a loss that is no number is never the lowest."""
    assert state(*losses).best == best
    assert state(*losses).kept == best
    assert state(*losses, keep_best=False).kept == len(losses) - 1


def test_state_comes_back(tmp_path: Path) -> None:
    """Proves that history and suspects survive the file, and whether the best is kept is the caller's choice."""
    written = state(0.5, 0.4, suspects=(3, 7))
    write_checkpoint(tmp_path, network(), written)
    assert read_state(tmp_path) == written
    assert read_state(tmp_path, keep_best=False) == replace(written, keep_best=False)


def test_no_state_is_the_beginning(tmp_path: Path) -> None:
    """Proves that an empty folder is a run before its first epoch."""
    assert read_state(tmp_path) == FitState()
    assert read_state(tmp_path, keep_best=False) == FitState(keep_best=False)


def test_only_the_newest_and_the_kept_checkpoint_stay(tmp_path: Path) -> None:
    """Proves that after each epoch there are the newest network and the best one, and nothing half-written."""
    losses = (0.5, 0.4, 0.6, 0.7, 0.3)
    stay = [{0}, {1}, {1, 2}, {1, 3}, {4}]
    for number, expected in enumerate(stay):
        write_checkpoint(tmp_path, network(number), state(*losses[: number + 1]))
        assert files(tmp_path) == [*(f"checkpoint-{index:04d}.keras" for index in sorted(expected)), STATE]
    assert read_checkpoint(tmp_path, 4).get_weights()[0].item() == 4


def test_without_the_best_only_the_newest_stays(tmp_path: Path) -> None:
    """Proves that a run that keeps its last epoch does not fill the disk with earlier ones."""
    for number in range(3):
        write_checkpoint(tmp_path, network(number), state(*(0.1, 0.2, 0.3)[: number + 1], keep_best=False))
    assert files(tmp_path) == ["checkpoint-0002.keras", STATE]


def test_the_optimiser_comes_back(tmp_path: Path) -> None:
    """Proves that a run continues with the momentum it had: the optimiser's steps are saved with the network."""
    model = network(1.0)
    for _ in range(3):
        model.train_on_batch(np.ones((2, 1)), np.zeros((2, 1)))
    write_checkpoint(tmp_path, model, state(0.5))
    loaded = read_checkpoint(tmp_path, 0)
    assert int(loaded.optimizer.iterations) == 3
    for old, new in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(old), np.asarray(new))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"history": [{}], "suspects": []}',
        '{"history": [5], "suspects": []}',
        '{"history": []}',
    ],
)
def test_a_damaged_state_is_one_error(tmp_path: Path, content: str) -> None:
    """Proves that whatever stands in state.json, the error names it and says what to delete."""
    (tmp_path / STATE).write_text(content)
    with pytest.raises(RunError, match=r"state\.json: cannot be read .*Delete .* and train again"):
        read_state(tmp_path)


def test_a_checkpoint_that_is_gone_is_named(tmp_path: Path) -> None:
    """Proves that a deleted checkpoint is one error with its number."""
    with pytest.raises(RunError, match=r"checkpoint-0007\.keras: cannot be read .*Delete .* and train again"):
        read_checkpoint(tmp_path, 7)


def test_figures_are_written_with_their_names(tmp_path: Path) -> None:
    """Proves that state.json has the keys of history.json, so that a person can read it during a training."""
    write_checkpoint(tmp_path, network(), state(0.25))
    values = json.loads((tmp_path / STATE).read_text())
    assert values == {"history": [epoch(0.25).to_dict()], "suspects": []}
