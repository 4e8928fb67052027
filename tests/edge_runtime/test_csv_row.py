"""CSV gives every character back."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.csv_row import csv_row, label_columns
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


def test_a_label_called_like_a_column_gets_a_column_of_its_own() -> None:
    """Proves that no name of a column comes twice, whatever the labels are, and other labels keep their name."""
    others = ("path", "label", "error")
    assert label_columns(("cat", "error", "a,b"), others) == ["cat", "score_error", "a,b"]
    assert label_columns(("error", "score_error", "path"), others) == [
        "score_score_error",
        "score_error",
        "score_path",
    ]
    for labels in (("label", "score_label", "score_score_label"), ("score_score_path", "path", "score_path")):
        columns = [*others, *label_columns(labels, others)]
        assert len(set(columns)) == len(columns)
