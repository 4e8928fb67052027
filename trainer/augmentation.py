"""Change training pictures at random, so that each one looks a little different in every epoch."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edge_runtime.picture.preprocessing import Pixels

MIN_CROP_AREA = 0.45  # smallest area of a random crop, as a share of the picture
MAX_CROP_RATIO = 4 / 3  # largest change of width to height
MAX_GAIN = 0.4  # largest change of brightness, contrast and saturation, as a share
MAX_TINT = 0.1  # largest change of one channel against the others, as a share
MAX_TURN_DEG = 45.0
MAX_BLUR_PX = 3.0
JPEG_QUALITIES = (20, 80)
MAX_NOISE = 30.0  # largest standard deviation of the noise, levels of 0-255
MIN_ZOOM = 0.5  # smallest side of a picture that is made small, as a share of the result
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
TURN_SHARE, ZOOM_SHARE, BLUR_SHARE, NOISE_SHARE, JPEG_SHARE = 0.2, 0.1, 0.15, 0.15, 0.15  # of the pictures


def augment(pixels: Pixels, generator: np.random.Generator, side: int) -> Pixels:
    """Crop, flip and colour a picture at random. Turn, shrink, blur, add noise to or compress a few, as cameras do.

    Args:
        pixels: `uint8 (H, W, 3) RGB 0-255`; not changed.
        generator: source of every random choice.
        side: height and width of the result, pixels.

    Returns:
        `uint8 (side, side, 3) RGB 0-255`.

    Source: random resized crop after C. Szegedy et al., "Going Deeper with Convolutions", 2015, section 6.
    """
    height, width, _ = pixels.shape
    box = _crop_box(width, height, generator)
    picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR, box)
    if generator.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for change in (_colour, _turn, _zoom_out, _blur, _add_noise):
        picture = change(picture, generator)
    return _recompress(picture, generator)


def resize(pixels: Pixels, side: int) -> Pixels:
    """Return the whole picture as `uint8 (side, side, 3) RGB 0-255`."""
    if pixels.shape[:2] == (side, side):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))


def cut_and_mix(
    pixels: Pixels, expected: NDArray[np.float32], generator: np.random.Generator
) -> tuple[Pixels, NDArray[np.float32]]:
    """Replace one box of each picture by the same box of another picture, and mix the answers by area.

    Args:
        pixels: `uint8 (B, H, W, 3) RGB 0-255`; not changed.
        expected: the answers to expect, `float32 (B, outputs)`, 0-1; not changed.
        generator: source of every random choice.

    Returns:
        The mixed pictures and the mixed answers.

    Source: S. Yun et al., "CutMix", 2019, with a share of the area that is uniform from 0 to 1.
    """
    _, height, width, _ = pixels.shape
    side = math.sqrt(generator.random())
    top, left = generator.integers(height), generator.integers(width)
    rows = slice(max(0, round(top - height * side / 2)), round(top + height * side / 2))
    columns = slice(max(0, round(left - width * side / 2)), round(left + width * side / 2))
    other = generator.permutation(len(pixels))
    mixed = pixels.copy()
    mixed[:, rows, columns] = pixels[other, rows, columns]
    share = mixed[0, rows, columns].size / mixed[0].size
    return mixed, ((1 - share) * expected + share * expected[other]).astype(np.float32)


def _crop_box(width: int, height: int, generator: np.random.Generator) -> tuple[float, float, float, float]:
    area = generator.uniform(MIN_CROP_AREA, 1.0)
    ratio = math.exp(generator.uniform(-1, 1) * math.log(MAX_CROP_RATIO))
    wide = min(1.0, math.sqrt(area * ratio)) * width
    high = min(1.0, math.sqrt(area / ratio)) * height
    left, top = generator.uniform(0, 1, 2) * (width - wide, height - high)
    return left, top, left + wide, top + high


def _colour(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Change brightness, contrast, saturation and tint in one pass."""
    brightness, contrast, saturation = 1 + generator.uniform(-MAX_GAIN, MAX_GAIN, 3)
    tint = 1 + generator.uniform(-MAX_TINT, MAX_TINT, 3)
    saturate = saturation * np.eye(3) + (1 - saturation) * np.array(_LUMINANCE)
    matrix = np.hstack([contrast * saturate, np.full((3, 1), (1 - contrast) * _level(picture))])
    return picture.convert("RGB", tuple((brightness * tint[:, None] * matrix).ravel().tolist()))


def _level(picture: Image.Image) -> float:
    """Return nearly the mean of all values, 0-255."""
    return float(np.asarray(picture.resize((1, 1), Image.Resampling.BOX)).mean())


def _turn(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    if generator.random() >= TURN_SHARE:
        return picture
    angle = generator.uniform(-MAX_TURN_DEG, MAX_TURN_DEG)
    return picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=_any_colour(generator))


def _zoom_out(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Make the picture smaller and put it anywhere on a plain background."""
    if generator.random() >= ZOOM_SHARE:
        return picture
    small = picture.resize((max(1, round(picture.width * generator.uniform(MIN_ZOOM, 1))),) * 2)
    ground = Image.new("RGB", picture.size, _any_colour(generator))
    ground.paste(small, tuple(generator.integers(0, picture.width - small.width + 1, 2).tolist()))
    return ground


def _any_colour(generator: np.random.Generator) -> tuple[int, ...]:
    return tuple(generator.integers(0, 256, 3).tolist())


def _blur(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    if generator.random() >= BLUR_SHARE:
        return picture
    return picture.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, MAX_BLUR_PX)))


def _add_noise(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    if generator.random() >= NOISE_SHARE:
        return picture
    values = np.asarray(picture, np.float32)
    noise = generator.standard_normal(values.shape, np.float32) * generator.uniform(0, MAX_NOISE)
    return Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8))


def _recompress(picture: Image.Image, generator: np.random.Generator) -> Pixels:
    if generator.random() < JPEG_SHARE:
        file = io.BytesIO()
        picture.save(file, "jpeg", quality=int(generator.integers(*JPEG_QUALITIES)))
        picture = Image.open(file)
    return np.asarray(picture)
