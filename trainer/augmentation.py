"""Change training pictures at random, so that the network sees each one a little differently every epoch."""

from __future__ import annotations

import numpy as np
from PIL import Image

from edge_runtime.preprocessing import Pixels

MIN_CROP_SIDE = 0.75  # smallest side of the random crop, as a share of the picture's side
MAX_BRIGHTNESS = 30.0  # largest shift of all values, of 255
MAX_CONTRAST = 0.2  # largest change of the spread around the mean


def augment(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Flip half of the time, cut out a random part and resize it back, shift brightness and contrast.

    Args:
        pixels: `uint8 (H, W, 3) RGB 0-255`; not changed.
        generator: source of every random choice.

    Returns:
        `uint8 (H, W, 3) RGB 0-255`.
    """
    height, width, _ = pixels.shape
    side = generator.uniform(MIN_CROP_SIDE, 1.0, 2) * (width, height)
    left, top = generator.uniform(0, 1, 2) * ((width, height) - side)
    box = (left, top, left + side[0], top + side[1])
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, box)
    if generator.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    values = np.asarray(picture, np.float32)
    gain = 1 + generator.uniform(-MAX_CONTRAST, MAX_CONTRAST)
    shift = generator.uniform(-MAX_BRIGHTNESS, MAX_BRIGHTNESS)
    mean = values.mean()
    changed: Pixels = np.clip((values - mean) * gain + mean + shift, 0, 255).astype(np.uint8)
    return changed
