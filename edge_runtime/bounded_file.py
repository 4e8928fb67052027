"""Read files that may be anything: a pipe, a device, or one of several gigabytes in a folder of pictures."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MAX_PICTURE_BYTES = 100 * 2**20  # some decoders read the whole file


def read_bounded(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return the bytes of a regular file that is not too large.

    It never waits for a pipe's other end. It looks at the file that it opened, not at one that had its name before.

    Args:
        path: the file.
        most_bytes: its largest size, 1 or more.

    Raises:
        OSError: it cannot be read, is no regular file (EINVAL), or is too large (EFBIG). `strerror` says which.
        ValueError: the path holds a zero byte.
    """
    with open(path, "rb", opener=open_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, f"is a {_kind(status.st_mode)}, not a regular file", os.fspath(path))
        if status.st_size > most_bytes:
            raise _too_large(f"{status.st_size:,}", most_bytes, path)
        content = file.read(status.st_size + 1)
        if len(content) > status.st_size:  # it grew, or is one of /proc, whose files have no size
            content += file.read(most_bytes + 1 - len(content))
    if len(content) > most_bytes:
        raise _too_large(f"more than {most_bytes:,}", most_bytes, path)
    return content


def read_picture_file(path: Path) -> bytes:
    """Return the bytes of a picture's file of at most `MAX_PICTURE_BYTES`; raises what `read_bounded` does."""
    return read_bounded(path, MAX_PICTURE_BYTES)


def reason_of(error: Exception) -> str:
    """Return why a file could not be read, in one line and without its name."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def is_refused(error: OSError) -> bool:
    """Say whether `read_bounded` refused the file for what it is, and no right or disk is at fault."""
    return error.errno in (errno.EINVAL, errno.EFBIG)


def open_at_once(path: str, flags: int) -> int:
    """Open a file for the argument `opener` of `open`; a pipe without a writer too, instead of waiting for one."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _too_large(size: str, most_bytes: int, path: str | os.PathLike[str]) -> OSError:
    return OSError(errno.EFBIG, f"too large: {size} bytes, at most {most_bytes:,}", os.fspath(path))


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "folder"
    return "pipe" if stat.S_ISFIFO(mode) else "device"
