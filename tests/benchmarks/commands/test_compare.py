"""`catdog-bench compare`: its lines, its JSON and its exit codes, on reports of known figures."""

import json
import re

import pytest

from benchmarks.run.record import read_report, to_json
from tests.benchmarks.commands.conftest import times
from tests.benchmarks.conftest import GOLDEN, bench

FIGURES = ("latency", "memory", "size", "accuracy")


def test_a_report_does_not_differ_from_itself():
    """Proves that every figure of every configuration is compared, and that none has changed."""
    done = bench("compare", GOLDEN, GOLDEN)
    *lines, last = done.stdout.splitlines()
    assert (done.exit_code, done.stderr, last) == (0, "", "0 regressions beyond 5%")
    assert len(lines) == 3 * 3 + 3  # latency, memory and size of each configuration, accuracy of each file
    assert all("+0.00%" in line for line in lines)


def test_a_slower_file_is_marked_and_exits_with_3(changed):
    """Proves that 20 % more time is shown with both medians and is the only regression."""
    slower = changed(lambda values: times(values, "model.int8.tflite", 1.2))
    done = bench("compare", GOLDEN, slower)
    assert done.exit_code == 3
    assert done.stdout.splitlines()[-1] == "1 regression beyond 5%"
    (line,) = [line for line in done.stdout.splitlines() if line.endswith("REGRESSION")]
    assert re.sub(" +", " ", line) == (
        "model.int8.tflite litert 1 latency 2.57 ms to 3.08 ms +20.00% [+20.00%, +20.00%] REGRESSION"
    )
    assert bench("compare", slower, GOLDEN).exit_code == 0  # faster is none


@pytest.mark.parametrize(("tolerance", "exit_code"), [("0.19", 3), ("0.21", 0)])
def test_the_tolerance_is_a_share(changed, tolerance, exit_code):
    """Proves that 20 % more time is a regression below a tolerance of 0.2 and none above."""
    slower = changed(lambda values: times(values, "model.int8.tflite", 1.2))
    assert bench("compare", GOLDEN, slower, "--tolerance", tolerance).exit_code == exit_code


@pytest.mark.parametrize("tolerance", ["-0.1", "nan", "x"])
def test_a_tolerance_that_is_no_share_is_wrong_use(tolerance):
    """Proves that what would let everything pass is refused, with exit code 2."""
    done = bench("compare", GOLDEN, GOLDEN, "--tolerance", tolerance)
    assert done.exit_code == 2
    assert "--tolerance" in done.stderr


def test_json_has_every_change_and_the_number_of_regressions(changed):
    """Proves that a script reads the same figures as numbers, the units left out."""

    def grow(values):
        for item in values["measured"]:
            item["peak_mib"] *= 2

    done = bench("compare", GOLDEN, changed(grow), "--json")
    values = json.loads(done.stdout)
    assert done.exit_code == 3
    assert values["regressions"] == 3
    assert {change["figure"] for change in values["changes"]} == set(FIGURES)
    (memory,) = [
        item
        for item in values["changes"]
        if (item["name"], item["figure"]) == ("model.int8.onnx onnxruntime 1", "memory")
    ]
    assert memory["new"] == 2 * memory["old"] == pytest.approx(205.7265625)
    assert (memory["change"], memory["interval"], memory["regression"]) == (1.0, None, True)


def test_lost_accuracy_is_judged_by_the_gate_and_not_by_the_tolerance(changed):
    """Proves that 24 wrong answers of 30 are a regression however much slower a file may be."""

    def forget(values):
        values["accuracy"][0]["answers"] = [1 - target for target in values["pictures"]["targets"]]

    done = bench("compare", GOLDEN, changed(forget), "--tolerance", "9")
    assert done.exit_code == 3
    (line,) = [line for line in done.stdout.splitlines() if line.endswith("REGRESSION")]
    assert re.sub(" +", " ", line).startswith("model.int8.tflite litert accuracy 80.00% to 0.00% -80.00% [")


def test_doubts_are_warnings_on_standard_error(changed):
    """Proves that another machine and an invalid report are said, and leave standard output as it is."""

    def doubtful(values):
        values["machine"]["cores"] = 64
        values["invalid"] = ["it was hot"]

    done = bench("compare", GOLDEN, changed(doubtful))
    assert done.exit_code == 0
    assert done.stdout == bench("compare", GOLDEN, GOLDEN).stdout
    assert done.stderr.splitlines() == [
        "warning: different machines: cores 2 and 64; times are not comparable",
        "warning: the new report is invalid: it was hot",
    ]


def test_versions_are_compared_with_each_other(tmp_path):
    """Proves that an old report is still of use: version 1 and the same in version 2 have equal figures."""
    path = tmp_path / "report.json"
    path.write_text(to_json(read_report(GOLDEN)))
    assert json.loads(path.read_text())["schema_version"] == 2
    for pair in ((GOLDEN, path), (path, GOLDEN)):
        assert bench("compare", *pair).stdout == bench("compare", GOLDEN, GOLDEN).stdout


def test_reports_of_different_bundles_are_an_error(changed):
    """Proves that nothing is compared when no configuration is in both."""

    def rename(values):
        for item in values["measured"]:
            item["threads"] = 8

    done = bench("compare", GOLDEN, changed(rename))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "error: the two reports have no file, backend and number of threads in common.\n"


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_report_is_named(tmp_path, missing):
    """Proves that either of the two is looked for, and named when it is not there."""
    paths = [GOLDEN, GOLDEN]
    paths[missing] = tmp_path / "nowhere"
    done = bench("compare", *paths)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'nowhere'}: cannot be read")
