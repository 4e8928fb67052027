"""Networks that were saved as Keras files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.keras_file import require_bounded
from trainer.errors import RunError

if TYPE_CHECKING:
    import keras


def load_network(path: Path, *, compiled: bool, advice: str) -> keras.Model:
    """Load a network from a `.keras` file.

    Args:
        path: the file.
        compiled: whether its optimiser, loss and metrics are loaded too.
        advice: what to do when the file cannot be read; ends the error's message.

    Raises:
        RunError: the file is missing, damaged or too large.
    """
    import keras

    try:
        require_bounded(path)
        return keras.saving.load_model(path, compile=compiled)
    except Exception as error:  # damaged archives raise almost anything (BadZipFile, KeyError, OSError, ...)
        raise RunError(f"{path}: cannot be read ({error}). {advice}") from error
