"""Look at the size of a Keras model file before Keras reads it: a small zip archive can unpack to gigabytes.

Training and export both load such files. This module imports neither Keras nor TensorFlow.
"""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path
from typing import IO

from edge_runtime.bounded_file import open_at_once

MAX_KERAS_BYTES = 4 * 2**30  # a billion weights
# Keras stores what it saves without compression, and weights that somebody compresses hardly shrink.
MAX_EXPANSION = 20
SMALL_BYTES = 10 * 2**20  # a part that unpacks to no more is never refused


def require_bounded(path: Path) -> None:
    """Refuse a model file that is too large, or that unpacks to much more than it takes.

    What is no zip archive, such as an HDF5 file, is judged by its own size. A path that names no file passes: who
    opens it says so.

    Raises:
        ValueError: the file is too large, or a pipe or device. The message has one line.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return
    if stat.S_ISDIR(status.st_mode):
        return
    with open(path, "rb", opener=open_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is a pipe or device, expected a model file")
        _refuse_large(status.st_size)
        try:
            _refuse_bomb(file)
        except (zipfile.BadZipFile, NotImplementedError):  # Keras says what is wrong with it
            return


def _refuse_bomb(file: IO[bytes]) -> None:
    """Refuse an archive by the sizes that it declares; Python unpacks no more than those."""
    if not zipfile.is_zipfile(file):
        return
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
    _refuse_large(sum(part.file_size for part in parts))
    for part in parts:
        if part.file_size > max(SMALL_BYTES, MAX_EXPANSION * part.compress_size):
            raise ValueError(
                f"unpacks to too much: {part.filename!r:.60} has {part.compress_size:,} bytes and becomes "
                f"{part.file_size:,}, expected at most {MAX_EXPANSION} times as many"
            )


def _refuse_large(size_bytes: int) -> None:
    if size_bytes > MAX_KERAS_BYTES:
        raise ValueError(f"too large: {size_bytes:,} bytes unpacked, at most {MAX_KERAS_BYTES:,}")
