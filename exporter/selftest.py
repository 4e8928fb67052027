"""Draw the self-test pictures of a bundle. With them a device proves that it computes as the exporter did."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path

from PIL import Image, ImageDraw

from edge_runtime.bundle import SELFTEST, SelfTestPicture
from edge_runtime.classifier import Classifier
from edge_runtime.picture.preprocessing import Preprocessing, load_picture


def draw_pictures() -> dict[str, bytes]:
    """Return encoded pictures by file name, one for each way of decoding that differs between libraries.

    One JPEG is so large that it is decoded at a reduced scale, one lies on its side, and one is CMYK. The others
    have an alpha channel, 16 bits and a palette. Some sizes shrink, some grow, and some stay.
    """
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: rotate 90 degrees clockwise to view
    return {
        "large.jpg": _encoded(_drawing(0, 900, 640), "JPEG", quality=90),
        "turned.jpg": _encoded(_drawing(1, 300, 220), "JPEG", quality=90, exif=turned),
        "cmyk.jpg": _encoded(_drawing(2, 200, 200).convert("CMYK"), "JPEG", quality=90),
        "transparent.png": _encoded(_transparent(_drawing(3, 160, 240)), "PNG"),
        "sixteen-bit.png": _encoded(_sixteen_bit(_drawing(4, 120, 90)), "PNG"),
        "palette.gif": _encoded(_drawing(5, 64, 64).quantize(32), "GIF"),
    }


def write_selftest(
    folder: Path, preprocessing: Preprocessing, classifiers: dict[str, Classifier]
) -> tuple[SelfTestPicture, ...]:
    """Write the pictures below a bundle's folder, and return what a healthy device makes of each.

    Args:
        folder: the bundle being written.
        preprocessing: its contract.
        classifiers: every opened file of the bundle, by name.
    """
    (folder / SELFTEST).mkdir()
    pictures = []
    for name, content in draw_pictures().items():
        (folder / SELFTEST / name).write_bytes(content)
        pixels = load_picture(content, preprocessing)
        scores = {
            file: tuple(round(float(score), 7) for score in classifier.scores(pixels))
            for file, classifier in classifiers.items()
        }
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        pictures.append(SelfTestPicture(f"{SELFTEST}/{name}", digest, scores))
    return tuple(pictures)


def _drawing(number: int, width: int, height: int) -> Image.Image:
    """Draw shapes over a gradient: smooth areas, edges and every colour channel on its own."""
    red = Image.linear_gradient("L").resize((width, height))
    green = Image.radial_gradient("L").resize((width, height))
    image = Image.merge("RGB", (red, green, red.transpose(Image.Transpose.ROTATE_180)))
    pen = ImageDraw.Draw(image)
    for index in range(7):
        angle = 2.4 * index + number
        x, y = width * (0.5 + 0.35 * math.cos(angle)), height * (0.5 + 0.35 * math.sin(angle))
        radius = min(width, height) * (0.05 + 0.03 * ((index + number) % 4))
        colour = tuple((67 * (index + 1) * (channel + 2) + 91 * number) % 256 for channel in range(3))
        draw = pen.ellipse if index % 2 else pen.rectangle
        draw((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image


def _transparent(image: Image.Image) -> Image.Image:
    image.putalpha(Image.radial_gradient("L").resize(image.size))
    return image


def _sixteen_bit(image: Image.Image) -> Image.Image:
    return image.convert("L").convert("I").point(lambda value: value * 257).convert("I;16")


def _encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, format_, **options)
    return target.getvalue()
