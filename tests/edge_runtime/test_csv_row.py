"""CSV gives every character back."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.csv_row import csv_row
from tests.hostile import NAMES


@given(st.lists(st.text(), min_size=2))
def test_a_row_is_read_as_it_was(cells: list[str]) -> None:
    """Proves that quotes, commas and line ends of all kinds stay inside their cells, also between other rows."""
    text = f"a,b\n{csv_row(cells)}\nc,d\n"
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], cells, ["c", "d"]]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_in_its_cell(name: str) -> None:
    """Proves the same of names that were made to harm; a formula stays the name that it is."""
    assert next(csv.reader(io.StringIO(csv_row([name, 1, None]) + "\n", newline=""))) == [name, "1", ""]
