"""Rows of CSV files (RFC 4180), for scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def csv_row(values: Iterable[Any]) -> str:
    """Return a row without its line end. `csv.reader` gives back every character; None is an empty cell.

    A cell that begins with `=` stays as it is: the file is data. A spreadsheet takes such a cell for a formula,
    unless its column is imported as text.
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(values)  # what ends a line is quoted inside a cell
    return buffer.getvalue().removesuffix("\r\n")


def label_columns(labels: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return the names of the columns of labels. One that is called like another column gets `score_` before it.

    Args:
        labels: the labels, all different.
        others: the names of the other columns.
    """
    taken = {*others, *labels}
    columns = []
    for label in labels:
        column = label
        while column in others or (column != label and column in taken):
            column = f"score_{column}"
        taken.add(column)
        columns.append(column)
    return columns
