"""Choose the pictures that show a quantiser the range of every tensor: training pictures, never test pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.picture.near_duplicates import MAX_DISTANCE, distances, hash_words
from exporter.errors import SourceError
from exporter.source import Source, SplitPicture, read_pictures

DEFAULT_COUNT = 256
LEAST_COUNT = 8  # with fewer, single pictures set the ranges, and most other pictures are clipped


def draw_calibration(
    source: Source, *, count: int = DEFAULT_COUNT, seed: int = 0, folder: Path | None = None
) -> tuple[tuple[SplitPicture, ...], tuple[SplitPicture, ...]]:
    """Draw two sets without a common picture: one to quantise with, one to see how much the draw matters.

    Each set is shuffled and has as many pictures of one class as of another, as far as there are enough.

    Args:
        source: the training run.
        count: pictures of a set; fewer if the split has fewer.
        seed: seed of choice and order.
        folder: pictures to draw from, at any depth; by default those of the training split.

    Returns:
        The calibration set and the second set. The second is empty if too few pictures are left.

    Raises:
        SourceError: there are fewer than `LEAST_COUNT`, or one is a test picture, exactly or nearly.
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
            "Name a folder of more pictures with --calibration, or raise --calibration-count."
        )
    dealt = [picture for row in range(2 * count) for picture in _row(by_class, row)]
    first = _shuffled(dealt[:count], generator)
    second = _shuffled(dealt[count : 2 * count], generator)
    _refuse_test_pictures(first + second, source)
    return first, second if len(second) == count else ()


def calibration_record(source: Source, pictures: tuple[SplitPicture, ...], seed: int) -> dict[str, Any]:
    """Return the JSON object of `calibration.json`: the hashes of the pictures that set the integer ranges."""
    return {
        "seed": seed,
        "pictures": [
            {"sha256": picture.sha256, "label": source.labels[picture.label] if picture.label >= 0 else None}
            for picture in pictures
        ],
    }


def pictures_below(folder: Path, source: Source) -> tuple[SplitPicture, ...]:
    """Return the pictures below a folder. Those in a sub-folder with the name of a label get that label.

    Of files with the same bytes there is the first, so that two draws share no picture.

    Raises:
        SourceError: there is none, or one cannot be read or decoded.
    """
    labels = {name.lower(): index for index, name in enumerate(source.labels)}
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise SourceError(f"{folder}: no pictures there. Name a folder of pictures with --calibration.")
    files = [(path, labels.get(path.parent.name.lower(), -1)) for path in paths]
    found = read_pictures(files, source.preprocessing, role="calibration")
    first = {picture.sha256: picture for picture in reversed(found)}
    return tuple(picture for picture in found if first[picture.sha256] is picture)


def _row(by_class: dict[int, list[SplitPicture]], row: int) -> list[SplitPicture]:
    return [pictures[row] for _, pictures in sorted(by_class.items()) if row < len(pictures)]


def _shuffled(pictures: list[SplitPicture], generator: np.random.Generator) -> tuple[SplitPicture, ...]:
    return tuple(pictures[index] for index in generator.permutation(len(pictures)))


def _refuse_test_pictures(pictures: tuple[SplitPicture, ...], source: Source) -> None:
    """Refuse pictures of the test split: a file that was fitted to them would look better than it is."""
    known = {picture.sha256: picture for picture in source.sides["test"]}
    for picture in pictures:
        if picture.sha256 in known:
            raise SourceError(
                f"{picture.path}: is a test picture too ({known[picture.sha256].path}). Test pictures must not set "
                "the integer ranges. Calibrate with other pictures."
            )
    test = source.sides["test"]
    if not test:
        return
    hashes = (hash_words([picture.difference_hash for picture in side]) for side in (pictures, test))
    bits = distances(*hashes)
    row, column = np.unravel_index(bits.argmin(), bits.shape)
    if bits[row, column] <= MAX_DISTANCE:
        raise SourceError(
            f"{pictures[row].path}: is nearly the same as the test picture {test[column].path}. Test pictures must "
            "not set the integer ranges. Calibrate with other pictures."
        )
