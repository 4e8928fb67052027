"""Classify pictures as a bad camera would take them: cropped, dark, blurred, turned or noisy."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from benchmarks.errors import BenchmarkError
from benchmarks.run.pictures import Pictures, find_pictures, load_all
from edge_runtime.classifier import Classifier, Prediction
from edge_runtime.markdown import table
from edge_runtime.native_output import native_output_to
from edge_runtime.picture.preprocessing import Pixels
from edge_runtime.proof.drift import answer_groups
from edge_runtime.proof.shares import wilson_interval

PHASE = "classifying"
_NOISE_LEVELS = 25.0


@dataclass(frozen=True)
class Answers:
    """The answers to one group of pictures.

    Args:
        distortion: what was done to the pictures.
        group: the label, or `all but neither`.
        pictures: number of pictures.
        right: pictures with the right label, confident or not.
        sure: pictures with the right label and a confident answer.
        wrong: pictures with a wrong label and a confident answer.
    """

    distortion: str
    group: str
    pictures: int
    right: int
    sure: int
    wrong: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that the command prints. Each share comes with its 95 % interval."""
        shares = {"right": self.right, "right_and_sure": self.sure, "wrong_and_sure": self.wrong}
        return {"distortion": self.distortion, "group": self.group, "pictures": self.pictures} | {
            name: [count / self.pictures, *wilson_interval(count, self.pictures)] for name, count in shares.items()
        }


def measure_robustness(
    folder: Path,
    data: Path,
    backend: str = "auto",
    *,
    pictures: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Answers]:
    """Classify a bundle's test pictures as they are and under each distortion.

    Args:
        folder: the bundle's folder.
        data: a folder with its test pictures at any depth, or with pictures in folders named after its labels.
        backend: `auto` or a key of `edge_runtime.backends.BACKENDS`.
        pictures: the largest number of pictures to use; 0 uses all.
        report: called with the distortions done and the total.

    Raises:
        BenchmarkError: the true label of every picture is unknown.
    """
    with native_output_to(Path(os.devnull)):  # LiteRT announces its delegate
        classifier = Classifier.open(folder, backend)
    found = find_pictures(data, classifier.bundle, most=pictures)
    if found.targets is None:
        raise BenchmarkError(
            f"{data}: expected test pictures of the bundle, or folders named after its labels. Found neither. "
            "Name a folder with --data."
        )
    answers: list[Answers] = []
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "pixels.npy")
        found = load_all(found, classifier.bundle.preprocessing, path)
        pixels = np.load(path, mmap_mode="r")
        for done, (name, distort) in enumerate(DISTORTIONS.items(), 1):
            distorted = (distort(Image.fromarray(pixels[row])) for row in range(len(found)))
            predictions = classifier.classify_many(np.asarray(picture) for picture in distorted)
            answers += _count(name, found, classifier.bundle.labels, list(predictions))
            report(done, len(DISTORTIONS))
    return answers


def describe_answers(answers: list[Answers]) -> str:
    """Return the shares as a Markdown table."""
    header = ("distortion", "label", "pictures", "right", "right and sure", "wrong and sure")
    rows = []
    for answer in answers:
        shares = (_share(count, answer.pictures) for count in (answer.right, answer.sure, answer.wrong))
        rows.append((answer.distortion, answer.group, f"{answer.pictures:,}", *shares))
    return table(header, rows).rstrip("\n")


def _share(count: int, pictures: int) -> str:
    low, high = wilson_interval(count, pictures)
    return f"{count / pictures:.1%} [{low:.1%}, {high:.1%}]"


def _count(name: str, pictures: Pictures, labels: tuple[str, ...], predictions: list[Any]) -> list[Answers]:
    assert pictures.targets is not None
    given: list[Prediction] = predictions
    right = np.array([answer.label for answer in given]) == np.array(labels)[pictures.targets]
    sure = np.array([answer.confident for answer in given])

    def answers(group: str, chosen: NDArray[np.bool_]) -> Answers:
        counts = (chosen, right[chosen], right[chosen] & sure[chosen], ~right[chosen] & sure[chosen])
        return Answers(name, group, *(int(count.sum()) for count in counts))

    groups = answer_groups(labels, pictures.targets)
    return [answers(group, chosen) for group, chosen in groups if chosen.any()]


def _part(share: float, left: float, top: float) -> Callable[[Image.Image], Image.Image]:
    """Return a function that crops a picture to a share of its side and enlarges the crop to the full size.

    Args:
        share: side of the crop, as a share of the picture's side, 0-1.
        left: place of the crop, from 0 at the left edge to 1 at the right edge.
        top: the same from top to bottom.
    """

    def crop(picture: Image.Image) -> Image.Image:
        wide, high = picture.width * share, picture.height * share
        x, y = (picture.width - wide) * left, (picture.height - high) * top
        return picture.resize(picture.size, Image.Resampling.BILINEAR, (x, y, x + wide, y + high))

    return crop


def _small(picture: Image.Image) -> Image.Image:
    """Put the picture at half its size in the middle of a grey one."""
    canvas = Image.new("RGB", picture.size, (128, 128, 128))
    small = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BILINEAR)
    canvas.paste(small, (picture.width // 4, picture.height // 4))
    return canvas


def _light(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: ImageEnhance.Brightness(picture).enhance(factor)


def _blur(radius: float) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: picture.filter(ImageFilter.GaussianBlur(radius))


def _turn(degrees: float) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: picture.rotate(degrees, Image.Resampling.BILINEAR)


def _compress(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=10)
    return Image.open(file)


def _noise(picture: Image.Image) -> Image.Image:
    pixels: Pixels = np.asarray(picture)
    noise = np.random.default_rng(int(pixels.sum())).normal(0, _NOISE_LEVELS, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def _grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("RGB")


# They change the pixels that the model gets: at 128 x 128, a blur of 2 px is one of 2 in 128.
DISTORTIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as they are": lambda picture: picture,
    "middle 70 % of the side": _part(0.7, 0.5, 0.5),
    "left upper 70 %": _part(0.7, 0.0, 0.0),
    "right lower 70 %": _part(0.7, 1.0, 1.0),
    "half the size in grey": _small,
    "0.4 times as bright": _light(0.4),
    "0.2 times as bright": _light(0.2),
    "1.8 times as bright": _light(1.8),
    "blur of 1 px": _blur(1.0),
    "blur of 2 px": _blur(2.0),
    "turned by 15 degrees": _turn(15),
    "turned by 45 degrees": _turn(45),
    "turned by 90 degrees": _turn(90),
    "upside down": _turn(180),
    "JPEG quality 10": _compress,
    "noise of 25 levels": _noise,
    "grey": _grey,
}
