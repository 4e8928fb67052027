"""Rows of CSV files (RFC 4180), for scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any


def csv_row(values: Iterable[Any]) -> str:
    """Return a row without its line end. `csv.reader` gives back every character; None is an empty cell.

    A cell that begins with `=` stays as it is: the file is data. A spreadsheet takes such a cell for a formula,
    unless its column is imported as text.
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(values)  # what ends a line is quoted inside a cell
    return buffer.getvalue().removesuffix("\r\n")
