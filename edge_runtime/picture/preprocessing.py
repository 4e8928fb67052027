"""Turn any picture into the model's input. All packages call this one implementation.

These are the steps of the contract, versions 1 and 2:

1. A picture of more than `MAX_PIXELS` pixels is refused before it is decoded. The limit is lower for formats whose
   decoders need more memory. A file that would cost its decoder far more than its pixels is refused too.
2. A JPEG is decoded at 1/2, 1/4 or 1/8 scale when the result still covers the target size. A PIL image is already
   decoded at full size. So pass the path of a large JPEG: its PIL image gives other pixels, up to 46 of 255 at
   edges.
3. Of an animation the first frame is taken. A truncated file is an error.
4. The EXIF orientation is applied. Colour profiles are ignored.
5. 16-bit values keep their high byte. Transparent pictures are laid over `background`. Everything becomes RGB. For
   a model of one channel, RGB becomes grey as in Pillow's mode L: ITU-R 601-2 luma, which only version 2 knows.
6. The whole picture is resized to `width` x `height` with an antialiasing filter. Its aspect ratio is not kept. It
   is resized first across and then down, and both results are rounded to bytes.
7. The result is `uint8 (height, width, 3) RGB 0-255`, or `(height, width, 1)` of grey. The model's first layer
   scales it to 0-1.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from edge_runtime.errors import PictureError
from edge_runtime.parallel import map_in_order
from edge_runtime.picture.contract import CONTRACT_VERSION, MAX_PIXELS, Preprocessing, ResizeFilter
from edge_runtime.picture.decoding import decode_picture
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
    """Decode a picture and resize it to the model's input.

    Args:
        source: a path, encoded bytes, a binary file object, a PIL image, or `uint8 (H, W, 3) RGB 0-255`.
        preprocessing: the steps to follow, such as `classifier.bundle.preprocessing`.
        max_pixels: the most pixels that a picture may have. A larger one is refused before it is decoded. Default
            80,000,000.

    Returns:
        `uint8 (height, width, 3) RGB 0-255`, or `(height, width, 1)` of grey.

    Raises:
        PictureError: the picture cannot be read or decoded, or it is too large.
    """
    return resize_picture(decode_picture(source, preprocessing, max_pixels=max_pixels), preprocessing)


def resize_picture(image: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """Resize an upright image, RGB or grey. These are steps 6 and 7 of the contract.

    Returns:
        `uint8 (height, width, 3) RGB 0-255`, or `(height, width, 1)` of grey.
    """
    width, height = preprocessing.width, preprocessing.height
    # Two calls fix the order. In one call, Pillow 13 takes the cheaper order and older releases always go across
    # first, so a tall picture would get other pixels.
    for size in ((width, image.height), (width, height)):
        if image.size != size:
            image = image.resize(size, Image.Resampling[preprocessing.resize_filter.name])
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def load_pictures(
    sources: Iterable[PictureSource], preprocessing: Preprocessing, *, workers: int | None = None
) -> Iterator[Pixels | PictureError]:
    """Load many pictures in parallel and return them in order, a few ahead of the consumer.

    Args:
        sources: pictures in any form that `load_picture` takes.
        preprocessing: the steps to follow.
        workers: decoding threads, 1 or more. Default one per core: Pillow decodes outside the interpreter lock.

    Returns:
        An iterator with one value for each source: `uint8 (height, width, 3) RGB 0-255`, or a `PictureError`. So
            one bad picture does not stop the others.
    """

    def attempt(source: PictureSource) -> Pixels | PictureError:
        try:
            return load_picture(source, preprocessing)
        except PictureError as error:
            return error

    return map_in_order(attempt, sources, workers=workers or os.cpu_count() or 1)
