"""What is saved after each epoch: the network with its optimiser, and the figures so far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.atomic_file import replace_file
from edge_runtime.bounded_file import reason_of
from edge_runtime.errors import RunFolderError
from edge_runtime.run_folder import Epoch, write_json
from edge_runtime.strict_json import read_json
from trainer.errors import RunError
from trainer.network.saved import load_network

if TYPE_CHECKING:
    import keras

STATE = "state.json"


@dataclass(frozen=True)
class FitState:
    """What a checkpoint holds beside the weights.

    Args:
        history: the epochs done.
        keep_best: whether the result is the epoch of the lowest validation loss; otherwise it is the last.
        suspects: rows of training pictures that are left out because their label is probably wrong.
        diverged: why the training stopped with a loss that is not finite; empty when it did not.
    """

    history: tuple[Epoch, ...] = ()
    keep_best: bool = True
    suspects: tuple[int, ...] = ()
    diverged: str = ""

    @property
    def best(self) -> int:
        """Index of the epoch with the lowest validation loss; -1 before the first epoch."""
        losses = [
            math.inf if math.isnan(epoch.validation_loss) else epoch.validation_loss for epoch in self.history
        ]
        return losses.index(min(losses)) if losses else -1

    @property
    def kept(self) -> int:
        """Index of the epoch whose network is the result; -1 before the first epoch."""
        return self.best if self.keep_best else len(self.history) - 1


def read_state(folder: Path, *, keep_best: bool = True) -> FitState:
    """Return the state of the newest checkpoint in `folder`, or an empty one.

    Raises:
        RunError: it cannot be read.
    """
    path = folder / STATE
    if not path.exists():
        return FitState(keep_best=keep_best)
    try:
        values = read_json(path, finite=False)
        history = tuple(map(Epoch.from_dict, values["history"]))
        return FitState(history, keep_best, tuple(values["suspects"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError, RunFolderError) as error:
        raise RunError(f"{path}: cannot be read ({reason_of(error)}). {_advice(folder)}") from error


def write_checkpoint(folder: Path, model: keras.Model, state: FitState) -> None:
    """Write the network, then the state that counts it. Then delete checkpoints that are not needed any more."""
    newest = len(state.history) - 1
    partial = folder / "partial.keras"
    model.save(partial)
    replace_file(partial, _path(folder, newest))
    write_json(
        folder / STATE, {"history": [epoch.to_dict() for epoch in state.history], "suspects": list(state.suspects)}
    )
    for path in folder.glob("checkpoint-*.keras"):
        if path not in (_path(folder, newest), _path(folder, state.kept)):
            path.unlink()


def read_checkpoint(folder: Path, number: int) -> keras.Model:
    """Return the compiled network after epoch `number`, from 0.

    Raises:
        RunError: it cannot be read.
    """
    return load_network(_path(folder, number), compiled=True, advice=_advice(folder))


def _path(folder: Path, number: int) -> Path:
    return folder / f"checkpoint-{number:04d}.keras"


def _advice(folder: Path) -> str:
    return f"Delete {folder} and train again."
