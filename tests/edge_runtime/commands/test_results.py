"""The three ways to write a result: aligned for people, and parseable for scripts whatever a path holds."""

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
    """Proves the columns: path, label or unsure, confidence, time; and that columns line up."""
    table = TableFormat(["aaaaaaaa"], LABELS)
    assert table.line("a.jpg", SURE) == "a.jpg     dog      75.0%     3.2 ms"
    assert table.line("ab.jpg", UNSURE) == "ab.jpg    unsure   50.0%     3.2 ms"
    assert table.line("x.jpg", BAD) == "error: x.jpg: no such file"


def test_table_of_the_best_labels() -> None:
    """Proves that --top-k shows the best labels first, and that more than there are does no harm."""
    assert (
        TableFormat(["a.jpg"], LABELS, 2).line("a.jpg", SURE) == "a.jpg  dog      75.0%  cat      15.0%     3.2 ms"
    )
    assert TableFormat(["a.jpg"], LABELS, 9).line("a.jpg", UNSURE).startswith("a.jpg  unsure: cat      50.0%  dog ")


@pytest.mark.parametrize("path", PATHS)
def test_json_is_one_line_whatever_the_path(path: str) -> None:
    """Proves that each result is one line that parses back, errors and unsure answers too."""
    for result, key, value in ((SURE, "label", "dog"), (UNSURE, "confident", False), (BAD, "error", BAD.reason)):
        line = JsonFormat().line(path, result)
        assert "\n" not in line
        assert json.loads(line)["path"] == path
        assert json.loads(line)[key] == value


def test_json_of_the_best_labels() -> None:
    """Proves that all scores come in the order of the labels, and --top-k gives the best, best first."""
    assert list(json.loads(JsonFormat().line("a", SURE))["scores"]) == list(LABELS)
    assert json.loads(JsonFormat(2).line("a", SURE))["scores"] == {"dog": 0.75, "cat": 0.15}


@pytest.mark.parametrize("path", PATHS)
def test_csv_parses_back_whatever_the_path(path: str) -> None:
    """Proves that header and rows have the same columns, and that any path survives."""
    output = CsvFormat(LABELS, 2)
    rows = [output.header(), output.line(path, SURE), output.line(path, BAD)]
    sure, bad = csv.DictReader(io.StringIO("\n".join(rows)))
    assert (sure["path"], sure["label"], sure["confidence"], sure["confident"]) == (path, "dog", "0.75", "true")
    assert (sure["dog"], sure["cat"], sure["hamster"], sure["inference_ms"]) == ("0.75", "0.15", "", "2.0")
    assert (bad["path"], bad["error"], bad["label"], bad["dog"]) == (path, "no such file", "", "")
