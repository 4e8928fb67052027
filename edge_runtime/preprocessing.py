"""Turn any picture into the tensor a model takes: the one implementation that every package calls.

The contract, version 1, step by step:

1. A picture of more than `MAX_PIXELS` pixels is refused before it is decoded.
2. A JPEG is decoded at 1/2, 1/4 or 1/8 scale when that still covers the target size. (A PIL image comes
   decoded whole, so the pixels of a large JPEG opened by the caller differ slightly: pass its path.)
3. Of an animation the first frame is taken. A truncated file is an error.
4. EXIF orientation is applied; colour profiles are ignored.
5. 16-bit values keep their high byte, transparency is laid over `background`, everything becomes RGB.
6. The whole picture is resized to `width` x `height`, not keeping its aspect, with an antialiasing filter.
7. The result is `uint8 (height, width, 3) RGB 0-255`; scaling to 0-1 is the model's first layer.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from edge_runtime.errors import BundleError, PictureError

CONTRACT_VERSION = 1
# 64-megapixel phone pictures pass. Pillow holds 4 bytes a pixel, so 320 MB; JPEGs are decoded smaller.
MAX_PIXELS = 80_000_000

# What puts a picture upright, by EXIF orientation. Source: Exif 2.32, tag 0x0112.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Pixels = NDArray[np.uint8]
PictureSource = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | Pixels


class ResizeFilter(StrEnum):
    """Pillow's antialiasing filters by their Pillow names."""

    BOX = "box"
    BILINEAR = "bilinear"
    HAMMING = "hamming"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


@dataclass(frozen=True)
class Preprocessing:
    """What a model was trained on and so what it must be fed; stored in every run and bundle.

    Args:
        width: target width in pixels, 8-1024.
        height: target height in pixels, 8-1024.
        resize_filter: antialiasing filter of the resize.
        background: RGB 0-255 laid under transparent pictures.
        version: version of the contract in this module's docstring.
    """

    width: int = 128
    height: int = 128
    resize_filter: ResizeFilter = ResizeFilter.BILINEAR
    background: tuple[int, int, int] = (255, 255, 255)
    version: int = CONTRACT_VERSION

    def __post_init__(self) -> None:
        """Refuse what this code would not carry out exactly.

        Raises:
            BundleError: unknown contract version or a value out of range.
        """
        _refuse_unknown_version(self.version)
        sizes_valid = all(type(side) is int and 8 <= side <= 1024 for side in (self.width, self.height))
        colour_valid = (
            isinstance(self.background, tuple)
            and len(self.background) == 3
            and all(type(value) is int and 0 <= value <= 255 for value in self.background)
        )
        if not (sizes_valid and colour_valid and isinstance(self.resize_filter, ResizeFilter)):
            raise BundleError(f"preprocessing out of range: {asdict(self)}. Export the bundle again.")

    @property
    def identifier(self) -> str:
        """Twelve hex digits that differ whenever any part of the contract differs."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in manifests."""
        return asdict(self) | {"background": list(self.background)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        """Read back `to_dict`.

        Raises:
            BundleError: unknown contract version, a key is missing or unknown, or a value is out of range.
        """
        try:
            _refuse_unknown_version(values["version"])
            known = {field.name: values[field.name] for field in fields(cls)} | values
            known["resize_filter"] = ResizeFilter(known["resize_filter"])
            known["background"] = tuple(known["background"])
            return cls(**known)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"preprocessing cannot be read ({error}): {values}") from error


def _refuse_unknown_version(version: object) -> None:
    if type(version) is not int or version != CONTRACT_VERSION:
        raise BundleError(
            f"preprocessing contract version {version!r} is unknown: this catdog-edge knows version "
            f"{CONTRACT_VERSION}. Install the catdog-edge that made the bundle, or a newer one."
        )


def load_picture(source: PictureSource, preprocessing: Preprocessing) -> Pixels:
    """Decode a picture and make it the model's input.

    Args:
        source: path, encoded bytes, binary file object, PIL image, or `uint8 (H, W, 3) RGB 0-255`.
        preprocessing: the contract to follow.

    Returns:
        `uint8 (height, width, 3) RGB 0-255`.

    Raises:
        PictureError: the picture cannot be read or decoded, or is too large.
    """
    return resize_picture(decode_picture(source, preprocessing), preprocessing)


