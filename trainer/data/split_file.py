"""Read the file of `--split`: a table of two columns that says on which side of the split each picture is."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edge_runtime.picture.folder import PictureFolder
from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.picture.side import SIDE_OF, Side
from trainer.errors import DataError

_COLUMNS = ("path", "side")


def read_split_file(file: Path, found: PictureFolder) -> tuple[dict[str, Side], tuple[LeftOut, ...]]:
    """Return the side of each picture that the file names, by its path in the folder, and what is left out.

    Left out are the pictures that the file does not name, and the names in it that are no picture of the folder.

    Args:
        file: a CSV file with the columns `path` and `side`, with commas, semicolons or tabs, in UTF-8.
        found: the pictures of the data folder. Paths in the file are relative to it.

    Raises:
        DataError: the file cannot be read, has other columns or words, or names no picture of the folder.
    """
    rows = _rows(file)
    known = {_key(found.name_of(item.path)): found.name_of(item.path) for item in found.files}
    sides: dict[str, Side] = {}
    absent: list[LeftOut] = []
    for number, (path, word) in rows:
        side = SIDE_OF.get(word.strip().lower())
        if side is None:
            raise DataError(f"{file}, line {number}: expected a side such as {', '.join(Side)}, received {word!r}.")
        name = known.get(_key(_inside(path, found.folder)))
        if name is None:
            absent.append(LeftOut(path, Cause.NO_SIDE, f"is named in line {number} of {file.name}, but not there"))
        elif sides.setdefault(name, side) is not side:
            raise DataError(f"{file}, line {number}: {path} is on two sides, {sides[name]} and {side}. Keep one.")
    if not sides:
        raise DataError(
            f"{file}: none of its {len(rows):,} paths is a picture in {found.folder}. Expected paths relative to "
            f"that folder, such as {next(iter(known.values()), 'cat/1.jpg')}."
        )
    unnamed = (name for name in known.values() if name not in sides)
    return sides, (*absent, *(LeftOut(name, Cause.NO_SIDE, f"is not named in {file.name}") for name in unnamed))


def _rows(file: Path) -> list[tuple[int, tuple[str, str]]]:
    """Return the rows below the header, each with the number of its line."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}). Name another file with --split.") from error
    first = text.partition("\n")[0]
    separator = next((mark for mark in ",;\t" if mark in first), ",")
    rows = [row for row in enumerate(csv.reader(text.splitlines(), delimiter=separator), 1) if any(row[1])]
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if not set(_COLUMNS) <= set(header):
        raise DataError(
            f"{file}: expected a first line with the columns {' and '.join(_COLUMNS)}, received {first.strip()!r}."
        )
    wanted = [header.index(column) for column in _COLUMNS]
    short = next((number for number, row in rows[1:] if len(row) <= max(wanted)), None)
    if short:
        raise DataError(f"{file}, line {short}: expected {len(header)} cells, as in the first line.")
    return [(number, (row[wanted[0]].strip(), row[wanted[1]])) for number, row in rows[1:]]


def _inside(path: str, folder: Path) -> str:
    """Return a path as it is inside the folder: an absolute one too, and one with backslashes."""
    plain = PurePosixPath(path.replace("\\", "/"))
    for root in (folder, folder.resolve()):
        if plain.is_relative_to(root):
            plain = plain.relative_to(root)
    return plain.as_posix()


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def sides_of(found: PictureFolder) -> dict[str, Side]:
    """Return the side of each picture that its folder stands for, by its path in the folder."""
    return {found.name_of(item.path): item.side for item in found.files if item.side is not None}


def without(found: PictureFolder, left_out: Sequence[LeftOut]) -> PictureFolder:
    """Return the pictures without those that are left out, which join what the folder left out already."""
    gone = {item.path for item in left_out}
    files = tuple(item for item in found.files if found.name_of(item.path) not in gone)
    return PictureFolder(found.folder, found.labels, files, (*found.left_out, *left_out))
