"""Try one model file with one backend in a process of its own, which a damaged file may end or keep for ever.

The parent sends a line of JSON and the pixels of the pictures to score. The child answers with one line of JSON.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from edge_runtime.child_process import module_command, signal_words
from edge_runtime.errors import BackendError, BundleError

if TYPE_CHECKING:
    from edge_runtime.bundle.folder import Bundle
    from edge_runtime.bundle.manifest import ModelFile
    from edge_runtime.picture.source import Pixels

TIMEOUT_S = 120  # the start of Python, the library's import and all pictures; a small board takes some 10 s


class Outcome(StrEnum):
    """How a trial ended.

    RAN: the file was loaded, and gave scores for every picture.
    REFUSED: the backend does not load or run the file.
    MISFIT: the file is not the one that was exported, or does not fit the manifest.
    ENDED: the process that tried it was ended by a signal, or took too long.
    """

    RAN = "ran"
    REFUSED = "refused"
    MISFIT = "misfit"
    ENDED = "ended"


class Trial(NamedTuple):
    """What came of it: the scores of each picture, 0-1, if it ran, or else the reason why not."""

    outcome: Outcome
    scores: tuple[tuple[float, ...], ...] = ()
    reason: str = ""


def try_file(
    bundle: Bundle, file: ModelFile, backend: str, pictures: Sequence[Pixels] = (), *, timeout_s: float = TIMEOUT_S
) -> Trial:
    """Load a file in a process of its own and score pictures with it, on one thread.

    Args:
        bundle: the bundle.
        file: one of its files.
        backend: a key of `edge_runtime.backends.BACKENDS`.
        pictures: `uint8 (height, width, 3) RGB 0-255` of the bundle's preprocessing; none to load it only.
        timeout_s: after so many seconds the process is ended.
    """
    task = {
        "folder": os.fspath(bundle.folder),
        "file": file.path,
        "backend": backend,
        "pictures": len(pictures),
        "timeout_s": timeout_s,
    }
    content = b"".join((json.dumps(task).encode() + b"\n", *(pixels.tobytes() for pixels in pictures)))
    try:
        done = subprocess.run(
            module_command(__name__), input=content, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Trial(Outcome.ENDED, reason=f"did not end within {timeout_s:g} s")
    except OSError as error:  # a limit of processes, or no memory for another one
        return Trial(Outcome.ENDED, reason=f"no process could be started for it ({error.strerror})")
    if done.returncode == 0 and done.stdout:
        return _answer(json.loads(done.stdout))
    if done.returncode < 0:
        return Trial(Outcome.ENDED, reason=signal_words(done.returncode))
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return Trial(Outcome.ENDED, reason=lines[-1] if lines else f"ended with exit code {done.returncode}")


def _answer(values: dict[str, Any]) -> Trial:
    return Trial(Outcome(values["outcome"]), tuple(map(tuple, values["scores"])), values["reason"])


def main() -> None:
    """Be the child: read the task from standard input, and write the answer to standard output."""
    answers = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what native libraries print is no answer
    task = json.loads(sys.stdin.buffer.readline())
    # Should the parent be gone: the signal ends native code too.
    signal.alarm(math.ceil(task["timeout_s"]) + 1)
    try:
        scores, outcome, reason = _scores(task, sys.stdin.buffer), Outcome.RAN, ""
    except BackendError as error:
        scores, outcome, reason = [], Outcome.REFUSED, str(error)
    except BundleError as error:
        scores, outcome, reason = [], Outcome.MISFIT, str(error)
    except MemoryError:
        scores, outcome, reason = [], Outcome.REFUSED, "takes more memory than there is"
    json.dump({"outcome": outcome, "scores": scores, "reason": reason}, answers)
    answers.flush()
    os._exit(0)  # what a damaged file left behind may end the process when it is taken apart


def _scores(task: dict[str, Any], pixels: IO[bytes]) -> list[list[float]]:
    import numpy as np

    from edge_runtime.backends.selection import open_file
    from edge_runtime.bundle.folder import read_bundle
    from edge_runtime.bundle.scores import label_scores

    bundle = read_bundle(Path(task["folder"]))
    shape = bundle.preprocessing.shape
    pictures = [np.frombuffer(pixels.read(math.prod(shape)), np.uint8) for _ in range(task["pictures"])]
    model = open_file(bundle, bundle.file(task["file"]), task["backend"], 1).model
    return [label_scores(model.predict(picture.reshape(shape))).tolist() for picture in pictures]


if __name__ == "__main__":
    main()
