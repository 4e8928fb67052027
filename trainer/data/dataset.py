"""Read a data folder: clean it, balance it, and split it into train, validation and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import PictureFolderError
from edge_runtime.picture.copies import find_copies
from edge_runtime.picture.folder import PictureFolder, read_classes
from edge_runtime.picture.left_out import SURPLUS, Cause, LeftOut, is_fault
from edge_runtime.picture.preprocessing import Pixels, Preprocessing
from edge_runtime.run_folder import LeftOutFile, Side, SplitFile, Splits
from trainer.data.cache import PictureCache, cache_pictures
from trainer.data.near_copies import NearCopies, near_copies
from trainer.data.picture import Picture
from trainer.data.split import SplitPlan, deal, deal_given
from trainer.data.split_file import read_split_file, sides_of, without
from trainer.errors import DataError

# Of exact copies on two sides of a given split the one that is held back counts.
_PRIORITY = (Side.TEST, Side.VALIDATION, Side.TRAIN)


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
        notes: what people should know of the split, a sentence each.
        alike: pictures that are nearly the same on two sides or under two classes.
    """

    folder: Path
    labels: tuple[str, ...]
    sides: dict[Side, tuple[Picture, ...]]
    left_out: tuple[LeftOut, ...]
    pixels: Pixels
    neither: int | None = None
    copies: dict[int, Path] = field(default_factory=dict)
    crops: Crops | None = None
    notes: tuple[str, ...] = ()
    alike: NearCopies = field(default_factory=NearCopies)

    @property
    def faulty(self) -> tuple[LeftOut, ...]:
        """What is left out for a fault of its own: no litter, and no surplus of the larger classes."""
        return tuple(filter(is_fault, self.left_out))

    def _extra(self) -> dict[str, Any]:
        return ({"notes": list(self.notes)} if self.notes else {}) | self.alike.to_extra()

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
        return Splits(self.folder, self.labels, files, left_out, self._extra())


def read_dataset(
    folder: Path,
    preprocessing: Preprocessing,
    plan: SplitPlan,
    *,
    split_file: Path | None = None,
    cache: Path | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Dataset:
    """Read, decode, clean, balance and split a data folder.

    Args:
        folder: the data folder, with one sub-folder per class; files may lie at any depth in it. A folder that is
            split into sides keeps its split.
        preprocessing: how pictures become pixels.
        plan: how to choose and split them.
        split_file: a CSV file that says on which side each picture is. Default none.
        cache: folder of the picture cache.
        report: called with the number of files done and of all files.

    Raises:
        DataError: the folder is missing, has fewer than two classes, or a class has too few pictures. Or the split
            file cannot be used.
    """
    found = find_files(folder)
    sides = sides_of(found)
    if split_file is not None:
        sides, unnamed = read_split_file(split_file, found)
        found = without(found, unnamed)
    ordered = sorted(found.files, key=lambda file: _PRIORITY.index(sides.get(found.name_of(file.path), Side.TRAIN)))
    found = replace(found, files=tuple(ordered))
    paths = [file.path for file in found.files]
    cached = cache_pictures(paths, preprocessing, cache=cache, report=lambda done: report(done, len(paths)))
    pictures, left_out = clean(found, cached)
    where, labels = str(folder), found.labels
    try:
        dealt = deal_given(pictures, sides, labels, plan, where) if sides else deal(pictures, labels, plan, where)
    except DataError as error:
        raise DataError(f"{error}{_first_fault((*found.left_out, *left_out))}") from error
    surplus = [LeftOut(picture.path, Cause.SURPLUS, SURPLUS) for picture in dealt.surplus]
    everything = (*found.left_out, *left_out, *surplus)
    alike = near_copies(dealt.sides)
    return Dataset(folder.resolve(), labels, dealt.sides, everything, cached.pixels, notes=dealt.notes, alike=alike)


def _first_fault(left_out: tuple[LeftOut, ...]) -> str:
    """Return what was left out first, for an error that it may be the cause of."""
    first = next(filter(is_fault, left_out), None)
    return f" Left out, for example: {first.path}: {first.reason}." if first else ""


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


def find_files(folder: Path) -> PictureFolder:
    """Return the files of a data folder with their labels, as `edge_runtime.picture.folder` reads it.

    Raises:
        DataError: the folder is missing, has fewer than two classes, or a name cannot be a label.
    """
    try:
        return read_classes(folder)
    except PictureFolderError as error:
        raise DataError(str(error)) from error


def clean(found: PictureFolder, cached: PictureCache) -> tuple[list[Picture], list[LeftOut]]:
    """Return the usable pictures, and the files left out: unreadable, copies, or filed under two classes.

    Args:
        found: the files of the data folder.
        cached: the cache's entry of each file, in the same order.
    """
    names = [found.name_of(file.path) for file in found.files]
    hashes = [entry.sha256 for entry in cached.entries]
    copies = find_copies(names, hashes, [file.label for file in found.files], found.labels)
    pictures: list[Picture] = []
    left_out: list[LeftOut] = []
    for name, file, entry, copy in zip(names, found.files, cached.entries, copies, strict=True):
        if entry.row < 0:
            left_out.append(LeftOut(name, Cause.UNREADABLE, entry.reason))
        elif copy:
            left_out.append(copy)
        else:
            pictures.append(Picture(name, file.label, entry.sha256, entry.difference_hash, entry.row))
    return pictures, left_out
