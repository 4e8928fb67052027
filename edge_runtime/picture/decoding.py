"""Open and decode any picture to upright RGB: steps 1 to 5 of the contract in `preprocessing`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edge_runtime.errors import PictureError
from edge_runtime.picture.contract import MAX_PIXELS
from edge_runtime.picture.jpeg import has_many_scans
from edge_runtime.picture.memory import DECODER_BYTES, LARGE_BYTES, PLAIN_BYTES, one_at_a_time
from edge_runtime.picture.signatures import JPEGS
from edge_runtime.picture.source import PictureSource, Pixels, name_of, opened

if TYPE_CHECKING:
    from edge_runtime.picture.contract import Preprocessing

MAX_SIDE = 65_535  # a narrow picture, whose rows are kept at the target's width, takes more than it holds
# Pictures above this are turned, converted and narrowed in strips of this size, to the same pixels.
STRIP_PIXELS = 1_000_000

# Of a JPEG of several scans, as progressive ones are: its coefficients, two bytes each, are kept at any scale.
SCANS_BYTES = {"L": 6, "RGB": 6, "CMYK": 8}

_TILE_SIDES = (0x0142, 0x0143)  # TIFF tags
ORIENTATION = 0x0112  # EXIF tag; a number here, because importing PIL.ExifTags takes 5 ms
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
LYING = (5, 6, 7, 8)  # stored columns are the upright picture's rows
FROM_THE_END = (3, 4, 7, 8)  # the upright picture's first row is stored last


def decode_picture(
    source: PictureSource, preprocessing: Preprocessing, *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decode a picture to an upright RGB image: steps 1-5 of the contract.

    Args:
        source: path, encoded bytes, binary file object, PIL image, or `uint8 (H, W, 3) RGB 0-255`.
        preprocessing: the contract to follow.
        max_pixels: larger pictures are refused before they are decoded, 1 to `LARGEST_MAX_PIXELS`.

    Returns:
        An RGB image, at least the target size where the original is. One of more than `STRIP_PIXELS` comes
        resized across already, to the same pixels in the end.

    Raises:
        PictureError: the picture cannot be read or decoded, or is too large.
    """
    name = name_of(source)
    with _told(name, max_pixels), opened(source, name, max_pixels) as image:
        cost = _pixel_bytes(image)
        _refuse_size(image, name, max_pixels * PLAIN_BYTES // cost)
        if image is source:
            image.load()  # first: it can turn the picture and take the orientation away
            return _upright_rgb(image, preprocessing)
        whole = _decoded_pixels(image)
        _decode_smaller(image, preprocessing)
        kept = whole if cost > PLAIN_BYTES else _decoded_pixels(image)
        with one_at_a_time(kept * cost):
            image.load()
            upright = _upright_rgb(image, preprocessing)
            # Free its pixels. Closing it would close a caller's file, and breaks leaving Pillow 11.0's context.
            if upright is not image:
                image.im = Image.new("L", (1, 1)).im
            return upright


def decode_whole(
    source: PictureSource,
    *,
    background: tuple[int, int, int] = (255, 255, 255),
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """Decode a picture to all of its pixels, upright: steps 1-5 of the contract without a smaller scale.

    Args:
        source: see `decode_picture`.
        background: colour laid under a transparent picture, RGB 0-255. Default white.
        max_pixels: larger pictures are refused before they are decoded, 1 to `LARGEST_MAX_PIXELS`.

    Returns:
        `uint8 (height, width, 3) RGB 0-255`.

    Raises:
        PictureError: the picture cannot be read or decoded, or is too large.
    """
    name = name_of(source)
    with _told(name, max_pixels), opened(source, name, max_pixels) as image:
        cost = _pixel_bytes(image)
        _refuse_size(image, name, max_pixels * PLAIN_BYTES // cost)
        with one_at_a_time(_decoded_pixels(image) * cost):
            image.load()
            return np.asarray(_to_rgb(_upright(image, _orientation(image)), background, _is_wide(image)))


@contextmanager
def _told(name: str, max_pixels: int) -> Iterator[None]:
    """Make every error of opening and decoding a `PictureError`."""
    try:
        yield
    except PictureError:
        raise
    except FileNotFoundError as error:
        raise PictureError(name, "no such file") from error
    except Image.DecompressionBombError as error:
        raise PictureError(name, f"too large: more than {max_pixels:,} pixels") from error
    # Pillow's decoders raise almost anything on damaged files (SyntaxError, struct.error, TypeError, ...).
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise PictureError(name, f"cannot be read ({error.strerror})") from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PictureError(name, f"cannot be decoded ({reason})") from error


def _pixel_bytes(image: Image.Image) -> int:
    """Return the bytes a pixel of the file takes at the decoder's peak."""
    if image.format not in JPEGS:
        return DECODER_BYTES.get(image.format or "", PLAIN_BYTES)
    return SCANS_BYTES.get(image.mode, 6) if _has_many_scans(image) else PLAIN_BYTES


def _has_many_scans(image: Image.Image) -> bool:
    if image.info.get("progressive"):
        return True
    file = getattr(image, "fp", None)  # None when the caller has decoded it
    large = image.width * image.height * PLAIN_BYTES > LARGE_BYTES  # others are not worth the look
    return large and file is not None and has_many_scans(file, len(image.getbands()))


def _refuse_size(image: Image.Image, name: str, allowed: int) -> None:
    width, height = image.size
    if width * height == 0:
        raise PictureError(name, "has no pixels")
    if max(width, height) > MAX_SIDE:
        raise PictureError(name, f"too large: {width} x {height}, at most {MAX_SIDE:,} pixels a side")
    if _decoded_pixels(image) > allowed:
        kind = f" in {image.format} of this kind" if _pixel_bytes(image) > PLAIN_BYTES else ""
        raise PictureError(name, f"too large: {width} x {height}, at most {allowed:,} pixels{kind}")


def _decoded_pixels(image: Image.Image) -> int:
    """Return the pixels that the decoder makes: a tile of a TIFF file may be larger than its picture."""
    pixels = image.width * image.height
    if image.format != "TIFF":
        return pixels
    sides = [image.tag_v2.get(tag, 0) for tag in _TILE_SIDES]  # type: ignore[attr-defined]
    return max(pixels, math.prod(side if isinstance(side, int) else 0 for side in sides))


def _decode_smaller(image: Image.Image, preprocessing: Preprocessing) -> None:
    """Ask the JPEG decoder for the smallest scale that covers the target."""
    if image.format not in JPEGS:
        return
    width, height = preprocessing.width, preprocessing.height
    if _orientation(image) in LYING:
        width, height = height, width
    image.draft(None, (width, height))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION)
    # Damaged metadata raises almost anything and does not make good pixels unreadable.
    except Exception:
        value = None
    return value if isinstance(value, int) else 1


def _upright_rgb(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    orientation, wide = _orientation(image), _is_wide(image)
    if image.width * image.height <= STRIP_PIXELS:
        return _to_rgb(_upright(image, orientation), preprocessing.background, wide)
    return _narrowed(image, preprocessing, orientation, wide)


def _narrowed(image: Image.Image, preprocessing: Preprocessing, orientation: int, wide: bool) -> Image.Image:
    """Convert and resize across in strips, so that a large picture is in memory once.

    The pixels are those of one resize: Pillow resizes across, rounds to bytes, and then resizes down.
    """
    lying = orientation in LYING
    rows = image.width if lying else image.height
    narrow = Image.new("RGB", (preprocessing.width, rows))
    for start, end in _strips(image, rows):
        box = (start, 0, end, image.height) if lying else (0, start, image.width, end)
        strip = _to_rgb(_upright(image.crop(box), orientation), preprocessing.background, wide)
        size = (preprocessing.width, strip.height)
        across = strip.resize(size, Image.Resampling[preprocessing.resize_filter.name])
        narrow.paste(across, (0, rows - end if orientation in FROM_THE_END else start))
    return narrow


def _strips(image: Image.Image, rows: int) -> Iterator[tuple[int, int]]:
    count = max(1, STRIP_PIXELS * rows // (image.width * image.height))
    for start in range(0, rows, count):
        yield start, min(start + count, rows)


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    method = UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def _is_wide(image: Image.Image) -> bool:
    """Say whether grey values are 16-bit: 32-bit and float images are when they pass 255."""
    if image.mode.startswith("I;16"):
        return True
    if image.mode not in ("I", "F"):
        return False
    boxes = ((0, start, image.width, end) for start, end in _strips(image, image.height))
    return any(np.nan_to_num(np.asarray(image.crop(box))).max(initial=0) > 255 for box in boxes)


def _to_rgb(image: Image.Image, background: tuple[int, int, int], wide: bool) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_eight_bits(image, wide)
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        below = Image.new("RGBA", layer.size, (*background, 255))
        image = Image.alpha_composite(below, layer)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Image.Image, wide: bool) -> Image.Image:
    """Keep the high byte of 16-bit values."""
    values = np.nan_to_num(np.asarray(image))
    opaque = values != image.info.get("transparency")  # a PNG can name one transparent grey
    if wide:
        values = np.clip(values, 0, 65535).astype(np.uint16) >> 8
    grey = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if not opaque.all():
        grey.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    return grey
