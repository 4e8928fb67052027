"""Turn any picture into the tensor a model takes: the one implementation that every package calls.

The contract, version 1, step by step:

1. A picture of more than `MAX_PIXELS` pixels, fewer in formats whose decoders take more memory, is refused
   before it is decoded.
2. A JPEG is decoded at 1/2, 1/4 or 1/8 scale when that still covers the target size. (A PIL image comes
   decoded whole, so the pixels of a large JPEG opened by the caller differ, edges by up to 46: pass its path.)
3. Of an animation the first frame is taken. A truncated file is an error.
4. EXIF orientation is applied; colour profiles are ignored.
5. 16-bit values keep their high byte, transparency is laid over `background`, everything becomes RGB.
6. The whole picture is resized to `width` x `height`, not keeping its aspect, with an antialiasing filter: first
   across, then down, each rounded to bytes.
7. The result is `uint8 (height, width, 3) RGB 0-255`; scaling to 0-1 is the model's first layer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from edge_runtime.errors import PictureError
from edge_runtime.parallel import map_in_order
from edge_runtime.picture.contract import CONTRACT_VERSION, Preprocessing, ResizeFilter
from edge_runtime.picture.decoding import MAX_PIXELS, decode_picture
from edge_runtime.picture.source import PictureSource, Pixels

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
    width, height = preprocessing.width, preprocessing.height
    # In one call Pillow 13 takes the cheaper order, older ones always this, and a tall picture's pixels differ.
    for size in ((width, image.height), (width, height)):
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
