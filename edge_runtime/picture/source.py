"""Open what a caller names as a picture, without decoding it, and refuse what is none or too large a file."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.errors import PictureError

MAX_FILE_BYTES = 100 * 2**20  # some decoders read the whole file
# Those that photographs come in; Pillow's others (EPS runs a program) are refused.
JPEGS = ("JPEG", "MPO")
FORMATS = (*JPEGS, "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA")

Pixels = NDArray[np.uint8]
PictureSource = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | Pixels


def name_of(source: PictureSource) -> str:
    """Return what to call a picture in a message: its path, or a word when it has none."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "filename", "") or getattr(source, "name", "") or "picture")


@contextmanager
def opened(source: PictureSource, name: str) -> Iterator[Image.Image]:
    """Open a picture of a known format without decoding it; one that the caller opened stays open.

    Raises:
        PictureError: a format, a kind of array or file, or a size in bytes that is refused.
        OSError: the file cannot be read, or is no picture.
    """
    if isinstance(source, Image.Image):  # stays the caller's to close
        yield source
        return
    with _open(source, name) as image:
        if image.format not in (None, *FORMATS):
            raise PictureError(name, f"is a {image.format} file: expected one of {', '.join(FORMATS)}")
        yield image


def _open(source: str | os.PathLike[str] | bytes | IO[bytes] | Pixels, name: str) -> Image.Image:
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            received = f"{source.dtype} {source.shape}"
            raise PictureError("array", f"expected uint8 (H, W, 3) RGB 0-255, received {received}")
        return Image.fromarray(source)
    if isinstance(source, bytes):
        _refuse_bytes(len(source), name)
        return Image.open(io.BytesIO(source))
    if isinstance(source, str | os.PathLike):
        status = os.stat(source)
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device can block for ever
            if stat.S_ISDIR(status.st_mode):
                with os.scandir(source):  # or say why it cannot be read
                    pass
                raise PictureError(name, "is a folder, not a picture; --recursive looks in the folders inside it")
            raise PictureError(name, "is a pipe or device, not a picture")
        _refuse_bytes(status.st_size, name)
        return Image.open(source)
    return Image.open(_seekable(source, name))


def _seekable(file: IO[bytes], name: str) -> IO[bytes]:
    """Return a file that is not too large and can be read from its start, as Pillow does."""
    try:
        file.seek(0, os.SEEK_END)
        size = file.tell()
    except (AttributeError, OSError, TypeError):  # a pipe, or what is not quite a file
        content = bytearray()
        while len(content) <= MAX_FILE_BYTES and (chunk := file.read(MAX_FILE_BYTES + 1 - len(content))):
            content += chunk
        _refuse_bytes(len(content), name)
        return io.BytesIO(content)
    _refuse_bytes(size, name)
    return file


def _refuse_bytes(size: int, name: str) -> None:
    if not size:
        raise PictureError(name, "is empty")
    if size > MAX_FILE_BYTES:
        raise PictureError(name, f"too large: {size:,} bytes, at most {MAX_FILE_BYTES:,}")
