"""A report's folder: whole or not at all."""

import os
import re

import numpy as np
import pytest
from PIL import Image

from benchmarks.report.folder import write_folder
from benchmarks.report.plots import PLOTS
from benchmarks.report.report import write_csv, write_report
from benchmarks.run.record import read_report, to_json
from edge_runtime.picture.preprocessing import Preprocessing
from tests.benchmarks.records import HOSTILE, a_report, full_report, measured, odd

SIZE = Preprocessing(16, 16)
FILES = {"report.json", "report.md", "report.csv", "report.html"}


def write(folder, report, photographs=None):
    write_folder(folder, report, photographs=photographs, preprocessing=SIZE)


def test_the_folder_has_every_file(tmp_path):
    """Proves that the four texts and all plots are there, each what its own writer makes, and nothing beside them."""
    report = full_report()
    write(tmp_path / "new" / "report", report)
    folder = tmp_path / "new" / "report"
    assert {path.name for path in folder.iterdir()} == FILES | {f"{name}.png" for name in PLOTS}
    assert (folder / "report.json").read_text() == to_json(report)
    assert (folder / "report.md").read_text() == write_report(report)
    assert (folder / "report.csv").read_text() == write_csv(report)
    assert os.listdir(tmp_path / "new") == ["report"]


def test_what_is_written_can_be_read(tmp_path):
    """Proves that the folder's report draws the same figures."""
    report = full_report()
    write(tmp_path / "report", report)
    back = read_report(tmp_path / "report")
    assert back.accuracy == report.accuracy
    assert back.measured[0].total.median_ms == pytest.approx(report.measured[0].total.median_ms, abs=1e-3)


def test_markdown_names_the_pictures_beside_it(tmp_path):
    """Proves that every picture that it shows is there, with and without accuracy."""
    for report in (full_report(), a_report(measured("int8", 2))):
        write(tmp_path / "report", report)
        named = set(re.findall(r"\((\S+\.png)\)", (tmp_path / "report" / "report.md").read_text()))
        assert named == {path.name for path in (tmp_path / "report").glob("*.png")}


def test_an_older_report_is_replaced_with_all_its_files(tmp_path):
    """Proves that no plot of an older report stays beside a newer one."""
    write(tmp_path / "report", full_report())
    write(tmp_path / "report", a_report(measured("int8", 2)))
    assert not (tmp_path / "report" / "confusion.png").exists()
    assert read_report(tmp_path / "report").accuracy == ()


def test_an_older_report_stays_when_the_new_one_cannot_be_written(tmp_path):
    """Proves that a failure in the middle leaves the old report whole and nothing beside it."""
    write(tmp_path / "report", full_report())
    before = {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()}
    with pytest.raises(ValueError, match="JSON compliant"):
        write(tmp_path / "report", full_report(max_drop=float("nan")))
    assert {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()} == before
    assert os.listdir(tmp_path) == ["report"]


@pytest.mark.parametrize("name", [HOSTILE, os.fsdecode(b"\xe4.png"), "a\nb.png"])
def test_pictures_of_any_name_can_be_written(tmp_path, name):
    """Proves that a picture with an odd name does not cost the report of an hour."""
    report = full_report(disagreements=(odd(name.replace("/", "")),))
    write(tmp_path / "report", report)
    assert read_report(tmp_path / "report").disagreements == report.disagreements


def test_photographs_are_in_the_page_only_when_wanted(tmp_path):
    """Proves that no other file of the folder has a picture in it."""
    (tmp_path / "data").mkdir()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "data" / "1.png")
    report = full_report(disagreements=(odd("1.png"),))
    for photographs, count in ((tmp_path / "data", 1), (None, 0)):
        write(tmp_path / "report", report, photographs)
        for name, wanted in (("report.html", count), ("report.md", 0), ("report.json", 0)):
            assert (tmp_path / "report" / name).read_text().count("data:image/jpeg") == wanted
