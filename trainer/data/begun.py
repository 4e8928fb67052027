"""Find the pictures of a run that was begun, by their content: the data folder may have moved or have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import PictureFolderError
from edge_runtime.picture.folder import read_labelled
from edge_runtime.picture.left_out import from_words
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.run_folder import Side, SplitFile, Splits
from trainer.data.cache import cache_pictures
from trainer.data.dataset import Dataset
from trainer.data.near_copies import NearCopies
from trainer.data.picture import Picture
from trainer.errors import DataError


def find_again(
    folder: Path,
    preprocessing: Preprocessing,
    begun: Splits,
    *,
    cache: Path | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Dataset:
    """Return the data set that a run began with. Its pictures are found by their content, under any name.

    Args:
        folder: the data folder, where it is now.
        preprocessing: how pictures become pixels.
        begun: the split of the run, without negatives.
        cache: folder of the picture cache.
        report: called with the number of files done and of all files.

    Raises:
        DataError: the folder is missing, or some of the pictures are not there any more.
    """
    try:
        found = read_labelled(folder, begun.labels)
    except PictureFolderError as error:
        raise DataError(str(error)) from error
    paths = [file.path for file in found.files]
    cached = cache_pictures(paths, preprocessing, cache=cache, report=lambda done: report(done, len(paths)))
    places: dict[str, list[str]] = {}
    row_of: dict[str, int] = {}
    for path, entry in zip(paths, cached.entries, strict=True):
        places.setdefault(entry.sha256, []).append(found.name_of(path))
        row_of[entry.sha256] = entry.row
    _refuse_missing(folder, begun, places)

    def picture(file: SplitFile) -> Picture:
        names = places[file.sha256]
        name = file.path if file.path in names else names[0]
        row = row_of[file.sha256]
        return Picture(name, begun.labels.index(file.label), file.sha256, file.difference_hash, row)

    sides = {side: tuple(map(picture, begun.on(side))) for side in Side}
    left_out = tuple(from_words(file.path, file.reason) for file in begun.left_out)
    notes, alike = tuple(begun.extra.get("notes", ())), NearCopies.from_extra(begun.extra)
    return Dataset(folder.resolve(), begun.labels, sides, left_out, cached.pixels, notes=notes, alike=alike)


def _refuse_missing(folder: Path, begun: Splits, places: dict[str, list[str]]) -> None:
    missing = [file.path for file in begun.files if file.sha256 not in places]
    if missing:
        raise DataError(
            f"{folder}: {len(missing):,} of the {len(begun.files):,} pictures that this run began with are not "
            f"there or have changed, such as {missing[0]}. Put them back, or name the folder that has them "
            "with --data."
        )
