"""`catdog-bench recommend`: what it prints and how it exits, on a report of known figures."""

import json
import os
import shutil

import pytest

from tests.benchmarks.commands.conftest import gates, times
from tests.benchmarks.conftest import GOLDEN, bench

P95_MS = 3.168225  # of 2.1738, 2.4666, 2.5202, 2.6182, 3.051 and 3.2073: three quarters between the last two


def test_the_choice_is_one_line_and_the_next_command_runs_it():
    """Proves that figures of the report reach the sentence, and that the hint names backend and precision."""
    done = bench("recommend", GOLDEN)
    assert done.exit_code == 0
    assert done.stdout == (
        "Ship model.int8.tflite with litert on 1 thread: 95 of 100 pictures take at most 3.17 ms from file to label"
        " (model.int8.onnx, the next file: 3.25 ms). Its accuracy is 81.49%, +0.14 points [-0.16, +0.46] from "
        "Keras. The gate allows -1.00.\n"
    )
    assert done.stderr == "next: catdog-edge classify --backend litert --precision int8 PICTURE\n"


def test_json_has_the_same_choice():
    """Proves that a script gets configuration, p95, verdict, sentence and warnings as plain values."""
    values = json.loads(bench("recommend", GOLDEN, "--json").stdout)
    assert values["configuration"] == {
        "file": "model.int8.tflite",
        "format": "tflite",
        "precision": "int8",
        "backend": "litert",
        "threads": 1,
    }
    assert values["p95_ms"] == pytest.approx(P95_MS)
    assert (values["gate"], values["decided"], values["warnings"]) == ("passed", True, [])
    assert values["reason"].startswith("Ship model.int8.tflite with litert")


def test_the_hint_names_the_backend_of_another_choice(changed):
    """Proves that the next command follows the choice: here ONNX Runtime, as the TFLite file became slower."""
    done = bench("recommend", changed(lambda values: times(values, "model.int8.tflite", 2)))
    assert done.stdout.startswith("Ship model.int8.onnx with onnxruntime on 1 thread")
    assert done.stderr.splitlines()[-1].endswith("--backend onnxruntime --precision int8 PICTURE")


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: gates(values, "inconclusive"), "No file passed the gate. There are too few test pictures"),
        (lambda values: values["invalid"].append("it was hot"), "The figures cannot be trusted: it was hot."),
        (lambda values: values.update(complete=False), "The run was stopped before it was complete."),
    ],
)
def test_what_is_not_decided_exits_with_4(changed, change, words, options):
    """Proves that a script does not ship a file that nobody passed, and that the reason is said."""
    done = bench("recommend", changed(change), *options)
    assert done.exit_code == 4
    if options:
        values = json.loads(done.stdout)
        assert not values["decided"]
        assert values["warnings"][0].startswith(words)
    else:
        assert done.stdout.startswith("Nothing to ship yet. The fastest is model.int8.tflite")
        assert f"warning: {words}" in done.stderr
        assert "next:" not in done.stderr


def test_no_file_at_all_is_an_error(changed):
    """Proves that a report whose files all failed gives one line with what to do, and exit code 1."""
    done = bench("recommend", changed(lambda values: gates(values, "failed")))
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "every file of petimages-report failed the gate" in done.stderr
    assert "Export again with --repair, or train longer." in done.stderr


def test_the_newest_report_is_the_default(tmp_path, monkeypatch, changed):
    """Proves that without a name the report that was written last is read."""
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(("new", "old")):
        path = tmp_path / "reports" / name / "report.json"
        path.parent.mkdir(parents=True)
        source = GOLDEN if name == "old" else changed(lambda values: gates(values, "failed")) / "report.json"
        shutil.copy(source, path)
        os.utime(path, (1e9 - age, 1e9 - age))
    assert "failed the gate" in bench("recommend").stderr


def test_no_report_names_the_command_that_makes_one(tmp_path, monkeypatch):
    """Proves that a new user is told how to get a report."""
    monkeypatch.chdir(tmp_path)
    done = bench("recommend")
    assert done.exit_code == 1
    assert done.stderr == "error: no report in reports/: name one, or make one with: catdog-bench run\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "cannot be read"),
        ("[]", "schema version None is unknown"),
        ('{"schema_version": true}', "schema version True is unknown"),
        ('{"schema_version": 0}', "schema version 0 is unknown"),
        ('{"schema_version": 3}', "This catdog-bench reads versions 1 to 2. Install a newer one"),
        ('{"schema_version": 1}', "damaged (KeyError: 'measured'). Measure again."),
        ('{"schema_version": 2, "bundle": 1}', "damaged (KeyError: 'labels')"),
    ],
)
def test_a_file_that_is_no_report_is_named(tmp_path, content, words):
    """Proves that damage and unknown versions are one line with the file's name, and no traceback."""
    path = tmp_path / "report.json"
    path.write_text(content)
    done = bench("recommend", tmp_path)
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(f"error: {path}: ")
    assert words in done.stderr
