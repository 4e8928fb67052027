"""`catdog-bench run` on small real files: what it writes, and what it says when it cannot."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from benchmarks.cli import main
from benchmarks.commands import run as run_command
from benchmarks.run.record import STAGES, STARTS, read_report
from tests.benchmarks.conftest import read_csv, write_pictures

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/benchmark-report.schema.json").read_text())
PAGE = (ROOT / "docs/benchmark-report.md").read_text()


def run(*arguments):
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


@pytest.mark.parametrize("name", ["empty", "none"])
def test_no_picture_is_one_clear_line(tmp_path, bench_bundle, name):
    """A folder without pictures, or that is not there, is named."""
    (tmp_path / "empty").mkdir()
    done = run("--model", bench_bundle, "--data", tmp_path / name)
    assert done.exit_code == 1
    assert f"{name}: no picture there" in done.stderr


def test_a_missing_library_is_missed_at_once(monkeypatch, tmp_path, bench_bundle):
    """What the report needs is asked for before anything is measured, and the extra that brings it is named."""
    monkeypatch.setattr(run_command, "MEASURING", ("json", "no_such_library"))
    done = run("--model", bench_bundle, "--data", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: no_such_library is not installed.")
    assert "pip install 'catdog-edge[bench]'" in done.stderr


def test_report_json_is_as_documented(measured):
    """It fits the schema, and the page names every key of the schema."""
    values = json.loads((measured[0] / "report" / "report.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(values)
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(keys_of(SCHEMA)) <= named


def keys_of(schema):
    """Yield the name of every property of a schema, at any depth."""
    for key, value in schema.items():
        if key == "properties":
            yield from value
        if isinstance(value, dict):
            yield from keys_of(value)


def test_every_configuration_is_measured_in_full(measured):
    """Each file has its samples of every stage and start, memory, and accuracy with drift and verdict."""
    report = read_report(measured[0] / "report")
    assert {item.configuration.file for item in report.measured} == {"model.float32.tflite", "model.int8.tflite"}
    for item in report.measured:
        assert {len(item.stages_ms[stage]) for stage in STAGES} == {12}
        assert {len(item.starts_ms[start]) for start in STARTS} == {5}
        assert 10 < item.steady_mib <= item.peak_mib < 500
        assert min(item.starts_ms["cold_start"]) > max(item.starts_ms["load"])
    medians = [item.total.median_ms for item in report.measured]
    assert medians == sorted(medians)
    assert [item.accuracy for item in report.accuracy] == [1.0, 1.0]
    assert all(item.drift["agreement"] == 1.0 for item in report.accuracy)
    assert all(item.gate["state"] == "inconclusive" for item in report.accuracy)  # 12 pictures tell nothing
    assert report.pictures["with_keras_scores"]
    assert report.complete


def test_csv_has_a_line_for_each_configuration(measured):
    """Its figures are those of the JSON file."""
    rows = read_csv(measured[0] / "report" / "report.csv")
    report = read_report(measured[0] / "report")
    assert [row["file"] for row in rows] == [item.configuration.file for item in report.measured]
    assert [float(row["total_p95_ms"]) for row in rows] == pytest.approx(
        [item.total.p95_ms for item in report.measured], abs=1e-3
    )


def test_markdown_shows_every_plot_beside_it(measured):
    """Every picture that report.md names is there."""
    folder = measured[0] / "report"
    text = (folder / "report.md").read_text()
    named = set(re.findall(r"\((\S+\.png)\)", text))
    assert named == {path.name for path in folder.glob("*.png")}
    assert len(named) == 6
    assert "`model.int8.tflite`" in text


def test_nothing_of_this_machine_but_its_kind_is_written(measured):
    """No path and no host name is in what a user would publish."""
    for path in (measured[0] / "report").glob("report.*"):
        text = path.read_text()
        assert str(measured[0]) not in text
        assert os.uname().nodename not in text


def test_pictures_in_folders_named_for_labels_give_an_accuracy_without_drift(tmp_path, bench_bundle):
    """Without stored Keras scores there is accuracy but no verdict; without known labels there is neither."""
    pictures = write_pictures(tmp_path / "pictures", 10)
    out = tmp_path / "out"
    options = ("--rounds", 10, "--threads", 1)
    assert run("--model", bench_bundle, "--data", pictures, "--out", out, *options).exit_code == 0
    found = read_report(out).accuracy[0]
    assert (found.accuracy, found.drift, found.gate) == (1.0, None, None)
    one = pictures / "red" / "1.png"
    unknown = tmp_path / "x.png"
    unknown.write_bytes(one.read_bytes())
    assert run("--model", bench_bundle, "--data", unknown, "--out", out, *options).exit_code == 0
    assert read_report(out).accuracy[0].accuracy is None
    assert "Unknown. The pictures" in (out / "report.md").read_text()


def test_stopped_run_writes_what_is_there(tmp_path, bench_bundle):
    """Ctrl-C in the middle of the rounds: exit code 130, a whole report of fewer rounds, marked incomplete."""
    pictures = write_pictures(tmp_path / "pictures")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "benchmarks.cli", "run", "--rounds", 1_000_000, "--threads", 1]
    command += ["--model", bench_bundle, "--data", pictures, "--out", out]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while "timing" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "incomplete" in errors
    report = read_report(out)
    assert not report.complete
    assert 0 < report.measured[0].rounds < 1_000_000
    assert "**Incomplete:**" in (out / "report.md").read_text()


def test_a_file_that_does_not_load_is_left_out_with_the_reason(tmp_path, tflite_float32, tflite_int8_input):
    """The others are measured, and the report says what is missing and why."""
    from edge_runtime.bundle import Precision
    from tests.benchmarks.conftest import write_bench_bundle

    bundle = write_bench_bundle(tmp_path / "bundle", {Precision.FLOAT32: tflite_float32})
    manifest = json.loads((bundle / "manifest.json").read_text())
    broken = manifest["files"][0] | {"path": "model.int8.tflite", "precision": "int8"}
    (bundle / "model.int8.tflite").write_bytes(b"x" * broken["size_bytes"])
    manifest["files"].append(broken)
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    pictures = write_pictures(tmp_path / "pictures")
    out = tmp_path / "out"
    done = run("--model", bundle, "--data", pictures, "--out", out, "--rounds", 10, "--threads", 1)
    assert done.exit_code == 0, done.output
    report = read_report(out)
    assert [item.configuration.file for item in report.measured] == ["model.float32.tflite"]
    assert report.left_out[0][0] == "model.int8.tflite litert 1"
    assert "not the file that was exported" in report.left_out[0][1]
    assert str(tmp_path) not in report.left_out[0][1]
