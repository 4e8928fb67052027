"""Draw pictures on which environments are compared: every way of decoding, and drawings of the sample set."""

from pathlib import Path

from PIL import Image

from exporter.selftest import draw_pictures
from trainer.data.sample import write_sample

ORIENTATION = 0x0112


def write_pictures(folder: Path, *, count_per_class: int) -> Path:
    """Write self-test pictures, drawings, and one drawing in lossless and lossy formats, turned and upright.

    Args:
        folder: to write; its parent takes the sample set.
        count_per_class: drawings of each class.
    """
    folder.mkdir()
    for name, content in draw_pictures().items():
        (folder / name).write_bytes(content)
    drawn = sorted(write_sample(folder.with_name("drawn"), count_per_class=count_per_class, seed=7).glob("*/*.jpg"))
    for path in drawn:
        (folder / f"{path.parent.name}-{path.name}").write_bytes(path.read_bytes())
    lying = Image.Exif()
    lying[ORIENTATION] = 8
    with Image.open(drawn[0]) as image:
        image.save(folder / "lying.png", exif=lying)
        image.save(folder / "lying.webp", lossless=True, exif=lying)
        image.save(folder / "lossy.webp", quality=80)
        image.save(folder / "progressive.jpg", progressive=True, quality=70, exif=lying)
    return folder
