"""The scratch folder in which examples of the documentation run."""

import os
import shutil
from pathlib import Path

import pytest

from tests.docs.examples import ROOT

PHOTOGRAPHS = {
    "cat.jpg": "originals/cat/cat.1.jpg",
    "dog.jpg": "originals/dog/dog.1.jpg",
    "lobster.jpg": "neither/lobster/lobster_000.jpg",
}
SHARED = ROOT.parent / "shared/data"


@pytest.fixture(scope="session")
def supplies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has who did what the pages say before: drawn pictures, a video, a report, the package."""
    pytest.importorskip("sklearn", reason="the sample set needs the extra train")
    from trainer.data.sample import write_sample

    folder = tmp_path_factory.mktemp("supplies")
    drawn = write_sample(folder / "data/sample", count_per_class=4)
    for name, picture in {"cat.jpg": "Cat/0000.jpg", "dog.jpg": "Dog/0000.jpg"}.items():
        real = SHARED / PHOTOGRAPHS[name]
        shutil.copy(real if real.exists() else drawn / picture, folder / name)
    if (SHARED / PHOTOGRAPHS["lobster.jpg"]).exists():
        shutil.copy(SHARED / PHOTOGRAPHS["lobster.jpg"], folder / "lobster.jpg")
    write_video(folder / "pets.mp4", drawn / "Cat/0000.jpg", drawn / "Dog/0000.jpg")
    shutil.copytree(ROOT / "docs/measurements/benchmark", folder / "reports/petimages-report")
    packages = folder / "venv/lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (packages / "edge_runtime").symlink_to(ROOT / "edge_runtime")
    return folder


@pytest.fixture
def scratch(supplies: Path, tmp_path: Path) -> Path:
    """A copy of the supplies for the examples of one page."""
    return Path(shutil.copytree(supplies, tmp_path / "scratch", symlinks=True))


def photographs_are_here() -> bool:
    """Say whether the photographs that two examples show lie beside the project."""
    return all((SHARED / path).exists() for path in PHOTOGRAPHS.values())


def slow_ones_run() -> bool:
    """Say whether examples that take minutes are to run too: with CATDOG_SLOW_EXAMPLES set."""
    return bool(os.environ.get("CATDOG_SLOW_EXAMPLES"))


def write_video(path: Path, *pictures: Path, seconds: int = 3, rate: int = 30) -> None:
    """Write a video that shows each picture for some seconds."""
    av = pytest.importorskip("av", reason="the video of the examples needs the extra camera")
    from PIL import Image

    size = (320, 240)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *size, "yuv420p", 4_000_000
        for picture in pictures:
            with Image.open(picture) as image:
                frame_image = image.convert("RGB").resize(size)
            for _ in range(seconds * rate):
                container.mux(stream.encode(av.VideoFrame.from_image(frame_image)))
        container.mux(stream.encode())
