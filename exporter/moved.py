"""Find the pictures of a run where they are now: their folder may have moved, or they have other names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from edge_runtime.bounded_file import read_picture_file
from edge_runtime.parallel import map_in_order, usable_cores
from edge_runtime.picture.folder import read_labelled
from edge_runtime.run_folder import RunFolder, Side, SplitFile
from exporter.errors import SourceError

Place = Callable[[SplitFile], Path | None]


def find_pictures(found: RunFolder, data: Path | None) -> Place:
    """Return the function that tells where a picture of the run is, or None where it is not there.

    Args:
        found: the run.
        data: a folder that has the run's pictures, under any name. Default: the folder of training. If that is
            gone, a folder of its name is looked for beside the run and in the working folder.

    Raises:
        SourceError: `data` is no folder, or a test picture is not in it.
    """
    splits = found.splits
    if data is None:
        folder = _near(found)
        return lambda file: folder / file.path
    if not data.is_dir():
        raise SourceError(f"{data}: no such folder. Name the folder that has the pictures of the run with --data.")
    places = _by_content(data, splits.labels)
    missing = [file for file in splits.on(Side.TEST) if file.sha256 not in places]
    if missing:
        raise SourceError(
            f"{data}: {len(missing):,} of the {len(splits.on(Side.TEST)):,} test pictures of the run are not "
            f"there, such as {missing[0].path}. Name the folder that has all of them with --data."
        )
    return lambda file: places.get(file.sha256)


def _near(found: RunFolder) -> Path:
    """Return the data folder: where it was, or where it is if all of a project moved with its runs and its data."""
    old = found.splits.folder
    if old.is_dir():
        return old
    for above in (*found.folder.resolve().parents, Path.cwd()):
        for depth in range(1, len(old.parts)):
            place = above.joinpath(*old.parts[depth:])
            if found.splits.files and (place / found.splits.files[0].path).is_file():
                return place
    return old


def _by_content(data: Path, labels: tuple[str, ...]) -> dict[str, Path]:
    """Return the path of each picture in a folder by the SHA-256 of its file."""
    paths = [file.path for file in read_labelled(data, labels).files]
    hashes = map_in_order(_sha256, paths, workers=usable_cores())
    return {sha256: path for sha256, path in reversed(list(zip(hashes, paths, strict=True))) if sha256}


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(read_picture_file(path)).hexdigest()
    except OSError:  # it is none of the run's pictures: those could be read
        return ""
