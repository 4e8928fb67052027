"""`catdog-bench run` on small real files: what it writes, and what it says when it cannot."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from benchmarks.commands import run as run_command
from benchmarks.run.record import STAGES, STARTS, read_report
from edge_runtime.bundle import Precision
from tests.benchmarks.conftest import GOLDEN, bench, read_csv, write_bench_bundle, write_pictures

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads(next((ROOT / "docs").rglob("benchmark-report.schema.json")).read_text())
PAGE = next((ROOT / "docs").rglob("benchmark-report.md")).read_text()


@pytest.mark.parametrize("name", ["empty", "none"])
def test_no_picture_is_one_clear_line(tmp_path, bench_bundle, name):
    """Proves that a folder without pictures, or that is not there, is named."""
    (tmp_path / "empty").mkdir()
    done = bench("run", "--bundle", bench_bundle, "--data", tmp_path / name, "--out", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{name}: no picture there. Name a picture or a folder of pictures with --data." in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_bundle_is_named(tmp_path):
    """Proves that a wrong `--bundle` is one line that names the folder, before pictures are looked for."""
    done = bench("run", "--bundle", tmp_path / "none", "--data", tmp_path)
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(f"error: {tmp_path / 'none'}: no manifest.json there.")


def test_a_missing_library_is_found_before_the_measurement(monkeypatch, tmp_path, bench_bundle):
    """Proves that what the report needs is asked for first, and that the extra that brings it is named."""
    monkeypatch.setattr(run_command, "MEASURING", ("json", "no_such_library"))
    done = bench("run", "--bundle", bench_bundle, "--data", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: no_such_library is not installed.")
    assert "pip install 'catdog-edge[bench]'" in done.stderr


def test_a_target_that_cannot_be_written_is_found_before_the_measurement(tmp_path, bench_bundle):
    """Proves that a file in the way, or another folder's content, costs no minutes and is not replaced."""
    pictures = write_pictures(tmp_path / "pictures", 2)
    file = tmp_path / "file"
    file.write_text("mine")
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    for target, words in (
        (file, f"error: {file}: is a file, expected a folder or a new name."),
        (file / "report", f"error: {file}"),
        (other, f"error: {other}: holds other files and no report.json, so it is not replaced."),
    ):
        done = bench("run", "--bundle", bench_bundle, "--data", pictures, "--out", target)
        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)  # no progress was shown
        assert done.stderr.startswith(words)
    assert file.read_text() == (other / "letter.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "file", "other", "pictures"]


def test_each_configuration_is_printed_with_the_figures_of_the_report(measured):
    """Proves that people read on the terminal what scripts read in the file, and are told what comes next."""
    folder, done = measured
    report = read_report(folder / "report")
    *lines, page = done.stdout.splitlines()
    assert page == f"{folder / 'report'}/report.html"
    for line, item in zip(lines, report.measured, strict=True):
        words = line.replace("[", "").replace("]", "").replace(",", "").split()
        what, total = item.configuration, item.total
        assert words[:3] == [what.file, what.backend, str(what.threads)]
        numbers = [float(word) for word in (words[3], words[5], words[6], words[8])]
        assert numbers == pytest.approx([total.median_ms, *total.median_interval_ms, total.p95_ms], abs=0.006)
        assert words[-2:] == ["accuracy", "100.00%"]
    assert done.stderr.splitlines()[-1] == f"next: catdog-bench recommend {shlex.quote(str(folder / 'report'))}"


def test_report_json_is_as_documented(measured):
    """Proves that report.json fits its schema, and that the page names every key of the schema."""
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
    """Proves that each file has samples of every stage and start, memory, and accuracy with drift and verdict."""
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
    """Proves that the figures of the CSV file are those of the JSON file."""
    rows = read_csv(measured[0] / "report" / "report.csv")
    report = read_report(measured[0] / "report")
    assert [row["file"] for row in rows] == [item.configuration.file for item in report.measured]
    assert [float(row["total_p95_ms"]) for row in rows] == pytest.approx(
        [item.total.p95_ms for item in report.measured], abs=1e-3
    )


def test_markdown_shows_every_plot_beside_it(measured):
    """Proves that every picture that report.md names is there."""
    folder = measured[0] / "report"
    text = (folder / "report.md").read_text()
    named = set(re.findall(r"\((\S+\.png)\)", text))
    assert named == {path.name for path in folder.glob("*.png")}
    assert len(named) == 6
    assert "`model.int8.tflite`" in text


def test_nothing_of_this_machine_but_its_kind_is_written(measured):
    """Proves that no path and no host name is in what a user would publish."""
    for path in (measured[0] / "report").glob("report.*"):
        text = path.read_text()
        assert str(measured[0]) not in text
        assert os.uname().nodename not in text


def test_pictures_in_folders_named_for_labels_give_an_accuracy_without_drift(tmp_path, bench_bundle):
    """Proves that without Keras scores there is accuracy but no verdict."""
    pictures = write_pictures(tmp_path / "pictures", 10)
    out = tmp_path / "out"
    done = bench("run", "--bundle", bench_bundle, "--data", pictures, "--out", out, "--rounds", 10, "--threads", 1)
    assert done.exit_code == 0, done.output
    found = read_report(out).accuracy[0]
    assert (found.accuracy, found.drift, found.gate) == (1.0, None, None)


def test_a_picture_of_unknown_label_replaces_an_older_report(tmp_path, bench_bundle):
    """Proves that one picture is enough, that its accuracy is unknown, and that no older report stays."""
    pictures = write_pictures(tmp_path / "pictures", 2)
    (pictures / "red" / "1.png").rename(tmp_path / "x.png")
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(GOLDEN, out / "report.json")
    (out / "left.txt").touch()
    options = ("--out", out, "--rounds", 11, "--threads", 1)
    done = bench("run", "--bundle", bench_bundle, "--data", tmp_path / "x.png", *options)
    assert done.exit_code == 0, done.output
    assert "accuracy" not in done.stdout
    report = read_report(out)
    assert (report.bundle, report.rounds, report.pictures["count"]) == ("bundle", 11, 1)
    assert {item.accuracy for item in report.accuracy} == {None}
    assert "Unknown. The pictures are neither" in (out / "report.md").read_text()
    assert not (out / "left.txt").exists()


def test_stopped_run_writes_what_is_there(tmp_path, bench_bundle):
    """Proves that Ctrl-C in the middle of the rounds exits with 130 and leaves a report that says so."""
    pictures = write_pictures(tmp_path / "pictures")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "benchmarks.cli", "run", "--rounds", 1_000_000, "--threads", 1]
    command += ["--bundle", bench_bundle, "--data", pictures, "--out", out]
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
    """Proves that the others are measured, and that the report says what is missing and why."""
    bundle = write_bench_bundle(tmp_path / "bundle", {Precision.FLOAT32: tflite_float32})
    manifest = json.loads((bundle / "manifest.json").read_text())
    broken = manifest["files"][0] | {"path": "model.int8.tflite", "precision": "int8"}
    (bundle / "model.int8.tflite").write_bytes(b"x" * broken["size_bytes"])
    manifest["files"].append(broken)
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    pictures = write_pictures(tmp_path / "pictures")
    out = tmp_path / "out"
    done = bench("run", "--bundle", bundle, "--data", pictures, "--out", out, "--rounds", 10, "--threads", 1)
    assert done.exit_code == 0, done.output
    report = read_report(out)
    assert [item.configuration.file for item in report.measured] == ["model.float32.tflite"]
    assert report.left_out[0][0] == "model.int8.tflite litert 1"
    assert "not the file that was exported" in report.left_out[0][1]
    assert str(tmp_path) not in report.left_out[0][1]
