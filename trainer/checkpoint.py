"""What is kept after each epoch: the network and its optimiser, and the figures so far."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import RunError

if TYPE_CHECKING:
    import keras

STATE = "state.json"


@dataclass(frozen=True)
class Epoch:
    """Figures of one epoch.

    Args:
        loss: mean training loss over the epoch, while the weights changed.
        accuracy: training accuracy, 0-1, likewise, with dropout on.
        validation_loss: loss on the validation split after the epoch.
        validation_accuracy: accuracy on the validation split after the epoch, 0-1.
        seconds: length of the epoch without validation and checkpoint.
        waiting_share: share of these seconds spent waiting for pictures, 0-1.
    """

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    waiting_share: float


@dataclass(frozen=True)
class FitState:
    """What a checkpoint holds beside the weights.

    Args:
        history: the epochs done.
        keep_best: whether the epoch of the lowest validation loss is the result, and not the last.
        suspects: rows of training pictures that are left out as wrongly labelled.
    """

    history: tuple[Epoch, ...] = ()
    keep_best: bool = True
    suspects: tuple[int, ...] = ()

    @property
    def best(self) -> int:
        """Index of the epoch with the lowest validation loss, or -1 before the first."""
        losses = [
            math.inf if math.isnan(epoch.validation_loss) else epoch.validation_loss for epoch in self.history
        ]
        return losses.index(min(losses)) if losses else -1

    @property
    def kept(self) -> int:
        """Index of the epoch whose network is the result, or -1 before the first."""
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
        values = json.loads(path.read_text())
        history = tuple(Epoch(**epoch) for epoch in values["history"])
        return FitState(history, keep_best, tuple(values["suspects"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(path, error) from error


def write_checkpoint(folder: Path, model: keras.Model, state: FitState) -> None:
    """Write the checkpoint, then the state that names it, then delete checkpoints no longer named."""
    newest = len(state.history) - 1
    partial = folder / "partial.keras"
    model.save(partial)
    partial.replace(_path(folder, newest))
    text = folder / "state.json.partial"
    text.write_text(json.dumps({"history": [asdict(epoch) for epoch in state.history], "suspects": state.suspects}))
    text.replace(folder / STATE)
    for path in folder.glob("checkpoint-*.keras"):
        if path not in (_path(folder, newest), _path(folder, state.kept)):
            path.unlink()


def read_checkpoint(folder: Path, number: int) -> keras.Model:
    """Return the compiled network after epoch `number`, from 0.

    Raises:
        RunError: it cannot be read.
    """
    import keras

    path = _path(folder, number)
    try:
        return keras.saving.load_model(path)
    except Exception as error:  # damaged archives raise almost anything (BadZipFile, KeyError, OSError, ...)
        raise _damaged(path, error) from error


def _path(folder: Path, number: int) -> Path:
    return folder / f"checkpoint-{number:04d}.keras"


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(f"{path}: checkpoint cannot be read ({error}). Delete {path.parent} and train again.")
