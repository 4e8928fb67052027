"""Turn any picture into the tensor a model takes: the one implementation that every package calls.

The contract, version 1, step by step:

1. A picture of more than `MAX_PIXELS` pixels, fewer in formats whose decoders take more memory, is refused
   before it is decoded.
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
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
from PIL import Image

from edge_runtime.errors import BundleError, PictureError
from edge_runtime.parallel import map_in_order
from edge_runtime.picture import MAX_PIXELS, PictureSource, Pixels, decode_picture

__all__ = [
    "CONTRACT_VERSION",
    "MAX_PIXELS",
    "PictureSource",
    "Pixels",
    "Preprocessing",
    "ResizeFilter",
    "decode_picture",
    "load_picture",
    "load_pictures",
    "resize_picture",
]

CONTRACT_VERSION = 1


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


def load_picture(source: PictureSource, preprocessing: Preprocessing, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode a picture and make it the model's input.

    Args:
        source: path, encoded bytes, binary file object, PIL image, or `uint8 (H, W, 3) RGB 0-255`.
        preprocessing: the contract to follow.
        max_pixels: larger pictures are refused before they are decoded.

    Returns:
        `uint8 (height, width, 3) RGB 0-255`.

    Raises:
        PictureError: the picture cannot be read or decoded, or is too large.
    """
    return resize_picture(decode_picture(source, preprocessing, max_pixels=max_pixels), preprocessing)


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

    Returns:
        Lazily, for each source its pixels, or the error as a value, so that one bad picture stops nothing.
    """

    def attempt(source: PictureSource) -> Pixels | PictureError:
        try:
            return load_picture(source, preprocessing)
        except PictureError as error:
            return error

    return map_in_order(attempt, sources, workers=workers or os.cpu_count() or 1)