def decode_picture(source: PictureSource, preprocessing: Preprocessing) -> Image.Image:
    """Decode a picture to an upright RGB image: steps 1-5 of the contract.

    Returns:
        An RGB image, at least the target size where the original is.

    Raises:
        PictureError: the picture cannot be read or decoded, or is too large.
    """
    name = _name_of(source)
    try:
        with _open(source) as image:
            _refuse_size(image, name)
            _decode_smaller(image, preprocessing)
            image.load()
            return _to_rgb(_upright(image), preprocessing.background)
    except PictureError:
        raise
    except FileNotFoundError as error:
        raise PictureError(name, "no such file") from error
    except IsADirectoryError as error:
        raise PictureError(name, "is a folder, not a picture") from error
    except UnidentifiedImageError as error:
        raise PictureError(name, "not a picture in a format that Pillow can read") from error
    except Image.DecompressionBombError as error:
        raise PictureError(name, f"too large: more than {MAX_PIXELS:,} pixels") from error
    # Pillow's decoders raise almost anything on damaged files (SyntaxError, struct.error, TypeError, ...).
    except Exception as error:
        raise PictureError(name, f"cannot be decoded ({type(error).__name__}: {error})") from error


def resize_picture(image: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """Resize an upright RGB image: steps 6 and 7 of the contract."""
    size = (preprocessing.width, preprocessing.height)
    if image.size != size:
        image = image.resize(size, Image.Resampling[preprocessing.resize_filter.name])
    return np.asarray(image)


def load_pictures(
    sources: Iterable[PictureSource], preprocessing: Preprocessing, *, workers: int | None = None
) -> Iterator[Pixels | PictureError]:
    """Load many pictures in parallel, in order, a few ahead of the consumer.

    Args:
        sources: what `load_picture` takes.
        preprocessing: the contract to follow.
        workers: decoding threads; default one per core (Pillow decodes outside the interpreter lock).

    Yields:
        For each source its pixels, or the error as a value, so that one bad picture stops nothing.
    """

    def attempt(source: PictureSource) -> Pixels | PictureError:
        try:
            return load_picture(source, preprocessing)
        except PictureError as error:
            return error

    workers = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Pixels | PictureError]] = deque()
        for source in sources:
            pending.append(pool.submit(attempt, source))
            if len(pending) > 4 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _name_of(source: PictureSource) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "filename", "") or getattr(source, "name", "") or "picture")


def _open(source: PictureSource) -> Image.Image:
    if isinstance(source, Image.Image):
        _refuse_size(source, _name_of(source))
        return source.copy()
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            received = f"{source.dtype} {source.shape}"
            raise PictureError("array", f"expected uint8 (H, W, 3) RGB 0-255, received {received}")
        return Image.fromarray(source)
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source))
    if isinstance(source, str | os.PathLike):
        return Image.open(Path(source))
    return Image.open(source)


def _refuse_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height == 0:
        raise PictureError(name, "has no pixels")
    if width * height > MAX_PIXELS:
        raise PictureError(name, f"too large: {width} x {height}, at most {MAX_PIXELS:,} pixels")


def _decode_smaller(image: Image.Image, preprocessing: Preprocessing) -> None:
    """Ask the JPEG decoder for the smallest scale that covers the target."""
    if image.format not in ("JPEG", "MPO"):
        return
    width, height = preprocessing.width, preprocessing.height
    if _orientation(image) in (5, 6, 7, 8):  # stored lying on its side
        width, height = height, width
    image.draft(None, (width, height))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    # Damaged metadata raises almost anything and does not make good pixels unreadable.
    except Exception:
        value = None
    return value if isinstance(value, int) else 1


def _upright(image: Image.Image) -> Image.Image:
    method = UPRIGHT.get(_orientation(image))
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        below = Image.new("RGBA", layer.size, (*background, 255))
        image = Image.alpha_composite(below, layer)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Keep the high byte of 16-bit values; 32-bit and float images count as 16-bit when they pass 255."""
    values = np.nan_to_num(np.asarray(image))
    opaque = values != image.info.get("transparency")  # a PNG can name one transparent grey
    if image.mode.startswith("I;16") or values.max(initial=0) > 255:
        values = np.clip(values, 0, 65535).astype(np.uint16) >> 8
    grey = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if not opaque.all():
        grey.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    return grey
