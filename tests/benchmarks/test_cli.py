"""`catdog-bench run` on small real files."""

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.cli import main


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "pictures" / "grey.png"
    path.parent.mkdir()
    Image.new("RGB", (40, 30), (90, 90, 90)).save(path)
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def test_no_bundle_is_one_clear_line(tmp_path, monkeypatch, picture):
    """Exit code 1 and the command that makes a bundle."""
    monkeypatch.chdir(tmp_path)
    done = run("--data", picture)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: no bundle in bundles/")


def test_report_of_a_small_bundle(tmp_path, bench_bundle, picture):
    """Every file is timed with its runtime, and report.json and report.md say so."""
    out = tmp_path / "report"
    done = run("--model", bench_bundle, "--data", picture.parent, "--out", out, "--rounds", 10)
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    assert {item["path"] for item in report["files"]} == {"model.float32.tflite", "model.int8.tflite"}
    medians = [item["inference"]["median_ms"] for item in report["files"]]
    assert medians == sorted(medians)
    assert all(item["inference"]["count"] == 10 for item in report["files"])
    assert "model.int8.tflite" in (out / "report.md").read_text()
    assert done.stderr.strip().splitlines()[-1].startswith("next: catdog-edge classify")


def test_no_picture_is_one_clear_line(tmp_path, bench_bundle):
    """A folder without pictures is named."""
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("--model", bench_bundle, "--data", empty)
    assert done.exit_code == 1
    assert "no picture there" in done.stderr
