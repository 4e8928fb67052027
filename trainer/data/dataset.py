"""Read a folder with one sub-folder per class: clean it, balance it, split it into train, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels, Preprocessing
from edge_runtime.run_folder import LeftOutFile, Side, SplitFile, Splits
from edge_runtime.strict_json import unprintable
from trainer.data.cache import PictureCache, cache_pictures
from trainer.data.near_duplicates import group_near_duplicates
from trainer.errors import DataError
from trainer.random_streams import Stream

# With fewer pictures a class cannot be on every side of the split.
MIN_PER_CLASS = 10


@dataclass(frozen=True)
class Picture:
    """A picture of the data set.

    Args:
        path: relative to the data folder, with forward slashes.
        label: index into the labels.
        sha256: hash of the file's bytes, hex.
        difference_hash: perceptual hash, hex.
        row: row of the picture cache.
    """

    path: str
    label: int
    sha256: str
    difference_hash: str
    row: int


class Cause(StrEnum):
    """Why a file is on no side of the split."""

    UNREADABLE = "unreadable"
    TWO_CLASSES = "two classes"
    COPY = "copy"
    SURPLUS = "surplus"


@dataclass(frozen=True)
class LeftOut:
    """A file that is on no side of the split.

    Args:
        path: relative to the data folder, with forward slashes.
        cause: the kind of reason; only `SURPLUS` is no fault of the file.
        reason: the reason in words.
    """

    path: str
    cause: Cause
    reason: str


@dataclass(frozen=True)
class Crops:
    """Larger copies of the training pictures. Random crops are cut from them.

    Args:
        pixels: `uint8 (pictures, side, side, 3) RGB 0-255`.
        row_of: `int (rows,)`, the row in `pixels` for each row of `Dataset.pixels`; -1 for other than training
            pictures.
    """

    pixels: Pixels
    row_of: NDArray[np.intp]


@dataclass(frozen=True)
class Dataset:
    """Pictures ready to train on.

    Args:
        folder: the data folder, absolute.
        labels: class names in lower case, sorted; with negatives `neither` comes last.
        sides: the pictures of each side.
        left_out: every file that is on no side.
        pixels: `uint8 (rows, height, width, 3) RGB 0-255`, indexed by `Picture.row`.
        neither: index of the label for pictures of none of the classes; None without negatives.
        copies: by row, the file that is trained on instead of the picture's own.
        crops: what random crops are cut from; None for `pixels`.
    """

    folder: Path
    labels: tuple[str, ...]
    sides: dict[Side, tuple[Picture, ...]]
    left_out: tuple[LeftOut, ...]
    pixels: Pixels
    neither: int | None = None
    copies: dict[int, Path] = field(default_factory=dict)
    crops: Crops | None = None

    @property
    def faulty(self) -> tuple[LeftOut, ...]:
        """The files left out for a fault of their own: all but the surplus of the larger classes."""
        return tuple(file for file in self.left_out if file.cause is not Cause.SURPLUS)

    def rows(self, side: Side) -> NDArray[np.intp]:
        """Return the cache rows of a side, `int (pictures,)`."""
        return np.array([picture.row for picture in self.sides[side]], np.intp)

    def targets(self, side: Side) -> NDArray[np.intp]:
        """Return the label indices of a side, `int (pictures,)`."""
        return np.array([picture.label for picture in self.sides[side]], np.intp)

    def splits(self) -> Splits:
        """Return what `splits.json` says: each file's side, label and hashes, and what was left out."""
        files = tuple(
            SplitFile(picture.path, side, self.labels[picture.label], picture.sha256, picture.difference_hash)
            for side, pictures in self.sides.items()
            for picture in pictures
        )
        left_out = tuple(LeftOutFile(file.path, file.reason) for file in self.left_out)
        return Splits(self.folder, self.labels, files, left_out)


@dataclass(frozen=True)
class SplitPlan:
    """How to choose and split the pictures.

    Args:
        seed: seed of the choice and of the split.
        limit_per_class: use at most so many pictures of each class; 0 for all.
        validation_fraction: share of the pictures in validation, 0-1.
        test_fraction: share of the pictures in test, 0-1.
    """

    seed: int
    limit_per_class: int
    validation_fraction: float
    test_fraction: float


