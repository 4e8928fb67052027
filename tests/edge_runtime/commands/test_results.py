"""The three ways to write a result: aligned for people, and parseable for scripts with any path."""

import csv
import io
import json

import pytest

from edge_runtime.classifier import Prediction
from edge_runtime.commands.results import CsvFormat, JsonFormat, TableFormat
from edge_runtime.errors import PictureError

LABELS = ("cat", "dog", "hamster")
SURE = Prediction("dog", 0.75, True, {"cat": 0.15, "dog": 0.75, "hamster": 0.1}, 1.0, 0.25, 2.0)
UNSURE = Prediction("cat", 0.5, False, {"cat": 0.5, "dog": 0.3, "hamster": 0.2}, 1.0, 0.25, 2.0)
BAD = PictureError("x.jpg", "no such file")
PATHS = ("plain.jpg", 'quote".jpg', "comma, semi;.jpg", "new\nline.jpg", "猫.jpg")


def test_table() -> None:
    """Proves that the text has path, label or unsure, confidence and time in aligned columns."""
    table = TableFormat(["aaaaaaaa"], LABELS)
    assert table.line("a.jpg", SURE) == "a.jpg     dog      75.0%     3.2 ms"
    assert table.line("ab.jpg", UNSURE) == "ab.jpg    unsure   50.0%     3.2 ms"
    assert table.line("x.jpg", BAD) == "error: x.jpg: no such file"


def test_table_of_the_best_labels() -> None:
    """Proves that --top-k shows the best labels first, and that a number above the number of labels shows all."""
    assert (
        TableFormat(["a.jpg"], LABELS, 2).line("a.jpg", SURE) == "a.jpg  dog      75.0%  cat      15.0%     3.2 ms"
    )
    assert TableFormat(["a.jpg"], LABELS, 9).line("a.jpg", UNSURE).startswith("a.jpg  unsure: cat      50.0%  dog ")


@pytest.mark.parametrize("path", PATHS)
def test_json_is_one_line_whatever_the_path(path: str) -> None:
    """Proves that each result is one line that parses back: an answer, an unsure answer and an error."""
    for result, key, value in ((SURE, "label", "dog"), (UNSURE, "confident", False), (BAD, "error", BAD.reason)):
        line = JsonFormat().line(path, result)
        assert "\n" not in line
        assert json.loads(line)["path"] == path
        assert json.loads(line)[key] == value


def test_json_of_the_best_labels() -> None:
    """Proves that scores come in the order of the labels, and that --top-k gives the best ones first."""
    assert list(json.loads(JsonFormat().line("a", SURE))["scores"]) == list(LABELS)
    assert json.loads(JsonFormat(2).line("a", SURE))["scores"] == {"dog": 0.75, "cat": 0.15}


@pytest.mark.parametrize("path", PATHS)
def test_csv_parses_back_whatever_the_path(path: str) -> None:
    """Proves that header and rows have the same columns with any path."""
    output = CsvFormat(LABELS, 2)
    rows = [output.header(), output.line(path, SURE), output.line(path, BAD)]
    sure, bad = csv.DictReader(io.StringIO("\n".join(rows)))
    assert (sure["path"], sure["label"], sure["confidence"], sure["confident"]) == (path, "dog", "0.75", "true")
    assert (sure["dog"], sure["cat"], sure["hamster"], sure["inference_ms"]) == ("0.75", "0.15", "", "2.0")
    assert (bad["path"], bad["error"], bad["label"], bad["dog"]) == (path, "no such file", "", "")
