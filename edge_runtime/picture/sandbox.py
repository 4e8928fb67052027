"""Decode pictures of strangers in a child process with hard limits; one that breaks them is killed and replaced.

A decoder that uses up memory or time, or crashes, ends its child and gives one picture's error. The limits of
`edge_runtime.picture.limits` hold in the child too. It is sent the file's bytes and inherits no open file. What
comes back is the finished tensor or the words of an error, never an object.
"""

from __future__ import annotations

import json
import math
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Timer
from typing import IO, cast

import numpy as np
from PIL import Image

from edge_runtime.errors import CatdogError, PictureError
from edge_runtime.picture.contract import MAX_PIXELS, Preprocessing
from edge_runtime.picture.preprocessing import load_picture
from edge_runtime.picture.source import PictureSource, Pixels, name_of, opened_file

MEMORY_MIB = 600  # beside Python and its libraries; a picture of the largest size takes up to 500
SECONDS = 10.0  # a slow board takes twice as long as the budget of a computer
START_SECONDS = 120.0

READY, PIXELS, REFUSED, NO_MEMORY = b"R", b"P", b"E", b"M"
LENGTH = struct.Struct("<Q")
_MAX_REASON_BYTES = 4096
_MAX_ANSWER_BYTES = 3 * 1024 * 1024  # the largest tensor
_BLOCK = 2**20
# What Python and the system's libraries need; nothing secret.
_ENVIRONMENT = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "TMPDIR",
    "VIRTUAL_ENV",
)
# One heap for all threads: each takes address space, which is what the limit counts.
_SETTINGS = {"PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
_ROOT = str(Path(__file__).resolve().parents[2])
# At the end of the path: nothing beside this package may stand in for another one.
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from edge_runtime.picture.sandboxed import serve; serve()"


class Sandbox:
    """Children that decode, one for each thread that asks at the same time; each is started when first needed.

    Attributes:
        memory_mib: that a child may take beside Python and its libraries.
        seconds: that a child may take for one picture.
    """

    def __init__(self, *, memory_mib: int = MEMORY_MIB, seconds: float = SECONDS) -> None:
        """Start nothing yet.

        Args:
            memory_mib: MiB that a child may take beside Python and its libraries, 1 or more.
            seconds: that a child may take for one picture, above 0.
        """
        self.memory_mib = memory_mib
        self.seconds = seconds
        self._free: SimpleQueue[_Child] = SimpleQueue()

    def load(self, source: PictureSource, preprocessing: Preprocessing, *, max_pixels: int = MAX_PIXELS) -> Pixels:
        """Decode a picture and make it the model's input, as `load_picture` does, to the same bits.

        Args:
            source: path, encoded bytes or binary file object. A PIL image and an array are taken as they are, in
                this process: whoever opened them has trusted them.
            preprocessing: the contract to follow.
            max_pixels: larger pictures are refused before they are decoded.

        Returns:
            `uint8 (height, width, 3) RGB 0-255`.

        Raises:
            PictureError: the picture cannot be read or decoded, is too large, or broke a limit of the child.
            CatdogError: the child does not start.
        """
        if isinstance(source, Image.Image | np.ndarray):
            return load_picture(source, preprocessing, max_pixels=max_pixels)
        name = name_of(source)
        try:
            with opened_file(source, name) as (file, size_bytes):
                return self._load(file, size_bytes, name, preprocessing, max_pixels)
        except FileNotFoundError as error:
            raise PictureError(name, "no such file") from error
        except OSError as error:
            raise PictureError(name, f"cannot be read ({error.strerror or error})") from error
        except (TypeError, ValueError, AttributeError) as error:  # no source at all
            raise PictureError(name, f"cannot be read ({error})") from error

    def _load(
        self, file: IO[bytes], size_bytes: int, name: str, preprocessing: Preprocessing, max_pixels: int
    ) -> Pixels:
        task = {
            "preprocessing": preprocessing.to_dict(),
            "max_pixels": max_pixels,
            "size_bytes": size_bytes,
            "seconds": math.ceil(self.seconds),
        }
        shape = preprocessing.shape
        child = self._take()
        try:
            kind, answer = child.ask(json.dumps(task).encode(), file, self.seconds)
        except BaseException:  # Ctrl-C too: it may be in the middle of an answer
            child.end()
            raise
        if kind == PIXELS and len(answer) == math.prod(shape):
            self._free.put(child)
            return np.frombuffer(answer, np.uint8).reshape(shape)
        if kind == REFUSED:
            self._free.put(child)
            raise PictureError(name, _printable(answer[:_MAX_REASON_BYTES]))
        raise PictureError(name, self._broken_limit(kind, child.is_late, child.end()))

    def _take(self) -> _Child:
        try:
            return self._free.get_nowait()
        except Empty:
            return _Child(self.memory_mib)

    def _broken_limit(self, kind: bytes, is_late: bool, end: str) -> str:
        if kind == NO_MEMORY:
            return f"not safe to decode: takes more than {self.memory_mib:,} MiB of memory"
        if is_late:
            return f"not safe to decode: takes longer than {self.seconds:g} s"
        return f"not safe to decode: the process that decodes it ended ({end})"

    def close(self) -> None:
        """End the children; the next picture starts another one."""
        while True:
            try:
                self._free.get_nowait().end()
            except Empty:
                return

    def __del__(self) -> None:
        """Leave no child behind."""
        self.close()


def _printable(reason: bytes) -> str:
    """Return a reason as text; a decoder that was taken over may write anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in reason.decode(errors="replace"))


class _Child:
    """A process that decodes one picture after the other.

    Attributes:
        is_late: whether it was killed because it took too long.
    """

    def __init__(self, memory_mib: int) -> None:
        """Start it and wait until its limits are set.

        Raises:
            CatdogError: it does not start.
        """
        self.is_late = False
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, _ROOT, str(memory_mib)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Python closes all other descriptors there
            cwd="/",
            env=kept | _SETTINGS,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        self._input, self._output = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        with self._deadline(START_SECONDS):
            started = self._output.read(1) == READY
        if not started:
            raise CatdogError(
                f"the process that decodes pictures does not start ({self.end()}). `catdog-edge doctor` looks at "
                "what it needs. Without --untrusted no such process is needed."
            )

    def ask(self, task: bytes, file: IO[bytes], seconds: float) -> tuple[bytes, bytes]:
        """Send a task and a picture, and return the kind of the answer and its content, empty when it ended."""
        with self._deadline(seconds):
            try:
                self._input.write(LENGTH.pack(len(task)) + task)
                while content := file.read(_BLOCK):
                    self._input.write(content)
                self._input.flush()
            except BrokenPipeError:  # it ended before it had read all
                return b"", b""
            kind = self._output.read(1)
            length = LENGTH.unpack(self._output.read(LENGTH.size).ljust(LENGTH.size, b"\0"))[0]
            return kind, self._output.read(min(length, _MAX_ANSWER_BYTES))

    def end(self) -> str:
        """Kill it, and return how it ended, in words."""
        self._process.kill()
        code = self._process.wait()
        self._output.close()
        with suppress(BrokenPipeError):  # of what it was not sent any more
            self._input.close()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    @contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        timer = Timer(seconds, self._kill_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _kill_late(self) -> None:
        self.is_late = True
        self._process.kill()
