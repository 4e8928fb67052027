"""Write and read `keras_scores.csv` of a bundle: the Keras model's scores on the test pictures.

Each line is one picture: the SHA-256 of its file, its true label, and a score for each label, 0-1 with 7 decimals.
The hash stands for the picture, so the bundle carries no path and no picture. A device that has the pictures can
measure the drift of each model file again.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.csv_row import csv_row, label_columns
from edge_runtime.errors import BundleError

KERAS_SCORES = "keras_scores.csv"
_COLUMNS = ("sha256", "label")
_DECIMALS = 7


class ScoredPicture(NamedTuple):
    """A test picture.

    Attributes:
        label: index of its true label.
        scores: the Keras model's score of each label, 0-1.
    """

    label: int
    scores: tuple[float, ...]


def write_keras_scores(
    folder: Path, labels: tuple[str, ...], pictures: Sequence[tuple[str, int]], scores: NDArray[np.float64]
) -> None:
    """Write `keras_scores.csv` into a bundle folder.

    Args:
        folder: the bundle folder.
        labels: the labels of the bundle.
        pictures: for each test picture, the SHA-256 of its file and the index of its true label.
        scores: `float64 (N, labels)`, 0-1, from the Keras model of the export.
    """
    with (folder / KERAS_SCORES).open("w", encoding="utf-8", newline="") as file:
        file.write(csv_row([*_COLUMNS, *label_columns(labels, _COLUMNS)]) + "\n")
        for (sha256, label), row in zip(pictures, scores, strict=True):
            file.write(csv_row([sha256, labels[label], *(f"{score:.{_DECIMALS}f}" for score in row)]) + "\n")


def read_keras_scores(folder: Path, labels: tuple[str, ...]) -> dict[str, ScoredPicture]:
    """Read `keras_scores.csv` of a bundle folder.

    Args:
        folder: the bundle folder.
        labels: the labels of the bundle.

    Returns:
        The test pictures by SHA-256. It is empty when the bundle has no such file.

    Raises:
        BundleError: the file is damaged, or its labels are not those of the bundle.
    """
    path = folder / KERAS_SCORES
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, csv.Error) as error:
        raise BundleError(f"{path}: cannot be read ({error}). Export the bundle again.") from error
    try:
        columns = [*_COLUMNS, *label_columns(labels, _COLUMNS)]
        if rows[0] not in (columns, [*_COLUMNS, *labels]):  # the second as earlier versions wrote it
            raise ValueError(f"expected the columns {', '.join(columns)}")
        return {sha256: _scored(labels, label, scores) for sha256, label, *scores in rows[1:]}
    except (ValueError, IndexError) as error:
        raise BundleError(f"{path}: damaged ({error}). Export the bundle again.") from error


def _scored(labels: tuple[str, ...], label: str, scores: list[str]) -> ScoredPicture:
    values = tuple(float(score) for score in scores)
    if len(values) != len(labels) or not all(0 <= value <= 1 for value in values):
        raise ValueError(f"expected {len(labels)} scores from 0 to 1, received {scores}")
    return ScoredPicture(labels.index(label), values)
