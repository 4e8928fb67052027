"""docs/reference/output.md names what classify and watch really print: each key and column, and no other."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from edge_runtime.bundle.folder import PRETRAINED, read_bundle
from edge_runtime.bundle.labels import UNSURE
from edge_runtime.cli import main
from tests.edge_runtime.camera.video_source import write_video

PAGE = (Path(__file__).parents[2] / "docs/reference/output.md").read_text(encoding="utf-8")
LABELS = list(read_bundle(PRETRAINED).labels)
TYPES = {"string": str, "number": float, "integer": int, "boolean": bool, "object": dict}
# Thresholds that every answer reaches, and none.
SURE, NEVER_SURE = "0", "1"


def tables(heading: str) -> list[list[list[str]]]:
    """Return the rows of each table below a heading of the page, each row as its cells."""
    assert PAGE.count(f"\n{heading}\n") == 1
    text = re.split(r"\n##+ ", PAGE.partition(f"\n{heading}\n")[2])[0]
    found = re.findall(r"^\| (?:column|key) \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [[[cell.strip(" `") for cell in row.split("|")[1:-1]] for row in table.splitlines()] for table in found]


def printed(command: str, *arguments: str | Path, threshold: str = SURE) -> str:
    """Return what a command of `catdog-edge` prints with the bundle of the package."""
    options = ("--bundle", str(PRETRAINED), "--confidence-threshold", threshold)
    return CliRunner().invoke(main, [command, *options, *map(str, arguments)]).stdout


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small drawing."""
    path = tmp_path / "picture.png"
    Image.new("RGB", (64, 48), "red").save(path)
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of three frames."""
    pytest.importorskip("av", reason="PyAV reads the video")
    return write_video(tmp_path / "video.mp4", ["red"] * 3)


def check_object(table: list[list[str]], values: dict[str, Any]) -> None:
    """See that an object has the keys of a table in its order, with the types that the table says."""
    assert [row[0] for row in table] == list(values)
    assert {row[0]: TYPES[row[1]] for row in table} == {key: type(value) for key, value in values.items()}


def cells(line: str) -> list[str]:
    """Return the columns of a line of text."""
    return re.split(r" {2,}", line.strip())


def check_text(table: list[list[str]], line: str) -> None:
    """See that a line of text has the columns of a table, and that each ends with the unit that the table says."""
    for (_, unit, _), cell in zip(table, cells(line), strict=True):
        assert re.search(rf"\d ?{unit}$" if unit else ".", cell)


def test_text_of_classify(picture: Path) -> None:
    """Proves that the page has the columns of the text, with their units."""
    [table] = tables("## classify: text")
    check_text(table, printed("classify", picture))


def test_json_of_classify(picture: Path) -> None:
    """Proves that the page has the keys and types of an answer and of an error."""
    lines = printed("classify", picture, "none.png", "--json").splitlines()
    for table, line in zip(tables("## classify: JSON"), lines, strict=True):
        check_object(table, json.loads(line))


def test_csv_of_classify(picture: Path) -> None:
    """Proves that the page has the columns of the CSV, and says which of them an error leaves empty."""
    [table] = tables("## classify: CSV")
    header, answer, error = csv.reader(io.StringIO(printed("classify", picture, "none.png", "--csv")))
    columns = [row[0] for row in table]
    assert columns[-1] == "one for each label"
    assert header == columns[:-1] + LABELS
    assert [name for name, value in zip(header, answer, strict=True) if not value] == ["error"]
    assert [name for name, value in zip(header, error, strict=True) if value] == ["path", "error"]


def test_text_of_watch(video: Path, tmp_path: Path) -> None:
    """Proves that the page has the columns of a change, with their units. Only --save adds the last one."""
    [table] = tables("## watch: text")
    check_text(table, printed("watch", video, "--save", tmp_path / "changes"))
    check_text(table[:-1], printed("watch", video))


def test_json_of_watch(video: Path, tmp_path: Path) -> None:
    """Proves that the page has the keys and types of each line, on standard output and in a file."""
    [table] = tables("## watch: JSON")
    log = tmp_path / "log.jsonl"
    lines = printed("watch", video, "--json", "--all-frames", "--each-frame", "--output", log).splitlines()
    assert len(lines) == 3
    assert log.read_text().splitlines() == lines
    for line in lines:
        check_object(table, json.loads(line))


@pytest.mark.parametrize("threshold", [SURE, NEVER_SURE])
def test_unsure_has_one_encoding(picture: Path, video: Path, threshold: str) -> None:
    """Proves that scripts get a label and `confident` from both commands, and that people get `unsure`."""
    confident = threshold == SURE
    for command, source in (("classify", picture), ("watch", video)):
        values = json.loads(printed(command, source, "--json", threshold=threshold).splitlines()[0])
        assert values["label"] in LABELS
        assert values["confident"] is confident
        text = cells(printed(command, source, threshold=threshold).splitlines()[0])
        assert text[1] == (values["label"] if confident else UNSURE)
    [row] = csv.DictReader(io.StringIO(printed("classify", picture, "--csv", threshold=threshold)))
    assert (row["label"] in LABELS, row["confident"]) == (True, str(confident).lower())
