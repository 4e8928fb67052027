"""The class `neither`: pictures that show none of the classes, sorted by kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from edge_runtime.bundle.labels import NEITHER
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.run_folder import Side
from trainer.data.cache import cache_pictures, default_cache
from trainer.data.dataset import Dataset, clean, find_files
from trainer.data.matching import match_files
from trainer.data.near_duplicates import group_near_duplicates
from trainer.data.picture import Picture
from trainer.data.split import SplitPlan, split
from trainer.errors import DataError

# Shares of the negatives, in whole kinds. The rest is for training.
_TEST_SHARE, _VALIDATION_SHARE = 0.2, 0.1


def add_negatives(
    dataset: Dataset,
    folder: Path,
    preprocessing: Preprocessing,
    seed: int,
    *,
    cache: Path | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Dataset:
    """Add the pictures of a folder to a data set, as one more class `neither`.

    All pictures of a kind are on one side of the split. So validation and test ask about kinds that training never
    shows. Training shows copies with the size and compression of the classes' pictures (`trainer.data.matching`).

    Args:
        dataset: the classes, split.
        folder: the negatives, with one sub-folder per kind.
        preprocessing: how pictures become pixels.
        seed: decides which kind is on which side.
        cache: folder of the picture cache.
        report: called with the number of files done and of all files.

    Raises:
        DataError: the folder is missing or has too few kinds, or `neither` is a class already.
    """
    if NEITHER in dataset.labels:
        raise DataError(
            f"{dataset.folder}: has a class {NEITHER} already. Rename its folder, or train without --negatives."
        )
    kinds = find_files(folder)
    paths = [file.path for file in kinds.files]
    cached = cache_pictures(paths, preprocessing, cache=cache, report=lambda done: report(done, len(paths)))
    found, left_out = clean(kinds, cached)
    known = {picture.sha256 for pictures in dataset.sides.values() for picture in pictures}
    found = [picture for picture in found if picture.sha256 not in known]
    groups = _kinds_with_their_duplicates(found)
    prefix = os.path.relpath(folder.resolve(), dataset.folder)
    negatives = [
        replace(picture, path=Path(prefix, picture.path).as_posix(), label=len(dataset.labels)) for picture in found
    ]
    sides = split(negatives, groups, SplitPlan(seed, 0, _VALIDATION_SHARE, _TEST_SHARE))
    if not all(sides.values()):
        raise DataError(
            f"{folder}: {len(kinds.labels)} kinds are too few: training, validation and test each need some of "
            "their own. Add sub-folders with other kinds of pictures."
        )
    trained = sides[Side.TRAIN]
    models = dataset.sides[Side.TRAIN]
    cache = cache or default_cache()
    copies = match_files(trained, models, dataset.folder, preprocessing, seed, folder=cache / "matched")
    cached = cache_pictures(copies, preprocessing, cache=cache)
    rows = [entry.row for entry in cached.entries]
    sides[Side.TRAIN] = tuple(replace(picture, row=row) for picture, row in zip(trained, rows, strict=True))
    return replace(
        dataset,
        labels=(*dataset.labels, NEITHER),
        sides={side: (*dataset.sides[side], *sides[side]) for side in Side},
        left_out=(
            *dataset.left_out,
            *(file._replace(path=f"{prefix}/{file.path}") for file in (*kinds.left_out, *left_out)),
        ),
        pixels=cached.pixels,
        neither=len(dataset.labels),
        copies=dict(zip(rows, copies, strict=True)),
    )


def _kinds_with_their_duplicates(pictures: list[Picture]) -> NDArray[np.intp]:
    """Number the pictures: those of one kind have one number, and so have kinds that share near-duplicates."""
    kinds = np.array([picture.label for picture in pictures], np.intp)
    alike = group_near_duplicates([picture.difference_hash for picture in pictures]) + kinds.max() + 1
    nodes = int(alike.max()) + 1
    links = coo_array((np.ones(len(kinds), bool), (kinds, alike)), shape=(nodes, nodes))
    return np.asarray(connected_components(links, directed=False)[1], np.intp)[kinds]
