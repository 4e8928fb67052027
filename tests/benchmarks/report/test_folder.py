"""A report's folder: whole or not at all."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.report.folder import try_folder, write_folder
from benchmarks.report.plots import PLOTS
from benchmarks.report.report import write_csv, write_report
from benchmarks.run.record import read_report, to_json
from edge_runtime.errors import CatdogError
from edge_runtime.picture.preprocessing import Preprocessing
from tests.benchmarks.records import HOSTILE, a_report, full_report, measured, odd

SIZE = Preprocessing(16, 16)
FILES = {"report.json", "report.md", "report.csv", "report.html"}


def write(folder, report, photographs=None):
    write_folder(folder, report, photographs=photographs, preprocessing=SIZE)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder in which a full report was written, and the report."""
    folder = tmp_path_factory.mktemp("written")
    report = full_report()
    write(folder / "new" / "report", report)
    return folder / "new" / "report", report


@pytest.fixture
def older(written, tmp_path):
    """A copy of that folder, to write over."""
    return Path(shutil.copytree(written[0], tmp_path / "report"))


def test_the_folder_has_every_file(written):
    """Proves that the four texts and all plots are there, as their own writers make them, and nothing beside."""
    folder, report = written
    assert {path.name for path in folder.iterdir()} == FILES | {f"{name}.png" for name in PLOTS}
    assert (folder / "report.json").read_text() == to_json(report)
    assert (folder / "report.md").read_text() == write_report(report)
    assert (folder / "report.csv").read_text() == write_csv(report)
    assert os.listdir(folder.parent) == ["report"]


def test_what_is_written_can_be_read(written):
    """Proves that the folder's report draws the same figures."""
    folder, report = written
    back = read_report(folder)
    assert back.accuracy == report.accuracy
    assert back.measured[0].total.median_ms == pytest.approx(report.measured[0].total.median_ms, abs=1e-3)


def test_markdown_names_the_pictures_beside_it(written):
    """Proves that every picture that it shows is there, and none that it does not show."""
    named = set(re.findall(r"\((\S+\.png)\)", (written[0] / "report.md").read_text()))
    assert named == {path.name for path in written[0].glob("*.png")}


def test_an_older_report_is_replaced_with_all_its_files(older):
    """Proves that no plot of an older report stays beside a newer one, which shows only what it has."""
    write(older, a_report(measured("int8", 2)))
    assert read_report(older).accuracy == ()
    assert not (older / "confusion.png").exists()
    named = set(re.findall(r"\((\S+\.png)\)", (older / "report.md").read_text()))
    assert named == {path.name for path in older.glob("*.png")}


def test_an_older_report_stays_when_the_new_one_cannot_be_written(older):
    """Proves that a failure in the middle leaves the old report whole and nothing beside it."""
    before = {path.name: path.read_bytes() for path in older.iterdir()}
    with pytest.raises(ValueError, match="JSON compliant"):
        write(older, full_report(max_drop=float("nan")))
    assert {path.name: path.read_bytes() for path in older.iterdir()} == before
    assert os.listdir(older.parent) == ["report"]


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path):
    """Proves that a file in the way is an error of the system and stays what it is."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="file"):
        write(tmp_path / "file" / "report", full_report())
    assert (tmp_path / "file").read_text() == "mine"


def test_pictures_of_any_name_and_photographs(written, tmp_path):
    """Proves that odd names do not cost the report of an hour, and that photographs are in the page alone."""
    names = ("1.png", HOSTILE.replace("/", ""), os.fsdecode(b"\xe4.png"), "a\nb.png")
    (tmp_path / "data").mkdir()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "data" / "1.png")
    report = full_report(disagreements=tuple(odd(name) for name in names))
    write(tmp_path / "report", report, tmp_path / "data")
    assert read_report(tmp_path / "report").disagreements == report.disagreements
    for folder, counts in ((tmp_path / "report", (1, 0, 0)), (written[0], (0, 0, 0))):
        texts = [(folder / name).read_text() for name in ("report.html", "report.md", "report.json")]
        assert tuple(text.count("data:image/jpeg") for text in texts) == counts


def test_a_place_is_tried_before_the_measurement(older, tmp_path):
    """Proves that an older report and a new name pass and stay as they are, and that another folder is refused."""
    before = sorted(older.iterdir())
    try_folder(older)
    try_folder(tmp_path / "new")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for refused in (try_folder, lambda target: write(target, full_report())):
        with pytest.raises(CatdogError, match="mine"):
            refused(tmp_path / "mine")
    assert sorted(older.iterdir()) == before
    assert sorted(os.listdir(tmp_path)) == ["mine", "report"]
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
