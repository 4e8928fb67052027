"""Open what a caller names as a picture, without decoding it, and refuse what is none or too large a file.

The format is told from the first bytes, its container is checked, and only then its own decoder is opened.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import IO, TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from edge_runtime.bounded_file import MAX_PICTURE_BYTES
from edge_runtime.errors import PictureError
from edge_runtime.picture.limits import refuse_harmful
from edge_runtime.picture.limits.limit import LimitError
from edge_runtime.picture.listing import SUFFIXES
from edge_runtime.picture.memory import DECODER_BYTES, PLAIN_BYTES
from edge_runtime.picture.signatures import FORMATS, foreign_format_of, format_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pillow's module of each format where its name is not the format's.
_PLUGINS = {"JPEG": "Jpeg", "WEBP": "WebP", "DIB": "Bmp", "JPEG2000": "Jpeg2K"}
_NEWER = "Install a newer one: pip install --upgrade pillow"
_EXPECTED = f"expected one of {', '.join(FORMATS)}"

# Texts, because importing numpy.typing takes half a millisecond of every start.
Pixels: TypeAlias = "NDArray[np.uint8]"
PictureSource: TypeAlias = "str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | Pixels"


def name_of(source: PictureSource) -> str:
    """Return what to call a picture in a message: its path, or a word when it has none."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "filename", "") or getattr(source, "name", "") or "picture")


@contextmanager
def opened(source: PictureSource, name: str, max_pixels: int) -> Iterator[Image.Image]:
    """Open a picture of a known format without decoding it; one that the caller opened stays open.

    Args:
        source: what `load_picture` takes.
        name: what to call it in a message.
        max_pixels: larger pictures are refused before their decoder is opened, where it would take memory then.

    Raises:
        PictureError: a format, a kind of array or file, or a size in bytes that is refused.
        OSError: the file cannot be read.
    """
    if isinstance(source, Image.Image):  # stays the caller's to close
        yield source
    elif isinstance(source, np.ndarray):
        yield _from_array(source)
    else:
        with opened_file(source, name) as (file, size_bytes), _decoder(file, size_bytes, name, max_pixels) as image:
            yield image


def _from_array(array: Pixels) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise PictureError("array", f"expected uint8 (H, W, 3) RGB 0-255, received {array.dtype} {array.shape}")
    return Image.fromarray(array)


@contextmanager
def opened_file(source: str | os.PathLike[str] | bytes | IO[bytes], name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file that is not too large, at its start; one that the caller opened stays open.

    Yields:
        The file, which can be read and moved in, and its size in bytes.

    Raises:
        PictureError: it is empty, too large, a folder, a pipe or a device.
        OSError: it cannot be read.
    """
    if isinstance(source, bytes):
        _refuse_bytes(len(source), name)
        yield io.BytesIO(source), len(source)
    elif isinstance(source, str | os.PathLike):
        _refuse_other_kinds(os.stat(source), source, name)
        with open(source, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            _refuse_other_kinds(status, source, name)  # another may have taken its place
            _refuse_bytes(status.st_size, name)
            yield file, status.st_size
    else:
        content, size_bytes = _seekable(source)
        _refuse_bytes(size_bytes, name)
        content.seek(0)
        yield content, size_bytes


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a pipe without a writer too, instead of waiting for one."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_other_kinds(status: os.stat_result, source: str | os.PathLike[str], name: str) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise PictureError(name, _what_folder(source))
    raise PictureError(name, "is a pipe or device, not a picture")  # either can block for ever


def _what_folder(folder: str | os.PathLike[str]) -> str:
    with os.scandir(folder) as entries:  # or say why it cannot be read
        found = [(entry.name, entry.is_dir()) for entry in entries]
    if any(entry.lower().endswith(SUFFIXES) for entry, _ in found):
        return "is a folder, not a picture"
    deeper = "; --recursive also looks in its sub-folders" if any(is_folder for _, is_folder in found) else ""
    return f"is a folder without a picture in it{deeper}"


def _seekable(file: IO[bytes]) -> tuple[IO[bytes], int]:
    """Return a file that can be read from its start, as Pillow does, and its size in bytes."""
    try:
        file.seek(0, os.SEEK_END)
        return file, file.tell()
    except (AttributeError, OSError, TypeError):  # a pipe, or what is not quite a file
        content = bytearray()
        while len(content) <= MAX_PICTURE_BYTES and (chunk := file.read(MAX_PICTURE_BYTES + 1 - len(content))):
            content += chunk
        return io.BytesIO(content), len(content)


def _refuse_bytes(size: int, name: str) -> None:
    if not size:
        raise PictureError(name, "is empty")
    if size > MAX_PICTURE_BYTES:
        raise PictureError(name, f"too large: {size:,} bytes, at most {MAX_PICTURE_BYTES:,}")


def _decoder(file: IO[bytes], size_bytes: int, name: str, max_pixels: int) -> Image.Image:
    """Open the one decoder of a picture's format, after its container was checked."""
    kind = format_of(file, size_bytes)
    if kind is None:
        foreign = foreign_format_of(file)
        what = f"is a {foreign} file" if foreign else "not a picture that can be read"
        raise PictureError(name, f"{what}: {_EXPECTED}")
    try:
        refuse_harmful(file, kind, size_bytes, max_pixels * PLAIN_BYTES // DECODER_BYTES.get(kind, PLAIN_BYTES))
    except LimitError as error:
        raise PictureError(name, str(error)) from error
    return _heic_image(file, name) if kind == "HEIC" else _plugin_image(file, kind, name)


def _heic_image(file: IO[bytes], name: str) -> Image.Image:
    from edge_runtime.picture.heic import INSTALL, MissingHeifError, open_heic

    try:
        return open_heic(file)
    except MissingHeifError as error:
        raise PictureError(
            name, f"is a HEIC file, which needs an extra. Install it: {INSTALL}", lasting=False
        ) from error


def _plugin_image(file: IO[bytes], kind: str, name: str) -> Image.Image:
    """Open a file with one of Pillow's plugins and no other.

    `Image.open(file, formats=[kind])` does the same, and imports five plugins first, or all of them.
    """
    try:
        import_module(f"PIL.{_PLUGINS.get(kind, kind.capitalize())}ImagePlugin")
    except ImportError as error:
        raise PictureError(name, f"this Pillow reads no {kind}. {_NEWER}", lasting=False) from error
    open_image, accepts = Image.OPEN[kind]
    answer = accepts is None or accepts(file.read(16))
    file.seek(0)
    if isinstance(answer, str):  # built without the library
        raise PictureError(name, f"this Pillow reads no {kind}. {_NEWER}", lasting=False)
    if not answer:
        raise PictureError(name, f"is a {kind} file of a kind that Pillow does not read")
    return open_image(file, "")
