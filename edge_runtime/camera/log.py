"""Append lines to a file that other programs may rename at any time, as logrotate does."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Self

from edge_runtime.errors import CatdogError
from edge_runtime.terminal import say


class Log:
    """A file of lines. Each line is written at once and whole, or not at all."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Args:
            path: the file. Lines are appended to it.

        Raises:
            CatdogError: it cannot be written.
        """
        self._path = path
        self._busy, self._reopen = Lock(), False
        try:
            self._file = self._opened()
        except OSError as error:
            raise CatdogError(f"{path}: cannot be written ({error}). Name another file with --output.") from error

    def __enter__(self) -> Self:
        """Return the log."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def append(self, line: str) -> None:
        """Append a whole line or nothing. If the disk is full, print an error: the watch continues."""
        with self._busy:
            self._append(f"{line}\n".encode())
        if self._reopen:
            self.reopen()

    def reopen(self) -> None:
        """Open the path again, because the file may have been renamed. A signal may call this at any time."""
        self._reopen = not self._busy.acquire(blocking=False)
        if self._reopen:  # a line is being written; `append` does it afterwards
            return
        try:
            new = self._opened()
        except OSError as error:
            say(f"{self._path}: cannot be opened again ({error}); the old file is used", err=True)
        else:
            self._file.close()
            self._file = new
        finally:
            self._busy.release()

    def _opened(self) -> IO[bytes]:
        return self._path.open("ab", buffering=0)  # unbuffered, so that each line is in the file at once

    def _append(self, content: bytes) -> None:
        size = self._file.seek(0, os.SEEK_END) if self._file.seekable() else 0
        try:
            written = self._file.write(content)
            if written != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with suppress(OSError):  # remove the half line, so that the next one starts on a line of its own
                self._file.truncate(size)
            say(f"{self._path}: a line cannot be written ({error})", err=True)