def read_dataset(
    folder: Path,
    preprocessing: Preprocessing,
    plan: SplitPlan,
    *,
    cache: Path | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Dataset:
    """Read, decode, clean, balance and split a data folder.

    Args:
        folder: the data folder, with one sub-folder per class; files may lie at any depth in it.
        preprocessing: how pictures become pixels.
        plan: how to choose and split them.
        cache: folder of the picture cache.
        report: called with the number of files done and of all files.

    Raises:
        DataError: the folder is missing, has fewer than two classes, or a class has too few pictures.
    """
    labels, files = find_files(folder)
    paths = [path for path, _ in files]
    cached = cache_pictures(paths, preprocessing, cache=cache, report=lambda done: report(done, len(paths)))
    pictures, left_out = clean(folder, files, cached, labels)
    groups = group_near_duplicates([picture.difference_hash for picture in pictures])
    kept, surplus = _balance(pictures, plan, labels, folder)
    sides = split([pictures[index] for index in kept], groups[kept], plan)
    _refuse_empty_sides(sides, labels, folder)
    left_out += [
        LeftOut(pictures[index].path, Cause.SURPLUS, "over the number of pictures per class") for index in surplus
    ]
    return Dataset(folder.resolve(), labels, sides, tuple(left_out), cached.pixels)


def add_crops(
    dataset: Dataset,
    side: int,
    *,
    cache: Path | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Dataset:
    """Add copies of the training pictures at `side` x `side` pixels, to cut random crops from.

    A crop of a small picture must be enlarged, which blurs it. The network is used on whole pictures, which are
    not blurred.

    Args:
        dataset: the data set.
        side: height and width of the copies, pixels.
        cache: folder of the picture cache.
        report: called with the number of files done and of all files.

    Raises:
        DataError: the cache cannot be written, or a picture is missing.
    """
    trained = dataset.sides[Side.TRAIN]
    paths = [dataset.copies.get(picture.row, dataset.folder / picture.path) for picture in trained]
    preprocessing = Preprocessing(side, side)
    cached = cache_pictures(paths, preprocessing, cache=cache, report=lambda done: report(done, len(paths)))
    row_of = np.full(len(dataset.pixels), -1, np.intp)
    row_of[dataset.rows(Side.TRAIN)] = [entry.row for entry in cached.entries]
    return replace(dataset, crops=Crops(cached.pixels, row_of))


def find_files(folder: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Return the labels and every file with its label.

    The labels are the names of the sub-folders, in lower case and sorted.

    Raises:
        DataError: the folder is missing, or has fewer than two sub-folders.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. Name one with a sub-folder of pictures for each class.")
    folders = [path for path in sorted(folder.iterdir()) if _is_class(path)]
    classes = {path.name.lower(): path for path in folders}
    if len(classes) < len(folders):
        raise DataError(f"{folder}: two sub-folders differ only in upper and lower case. Merge or rename them.")
    if odd := next(filter(unprintable, classes), None):
        raise DataError(
            f"{folder}: the name of the sub-folder {odd!r} has a control character, a line break or a mark of "
            "direction. Rename it."
        )
    if len(classes) < 2:
        raise DataError(
            f"{folder}: expected a sub-folder of pictures for each of two or more classes, such as "
            f"{folder}/cat and {folder}/dog; found {', '.join(sorted(classes)) or 'none'}."
        )
    labels = tuple(sorted(classes))
    files = [
        (path, label)
        for label, name in enumerate(labels)
        for path in sorted(classes[name].rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(classes[name]).parts)
    ]
    return labels, files


def _is_class(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith((".", "_"))


def clean(
    folder: Path, files: list[tuple[Path, int]], cached: PictureCache, labels: tuple[str, ...]
) -> tuple[list[Picture], list[LeftOut]]:
    """Return the usable pictures, and the files left out: unreadable, copies, or filed under two classes.

    Args:
        folder: the data folder.
        files: each file with its label.
        cached: the cache's entry of each file, in the same order.
        labels: the names of the labels.
    """
    classes_of: dict[str, set[int]] = {}
    for (_, label), entry in zip(files, cached.entries, strict=True):
        classes_of.setdefault(entry.sha256, set()).add(label)
    pictures: list[Picture] = []
    left_out: list[LeftOut] = []
    first: dict[str, str] = {}
    for (path, label), entry in zip(files, cached.entries, strict=True):
        name = path.relative_to(folder).as_posix()
        if entry.row < 0:
            left_out.append(LeftOut(name, Cause.UNREADABLE, entry.reason))
        elif len(classes_of[entry.sha256]) > 1:
            names = " and ".join(labels[index] for index in sorted(classes_of[entry.sha256]))
            left_out.append(LeftOut(name, Cause.TWO_CLASSES, f"the same file is filed under {names}"))
        elif entry.sha256 in first:
            left_out.append(LeftOut(name, Cause.COPY, f"exact copy of {first[entry.sha256]}"))
        else:
            first[entry.sha256] = name
            pictures.append(Picture(name, label, entry.sha256, entry.difference_hash, entry.row))
    return pictures, left_out


def _balance(
    pictures: list[Picture], plan: SplitPlan, labels: tuple[str, ...], folder: Path
) -> tuple[list[int], list[int]]:
    """Take as many pictures of each class as the smallest class has; return the indices kept and left over."""
    counts = Counter(picture.label for picture in pictures)
    for label, name in enumerate(labels):
        if counts[label] < MIN_PER_CLASS:
            raise DataError(
                f"{folder}: class {name} has {counts[label]} usable pictures, expected at least {MIN_PER_CLASS}. "
                "Add pictures. Copies and files that are no pictures do not count."
            )
    size = min(counts.values())
    if plan.limit_per_class:
        size = min(size, max(plan.limit_per_class, MIN_PER_CLASS))
    order = Stream.BALANCE.generator(plan.seed).permutation(len(pictures))
    kept: list[int] = []
    surplus: list[int] = []
    taken: Counter[int] = Counter()
    for index in map(int, order):
        label = pictures[index].label
        (kept if taken[label] < size else surplus).append(index)
        taken[label] += 1
    return sorted(kept), sorted(surplus)


def split(pictures: list[Picture], groups: NDArray[np.intp], plan: SplitPlan) -> dict[Side, tuple[Picture, ...]]:
    """Deal whole groups of near-duplicates to the sides, so that each class has the planned shares.

    Args:
        pictures: the pictures.
        groups: the number of each picture's group, `int (pictures,)`.
        plan: the seed and the shares.
    """
    total = Counter(picture.label for picture in pictures)
    room = {
        (side, label): max(1, round(fraction * count))
        for side, fraction in ((Side.TEST, plan.test_fraction), (Side.VALIDATION, plan.validation_fraction))
        for label, count in total.items()
    }
    members: dict[int, list[Picture]] = {}
    for index in Stream.SPLIT.generator(plan.seed).permutation(len(pictures)):
        members.setdefault(int(groups[index]), []).append(pictures[index])
    sides: dict[Side, list[Picture]] = {side: [] for side in Side}
    for group in members.values():
        side = _side_with_room(group, room)
        sides[side] += group
        for picture in group:
            if side != Side.TRAIN:
                room[side, picture.label] -= 1
    return {side: tuple(sorted(chosen, key=lambda picture: picture.path)) for side, chosen in sides.items()}


def _refuse_empty_sides(sides: dict[Side, tuple[Picture, ...]], labels: tuple[str, ...], folder: Path) -> None:
    for side, pictures in sides.items():
        absent = set(range(len(labels))) - {picture.label for picture in pictures}
        if absent:
            raise DataError(
                f"{folder}: class {labels[min(absent)]} has too few different pictures: none is left for {side}, "
                "because near-duplicates stay on one side of the split. Add pictures that differ more."
            )


def _side_with_room(group: list[Picture], room: dict[tuple[Side, int], int]) -> Side:
    needed = Counter(picture.label for picture in group)
    for side in (Side.TEST, Side.VALIDATION):
        if all(room[side, label] >= count for label, count in needed.items()):
            return side
    return Side.TRAIN
