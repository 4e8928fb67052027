"""Choose the pictures from which a quantiser learns the range of every tensor: training pictures, never test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.picture.near_duplicates import MAX_DISTANCE, distances, hash_words
from exporter.errors import SourceError
from exporter.source import Source, SplitPicture, read_pictures

DEFAULT_COUNT = 256
LEAST_COUNT = 8  # below, ranges are those of single pictures, and most others are clipped


def draw_calibration(
    source: Source, *, count: int = DEFAULT_COUNT, seed: int = 0, folder: Path | None = None
) -> tuple[tuple[SplitPicture, ...], tuple[SplitPicture, ...]]:
    """Draw two sets without a common picture: one to quantise with, one to see how much the draw matters.

    Each has the same number of pictures of each class, as far as there are, shuffled.

    Args:
        source: the training run.
        count: pictures of a set; fewer where the split has fewer.
        seed: seed of choice and order.
        folder: pictures to draw from, at any depth; by default those of the training split.

    Returns:
        The calibration set and the second set, which is empty where too few pictures are left.

    Raises:
        SourceError: there are less than `LEAST_COUNT`, or one is in the test split too, by content or nearly so.
    """
    candidates = pictures_below(folder, source) if folder else source.sides["train"]
    generator = np.random.default_rng(seed)
    by_class: dict[int, list[SplitPicture]] = {}
    for picture in candidates:
        by_class.setdefault(picture.label, []).append(picture)
    if folder is None and len(by_class) < len(source.labels):
        missing = next(name for label, name in enumerate(source.labels) if label not in by_class)
        raise SourceError(f"{source.folder}: the training split has no picture of class {missing}. Train again.")
    for pictures in by_class.values():
        generator.shuffle(pictures)
    count = min(count, len(candidates))
    if count < LEAST_COUNT:
        raise SourceError(
            f"{folder or source.folder}: expected {LEAST_COUNT} calibration pictures or more, received {count}. "
            "Name a folder of more pictures with --calibration, and no smaller --calibration-count."
        )
    dealt = [picture for row in range(2 * count) for picture in _row(by_class, row)]
    first = _shuffled(dealt[:count], generator)
    second = _shuffled(dealt[count : 2 * count], generator)
    _refuse_test_pictures(first + second, source)
    return first, second if len(second) == count else ()


def calibration_record(source: Source, pictures: tuple[SplitPicture, ...], seed: int) -> dict[str, Any]:
    """Return the JSON object of `calibration.json`: which pictures set the integer ranges, by content."""
    return {
        "seed": seed,
        "pictures": [
            {"sha256": picture.sha256, "label": source.labels[picture.label] if picture.label >= 0 else None}
            for picture in pictures
        ],
    }


def pictures_below(folder: Path, source: Source) -> tuple[SplitPicture, ...]:
    """Return the files below a folder; where a sub-folder has a label's name, so have its pictures.

    Raises:
        SourceError: there is none, or one cannot be read or decoded.
    """
    labels = {name.lower(): index for index, name in enumerate(source.labels)}
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise SourceError(f"{folder}: no pictures there. Name a folder of pictures with --calibration.")
    files = [(path, labels.get(path.parent.name.lower(), -1)) for path in paths]
    return read_pictures(files, source.preprocessing, role="calibration")


def _row(by_class: dict[int, list[SplitPicture]], row: int) -> list[SplitPicture]:
    return [pictures[row] for _, pictures in sorted(by_class.items()) if row < len(pictures)]


def _shuffled(pictures: list[SplitPicture], generator: np.random.Generator) -> tuple[SplitPicture, ...]:
    return tuple(pictures[index] for index in generator.permutation(len(pictures)))


def _refuse_test_pictures(pictures: tuple[SplitPicture, ...], source: Source) -> None:
    """Refuse a picture of the test split: a file fitted to it looks better there than anywhere else."""
    known = {picture.sha256: picture for picture in source.sides["test"]}
    for picture in pictures:
        if picture.sha256 in known:
            raise SourceError(
                f"{picture.path}: is in the test split too ({known[picture.sha256].path}), so it must not "
                "calibrate. Calibrate with other pictures."
            )
    test = source.sides["test"]
    if not test:
        return
    hashes = (hash_words([picture.difference_hash for picture in side]) for side in (pictures, test))
    bits = distances(*hashes)
    row, column = np.unravel_index(bits.argmin(), bits.shape)
    if bits[row, column] <= MAX_DISTANCE:
        raise SourceError(
            f"{pictures[row].path}: is nearly the same picture as {test[column].path} of the test split, so it "
            "must not calibrate. Calibrate with other pictures."
        )
