"""Pictures of nothing, drawn at random. They teach a network to answer `neither`."""

from __future__ import annotations

import string

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge_runtime.picture.preprocessing import Pixels

_PATCHES = (4, 6, 8)  # squares along a side of a shuffled picture


def draw_negative(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw noise, a plain or shaded surface, stripes, shapes or text, or cut a picture up and shuffle it.

    Args:
        picture: `uint8 (H, W, 3) RGB 0-255`; gives the size, and may be cut up; not changed.
        generator: source of every random choice.

    Returns:
        `uint8 (H, W, 3) RGB 0-255`.
    """
    kinds = (_noise, _surface, _stripes, _shapes, _text, _shuffled)
    return kinds[generator.integers(len(kinds))](picture, generator)


def _noise(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw noise of a random grain, grey or coloured, around a random level."""
    height, width, _ = picture.shape
    cells = int(generator.choice((4, 8, 16, 64, 128)))
    channels = 3 if generator.random() < 0.5 else 1
    values = generator.normal(generator.uniform(30, 225), generator.uniform(5, 90), (cells, cells, channels))
    grain = np.clip(np.broadcast_to(values, (cells, cells, 3)), 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(grain).resize((width, height), Image.Resampling.BILINEAR))


def _surface(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw one colour, or a gradient between two in any direction, with a little noise."""
    height, width, _ = picture.shape
    first, second = generator.uniform(0, 256, (2, 3))
    if generator.random() < 0.4:
        second = first
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    angle = generator.uniform(0, 2 * np.pi)
    ramp = across * np.cos(angle) + down * np.sin(angle)
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    values = first + (second - first) * ramp[..., None]
    return _bytes(values + generator.normal(0, generator.uniform(0, 8), values.shape))


def _stripes(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw stripes, rings or a chessboard in two colours."""
    height, width, _ = picture.shape
    first, second = generator.uniform(0, 256, (2, 3))
    across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    angle, waves = generator.uniform(0, 2 * np.pi), generator.uniform(2, 25)
    one = np.sin(waves * np.pi * (across * np.cos(angle) + down * np.sin(angle)))
    other = np.sin(waves * np.pi * (down * np.cos(angle) - across * np.sin(angle)))
    pattern = (one, one * other, np.sin(waves * np.pi * np.hypot(across, down)))[generator.integers(3)]
    if generator.random() < 0.5:
        pattern = np.sign(pattern)
    return _bytes(first + (second - first) * (pattern[..., None] + 1) / 2)


def _shapes(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw boxes, discs and lines of many colours."""
    height, width, _ = picture.shape
    canvas = Image.new("RGB", (width, height), _some_colour(generator))
    drawing = ImageDraw.Draw(canvas)
    for _ in range(generator.integers(2, 15)):
        left, right = np.sort(generator.uniform(-0.2, 1.2, 2) * width)
        top, bottom = np.sort(generator.uniform(-0.2, 1.2, 2) * height)
        draw = (drawing.rectangle, drawing.ellipse, drawing.line)[generator.integers(3)]
        draw([float(left), float(top), float(right), float(bottom)], fill=_some_colour(generator))
    return np.asarray(canvas)


def _text(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw lines of letters, as on a page, a screen or a sign."""
    height, width, _ = picture.shape
    canvas = Image.new("RGB", (width, height), _some_colour(generator))
    drawing, ink = ImageDraw.Draw(canvas), _some_colour(generator)
    size = float(generator.uniform(0.06, 0.4) * height)
    font = ImageFont.load_default(size)
    letters = list(string.ascii_letters + string.digits + "     .,")
    for top in np.arange(generator.uniform(-0.5, 0.5) * size, height, size * 1.2):
        line = "".join(generator.choice(letters, 40))
        drawing.text((float(generator.uniform(-0.1, 0.2) * width), float(top)), line, fill=ink, font=font)
    return np.asarray(canvas)


def _shuffled(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Cut the picture into squares and shuffle them: its textures stay, its shapes are gone."""
    height, width, _ = picture.shape
    patches = int(generator.choice(_PATCHES))
    high, wide = height // patches, width // patches
    even = picture[: high * patches, : wide * patches]
    squares = even.reshape(patches, high, patches, wide, 3).swapaxes(1, 2).reshape(-1, high, wide, 3)
    dealt = generator.permutation(squares).reshape(patches, patches, high, wide, 3).swapaxes(1, 2)
    result = picture.copy()
    result[: high * patches, : wide * patches] = dealt.reshape(high * patches, wide * patches, 3)
    return result


def _some_colour(generator: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in generator.integers(0, 256, 3))
    return red, green, blue


def _bytes(values: np.ndarray) -> Pixels:
    clipped: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return clipped
