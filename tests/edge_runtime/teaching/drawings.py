"""Draw walls of bricks, grass and pebbles: three labels that the network of the package was not trained for."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

LABELS = ("bricks", "grass", "pebbles")


def draw(label: str, number: int) -> Image.Image:
    """Return a drawing. The same number is the same drawing."""
    chance = random.Random(f"{label}{number}")

    def colour(low: int, high: int) -> tuple[int, ...]:
        return tuple(chance.randint(low, high) for _ in range(3))

    image = Image.new("RGB", (200, 160), colour(130, 255))
    pen, ink, step = ImageDraw.Draw(image), colour(0, 130), chance.randint(16, 36)
    for x in range(chance.randint(-30, 0), 230, step):
        for y in range(chance.randint(-30, 0), 190, step):
            if label == "bricks":
                pen.rectangle((x, y, x + 2 * step, y + step // 2), fill=ink, outline=colour(200, 255), width=2)
            elif label == "grass":
                pen.line((x, y, x + chance.randint(-9, 9), y - 2 * step), fill=ink, width=3)
            else:
                pen.ellipse((x, y, x + step * 0.7, y + step * 0.7), fill=ink)
    return image


def write_walls(root: Path, labels: tuple[str, ...] = LABELS, *, count: int = 8, first: int = 0) -> Path:
    """Write drawings of each label into a folder of its own, and return the folder above."""
    for label in labels:
        folder = root / label
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            draw(label, number).save(folder / f"{number:02}.jpg")
    return root
