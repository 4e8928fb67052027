"""The true labels of pictures that may show several: from folders such as `cat+dog`, or from a CSV file."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bounded_file import reason_of
from edge_runtime.picture.folder import UNKNOWN, PictureFile, PictureFolder, label_text, same_label
from edge_runtime.picture.left_out import LeftOut
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.picture.tree import walk
from edge_runtime.strict_json import shortened
from exporter.errors import SourceError
from exporter.source import SplitPicture, describe_pictures

AND, NO_LABEL = "+", "none"
TABLE = "labels.csv"  # in the folder of the pictures, where no other is named
_SEPARATOR = ";"


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures with all labels that each shows.

    Args:
        pictures: the pictures.
        truth: whether a picture shows a label, `bool (N, labels)`.
        left_out: what is not used of their folder.
    """

    pictures: tuple[SplitPicture, ...]
    truth: NDArray[np.bool_]
    left_out: tuple[LeftOut, ...] = ()


def labels_table(folder: Path, named: Path | None) -> Path | None:
    """Return the CSV file of labels that is named, or the one in the folder of the pictures, or None."""
    if named is not None:
        return named
    return folder / TABLE if (folder / TABLE).is_file() else None


def labels_shown(folder: Path, table: Path | None) -> tuple[str, ...]:
    """Return the labels that folders or a CSV file name, sorted.

    Args:
        folder: the folder of pictures.
        table: a CSV file with a line `file,label;label` for each picture; None where sub-folders say the labels.
    """
    names = [name for _, shown in _named(folder, table) for name in shown]
    return tuple(sorted(set(names)))


def read_truth(
    folder: Path, table: Path | None, labels: tuple[str, ...], preprocessing: Preprocessing, *, role: str
) -> LabelledPictures:
    """Read pictures and their labels.

    Args:
        folder: the folder of pictures.
        table: a CSV file with a line `file,label;label` for each picture; None where sub-folders say the labels.
        labels: the labels in the order of the outputs.
        preprocessing: the contract to decode by.
        role: what the pictures are for; an error names it.

    Raises:
        SourceError: there is no picture, a picture cannot be read, or a label is unknown.
    """
    places = {same_label(label): index for index, label in enumerate(labels)}
    found = _named(folder, table)
    if not found:
        raise SourceError(f"{folder}: no picture there. Name a folder of pictures with --{role}.")
    truth = np.zeros((len(found), len(labels)), bool)
    for row, (path, shown) in enumerate(found):
        for name in shown:
            if same_label(name) not in places:
                raise SourceError(
                    f"{table or path}: {name} is no label, expected {shortened(', '.join(labels), 200)}. Rename "
                    "it, or "
                    "state the labels with --labels."
                )
            truth[row, places[same_label(name)]] = True
    rows = {path: row for (path, _), row in zip(found, truth, strict=True)}
    files = tuple(PictureFile(path, int(row.argmax()) if row.any() else UNKNOWN) for path, row in rows.items())
    pictures, left_out = describe_pictures(PictureFolder(folder, labels, files, ()), preprocessing, role=role)
    if not pictures:
        first = next(iter(left_out), None)
        raise SourceError(
            f"{folder}: no picture there can be used ({first.path}: {first.reason})." if first else ""
        )
    return LabelledPictures(pictures, np.array([rows[picture.path] for picture in pictures]), left_out)


def _named(folder: Path, table: Path | None) -> list[tuple[Path, tuple[str, ...]]]:
    """Return each picture with the names of its labels."""
    if table is not None:
        return _listed(folder, table)
    folders = sorted(path for path in folder.glob("*/") if not path.name.startswith("."))
    if not folders:
        raise SourceError(
            f"{folder}: expected sub-folders such as cat, cat+dog and {NO_LABEL}, found none. Make them, or list "
            "the "
            "pictures with --test-labels."
        )
    return [
        (path, _split(label_text(inside.name), AND))
        for inside in folders
        for path in sorted(Path(item) for item in walk(os.fspath(inside)) if isinstance(item, str))
    ]


def _listed(folder: Path, table: Path) -> list[tuple[Path, tuple[str, ...]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise SourceError(
            f"{table}: cannot be read ({reason_of(error)}). Give a CSV file: file,label;label"
        ) from error
    if rows and rows[0][0].strip().lower() in ("file", "path", "filename", "image"):
        rows = rows[1:]
    if bad := next((number for number, row in enumerate(rows, 1) if len(row) not in (1, 2)), None):
        raise SourceError(f"{table}: row {bad} has {len(rows[bad - 1])} cells, expected 2: file,label;label")
    return [(folder / row[0].strip(), _split(row[1] if len(row) == 2 else "", _SEPARATOR)) for row in rows]


def _split(text: str, separator: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(separator) if name.strip()]
    return () if names == [NO_LABEL] else tuple(names)
