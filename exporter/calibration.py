"""Choose the pictures that show a quantiser the range of every tensor: training pictures, never test pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.errors import PictureFolderError
from edge_runtime.picture.folder import read_labelled
from edge_runtime.picture.left_out import Cause, LeftOut, is_fault
from edge_runtime.picture.near_duplicates import MAX_DISTANCE, distances, hash_words
from edge_runtime.run_folder import Side
from exporter.errors import SourceError
from exporter.source import Source, SplitPicture, describe_pictures

DEFAULT_COUNT = 256
_CHUNK = 512
LEAST_COUNT = 8  # with fewer, single pictures set the ranges, and most other pictures are clipped


@dataclass(frozen=True)
class Candidates:
    """The pictures that a calibration can be drawn from.

    Args:
        pictures: the pictures.
        left_out: what is not used of their folder, and test pictures.
        note: what people should know of them, in a sentence; mostly empty.
    """

    pictures: tuple[SplitPicture, ...]
    left_out: tuple[LeftOut, ...] = ()
    note: str = ""


def find_candidates(source: Source, folder: Path | None = None) -> Candidates:
    """Find the pictures to calibrate with. Test pictures are left out, exact and near copies of them too.

    A file that was fitted to test pictures would look better than it is.

    Args:
        source: the training run.
        folder: pictures to draw from, at any depth; by default those of the training split. Of a folder that is
            split into sides, the training side is taken.

    Raises:
        SourceError: the folder has no picture, or all of them are test pictures.
    """
    found = pictures_below(folder, source) if folder else Candidates(source.sides["train"])
    exact = {picture.sha256: picture for picture in source.sides["test"]}
    others = tuple(picture for picture in found.pictures if picture.sha256 not in exact)
    same = tuple(
        _left_out(picture, folder, f"is the test picture {exact[picture.sha256].path.name}")
        for picture in found.pictures
        if picture.sha256 in exact
    )
    near = _near_test_pictures(others, source)
    apart = tuple(picture for picture in others if picture not in near)
    left_out = found.left_out + same
    if near and _too_few(apart, others):
        note = (
            f"{len(near):,} of the {len(others):,} calibration pictures are nearly the same as test pictures, as "
            "those of a fixed camera are. Too few others are left, so they are used."
        )
        return Candidates(others, left_out, note)
    nearly = tuple(
        _left_out(one, folder, f"is nearly the same as the test picture {two}") for one, two in near.items()
    )
    return Candidates(apart, left_out + nearly)


def draw_calibration(
    source: Source,
    *,
    count: int = DEFAULT_COUNT,
    seed: int = 0,
    folder: Path | None = None,
    candidates: Candidates | None = None,
) -> tuple[tuple[SplitPicture, ...], tuple[SplitPicture, ...]]:
    """Draw two sets without a common picture: one to quantise with, one to see how much the draw matters.

    Each set is shuffled and has as many pictures of one class as of another, as far as there are enough.

    Args:
        source: the training run.
        count: pictures of a set; fewer if there are fewer.
        seed: seed of choice and order.
        folder: pictures to draw from, at any depth; by default those of the training split.
        candidates: what `find_candidates` found there before. Default: it is asked now.

    Returns:
        The calibration set and the second set. The second is empty if too few pictures are left.

    Raises:
        SourceError: there are fewer than `LEAST_COUNT`.
    """
    found = candidates or find_candidates(source, folder)
    generator = np.random.default_rng(seed)
    by_class: dict[int, list[SplitPicture]] = {}
    for picture in found.pictures:
        by_class.setdefault(picture.label, []).append(picture)
    if folder is None and len(by_class) < len(source.labels):
        missing = next(name for label, name in enumerate(source.labels) if label not in by_class)
        raise SourceError(f"{source.folder}: the training split has no picture of class {missing}. Train again.")
    for pictures in by_class.values():
        generator.shuffle(pictures)
    count = min(count, len(found.pictures))
    if count < LEAST_COUNT:
        raise SourceError(
            f"{folder or source.folder}: expected {LEAST_COUNT} calibration pictures or more, received {count}."
            f"{_of_test(found)} Name a folder of more pictures with --calibration, or raise --calibration-count."
        )
    dealt = [picture for row in range(2 * count) for picture in _row(by_class, row)]
    first = _shuffled(dealt[:count], generator)
    second = _shuffled(dealt[count : 2 * count], generator)
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


def pictures_below(folder: Path, source: Source) -> Candidates:
    """Return the pictures below a folder. Those below a sub-folder with the name of a label get that label.

    Raises:
        SourceError: there is none.
    """
    try:
        found = read_labelled(folder, source.labels).on(Side.TRAIN)
    except PictureFolderError as error:
        raise SourceError(str(error)) from error
    pictures, left_out = describe_pictures(found, source.preprocessing, role="calibration")
    if not pictures:
        first = next(filter(is_fault, left_out), None)
        why = f" {first.path}: {first.reason}." if first else ""
        raise SourceError(f"{folder}: no pictures there.{why} Name a folder of pictures with --calibration.")
    return Candidates(pictures, left_out)


def _row(by_class: dict[int, list[SplitPicture]], row: int) -> list[SplitPicture]:
    return [pictures[row] for _, pictures in sorted(by_class.items()) if row < len(pictures)]


def _shuffled(pictures: list[SplitPicture], generator: np.random.Generator) -> tuple[SplitPicture, ...]:
    return tuple(pictures[index] for index in generator.permutation(len(pictures)))


def _left_out(picture: SplitPicture, folder: Path | None, reason: str) -> LeftOut:
    path = picture.path.relative_to(folder).as_posix() if folder else picture.path.name
    return LeftOut(path, Cause.TEST_PICTURE, reason)


def _of_test(found: Candidates) -> str:
    count = sum(item.cause is Cause.TEST_PICTURE for item in found.left_out)
    return f" {count:,} test pictures among them were left out." if count else ""


def _too_few(apart: tuple[SplitPicture, ...], others: tuple[SplitPicture, ...]) -> bool:
    """Say whether without near copies of test pictures a class is gone, or the calibration too small."""
    return len(apart) < LEAST_COUNT or {picture.label for picture in apart} != {picture.label for picture in others}


def _near_test_pictures(pictures: tuple[SplitPicture, ...], source: Source) -> dict[SplitPicture, str]:
    """Return the pictures that are nearly the same as a test picture, each with that one's name."""
    test = source.sides["test"]
    near: dict[SplitPicture, str] = {}
    known = hash_words([picture.difference_hash for picture in test])
    for start in range(0, len(pictures) if test else 0, _CHUNK):
        some = pictures[start : start + _CHUNK]
        bits = distances(hash_words([picture.difference_hash for picture in some]), known)
        for row in np.flatnonzero(bits.min(axis=1) <= MAX_DISTANCE):
            near[some[row]] = test[int(bits[row].argmin())].path.name
    return near
