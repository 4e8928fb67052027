"""Record what was seen on a frame of a video, and print, write and save it."""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edge_runtime.atomic_file import write_whole
from edge_runtime.bundle.labels import shown
from edge_runtime.camera.camera import Shot
from edge_runtime.camera.log import Log
from edge_runtime.terminal import say, say_exactly, show_status

STATUS_EVERY_S = 0.5
_NAME_LETTERS = 40  # of a label in a file name; they take at most 160 of its 255 bytes


@dataclass(frozen=True)
class Sighting:
    """What was seen on a frame.

    Args:
        time: when the frame was classified, ISO 8601 in UTC.
        frame: number of the frame since the start, from 0.
        label: the label in force, or the one with the highest average score if no answer is sure yet.
        confident: whether `label` is in force. If not, people see `unsure`.
        confidence: average score of `label`, 0-1.
        scores: average score of each label, 0-1, in the order of the labels.
        changed: whether people see another answer than on the frame before; true for the first frame.
        inference_ms: time to run the model on this frame, milliseconds.
        fps: frames classified a second, over the last 3 seconds.
        dropped: number of frames since the start that newer ones replaced before they were classified.
        saved: path of the picture of this frame; empty when it was not saved.
    """

    time: str
    frame: int
    label: str
    confident: bool
    confidence: float
    scores: dict[str, float]
    changed: bool
    inference_ms: float
    fps: float
    dropped: int
    saved: str = ""

    @property
    def shown(self) -> str:
        """The word for people: the label, or `unsure`."""
        return shown(self.label, self.confident)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object with rounded numbers."""
        scores = {label: round(score, 6) for label, score in self.scores.items()}
        rounded = {"confidence": round(self.confidence, 6), "inference_ms": round(self.inference_ms, 3)}
        return asdict(self) | rounded | {"scores": scores, "fps": round(self.fps, 2)}


class Teller:
    """Prints sightings, writes them to a file, saves the frames of changes, and shows a status line."""

    def __init__(
        self, each_frame: bool, as_json: bool, output: Log | None = None, save: Path | None = None
    ) -> None:
        """Choose what to print, write and save.

        Args:
            each_frame: whether every frame is told, and not only changes.
            as_json: whether JSON lines are printed, and not text.
            output: the log to append JSON lines to. Default none.
            save: the folder for the frames of changes. Default none.
        """
        self._each_frame, self._as_json, self._output, self._save = each_frame, as_json, output, save
        self._status = sys.stderr is not None and sys.stderr.isatty()
        self._status_s = 0.0

    def tell(self, sighting: Sighting, shot: Shot) -> None:
        """Print, write and save a sighting as chosen. A write or save that fails prints an error."""
        if sighting.changed and self._save is not None:
            sighting = replace(sighting, saved=_save_or_say(self._save, sighting, shot))
        if sighting.changed or self._each_frame:
            self.clear()
            line = json.dumps(sighting.to_dict())
            if self._as_json:
                say_exactly(line)
            else:
                say(_text(sighting))
            if self._output is not None:
                self._output.append(line)
        if self._status and time.monotonic() - self._status_s > STATUS_EVERY_S:
            self._status_s = time.monotonic()
            show_status(_state(sighting))

    def clear(self) -> None:
        """Erase the status line. Call it before another line is written."""
        if self._status:
            show_status("")


def _text(sighting: Sighting) -> str:
    saved = f"  {sighting.saved}" if sighting.saved else ""
    return f"{sighting.time}  {_state(sighting)}{saved}"


def _state(sighting: Sighting) -> str:
    return (
        f"{sighting.shown:8} {sighting.confidence:6.1%}  {sighting.fps:5.1f} fps  {sighting.dropped} dropped  "
        f"{sighting.inference_ms:.1f} ms"
    )


def _save_or_say(folder: Path, sighting: Sighting, shot: Shot) -> str:
    """Save the frame and return its path. If that fails, print an error and return nothing: the watch continues."""
    try:
        return _save(folder, sighting, shot)
    except OSError as error:
        say(f"{folder}: the frame cannot be saved ({error})", err=True)
        return ""


def _save(folder: Path, sighting: Sighting, shot: Shot) -> str:
    """Write the frame completely or not at all. Its name starts with the time, so that the files sort by time."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(shot.pixels).save(content, "JPEG", quality=90)
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "_" for letter in sighting.shown[:_NAME_LETTERS])
    moment = sighting.time[:23].replace(":", "-")
    path = folder / f"{moment}_{shot.number}_{name}.jpg"
    write_whole(path, content.getvalue())
    return str(path)
