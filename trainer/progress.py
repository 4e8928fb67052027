"""What a training shows while it runs, on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.picture.left_out import in_short
from edge_runtime.terminal import say

if TYPE_CHECKING:
    from edge_runtime.run_folder import Epoch
    from trainer.data.dataset import Dataset


class Progress:
    """Show a bar with the time left for each stage, and a line for each epoch."""

    def __init__(self, epochs: int) -> None:
        """Begin with no bar shown."""
        self._epochs = epochs
        self._bar: Any = None
        self._at = 0
        self._figures = ""

    def __enter__(self) -> Progress:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the bar that is open."""
        self._close()

    def on_download(self, done_bytes: int, total_bytes: int) -> None:
        """Show megabytes received."""
        self._show("downloading (MB)", done_bytes // 10**6, total_bytes // 10**6)

    def on_scan(self, done: int, total: int) -> None:
        """Show files read."""
        self._show("reading pictures", done, total)

    def on_features(self, done: int, total: int) -> None:
        """Show pictures read by the pretrained network."""
        self._show("fitting the head", done, total)

    def on_dataset(self, dataset: Dataset) -> None:
        """List the files that were left out, then say how many pictures are on each side."""
        self._close()
        for line in in_short(dataset.left_out, "splits.json"):
            say(line, err=True)
        for sentence in (*dataset.notes, *dataset.alike.sentences()):
            say(f"note: {sentence}", err=True)
        counts = ", ".join(f"{len(pictures):,} {side}" for side, pictures in dataset.sides.items())
        say(f"{' / '.join(dataset.labels)}: {counts}", err=True)

    def on_step(self, number: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """Move the epoch's bar."""
        if not sys.stderr.isatty():
            return  # a bar would print its label, and `on_epoch` prints the same one
        self._figures = f"loss {loss:.4f}, accuracy {accuracy:.1%}"
        self._show(f"epoch {number + 1}/{self._epochs}", step, steps)

    def on_epoch(self, number: int, epoch: Epoch) -> None:
        """Print the figures of an epoch and the time left for the whole run."""
        self._close()
        left_min = (self._epochs - number - 1) * epoch.seconds / 60
        say(
            f"epoch {number + 1}/{self._epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.1%}  "
            f"validation {epoch.validation_accuracy:.1%}  {epoch.seconds:.1f} s, "
            f"{epoch.waiting_share:.1%} waiting for pictures"
            f"{f', about {left_min:.0f} min left' if left_min >= 1 else ''}",
            err=True,
        )

    def _show(self, label: str, done: int, total: int) -> None:
        if self._bar is None:
            self._figures = self._figures if label.startswith("epoch") else ""
            self._at = 0
            self._bar = click.progressbar(
                length=total, label=label, file=sys.stderr, item_show_func=lambda _: self._figures or None
            )
            self._bar.__enter__()
        self._bar.update(max(0, done - self._at), True)
        self._at = max(self._at, done)
        if done >= total:
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
