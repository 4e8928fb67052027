"""Recommendation, comparison and validity on reports of known figures."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.cli import main
from benchmarks.errors import BenchmarkError
from benchmarks.report.comparison import compare
from benchmarks.report.page import write_page
from benchmarks.report.recommendation import Concern, recommend, slow_int8
from benchmarks.report.report import write_csv, write_report
from benchmarks.run.conditions import machine, observe, throttled_bits
from benchmarks.run.record import (
    Accuracy,
    BenchmarkReport,
    Configuration,
    Disagreement,
    Measured,
    read_report,
    to_json,
)
from benchmarks.run.validity import find_faults
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.proof.drift import measure_drift
from edge_runtime.proof.gate import judge

ROUNDS = 60
TARGETS = [0, 1] * 500


def measured(precision, inference_ms, threads=1, seed=0, format_="tflite"):
    """A configuration whose inference takes about so long, by a tenth more or less."""
    spread = np.random.default_rng(seed).uniform(0.9, 1.1, ROUNDS)
    backend = "litert" if format_ == "tflite" else "onnxruntime"
    stages = {"decode": [1.0] * ROUNDS, "preprocess": [0.5] * ROUNDS, "inference": list(inference_ms * spread)}
    starts = {"cold_start": [100.0] * 5, "load": [10.0] * 5, "first_inference": [inference_ms] * 5}
    what = Configuration(f"model.{precision}.{format_}", format_, precision, backend, threads)
    return Measured(what, 1_000_000, starts, stages, 50.0, 60.0)


def answers(precision, wrong=0, format_="tflite"):
    """Answers of which so many are wrong, against a Keras model that is always right."""
    given = np.array(TARGETS)
    given[:wrong] = 1 - given[:wrong]
    keras, scores = (np.eye(2)[values] * 0.8 + 0.1 for values in (TARGETS, given))
    drift = measure_drift(keras, scores, np.array(TARGETS))
    gate = judge(drift, max_drop=0.01)
    backend = "litert" if format_ == "tflite" else "onnxruntime"
    confusion = np.zeros((2, 2), int)
    np.add.at(confusion, (TARGETS, given), 1)
    return Accuracy(
        f"model.{precision}.{format_}",
        backend,
        given.tolist(),
        drift.accuracy,
        drift.interval,
        confusion.tolist(),
        drift.to_dict(),
        gate.to_dict(),
    )


def a_report(*items, accuracy=(), **changes):
    """A report of these configurations, measured on a quiet machine."""
    quiet = replace(observe(), throttled_now=(), throttled_since_start=(), throttle_count=0)
    values = {
        "bundle": "pets",
        "labels": ("cat", "dog"),
        "max_drop": 0.01,
        "machine": machine(),
        "rounds": ROUNDS,
        "pictures": {
            "count": 1000,
            "source": "of the 1,000 test pictures of the bundle",
            "with_keras_scores": True,
            "sha256": "a",
            "timed_sha256": "b",
            "targets": TARGETS,
        },
        "measured": tuple(sorted(items, key=lambda item: item.total.median_ms)),
        "accuracy": tuple(accuracy),
        "before": quiet,
        "after": quiet,
    }
    return BenchmarkReport(**values | changes)


def test_the_fastest_that_passes_is_recommended():
    """A faster file that the gate fails is named and not chosen, and the sentence has the figures."""
    report = a_report(
        measured("int8", 2), measured("float16", 4), measured("float32", 6),
        accuracy=[answers("int8", wrong=60), answers("float16"), answers("float32")],
    )  # fmt: skip
    found = recommend(report)
    assert found.configuration.file == "model.float16.tflite"
    assert found.p95_ms == pytest.approx(4 * 1.09 + 1.5, abs=0.1)
    assert "(`model.float32.tflite`, the next file: 8.02 ms). Its accuracy is 100.00%, +0.00 points" in found.reason
    (warning,) = found.warnings
    assert warning.concern is Concern.FASTER_FILE
    assert warning.text.startswith("`model.int8.tflite` with litert on 1 thread is faster")
    assert warning.text.endswith("the gate says failed.")


def test_no_file_passes():
    """When all fail, nothing is recommended; when none is judged, the fastest is, with a warning."""
    failing = a_report(measured("int8", 2), accuracy=[answers("int8", wrong=60)])
    with pytest.raises(BenchmarkError, match="every file of pets failed the gate: each loses more than 1 points"):
        recommend(failing)
    found = recommend(a_report(measured("int8", 2)))
    assert not found.decided
    assert found.reason.startswith("Nothing to ship yet. The fastest is `model.int8.tflite`")
    assert found.gate == "unknown"
    assert found.to_dict()["warnings"] == ["No gate has judged the files. Name the test pictures with --data."]


def test_slow_int8_is_told_plainly():
    """Only where int8 is surely slower than float32 with the same backend and threads."""
    slow = a_report(measured("int8", 6), measured("float32", 4, seed=1), measured("int8", 2, threads=2))
    (warning,) = slow_int8(slow)
    assert warning.text.startswith("int8 is slower than float32 here: `model.int8.tflite` with litert on 1 thread")
    assert slow_int8(a_report(measured("int8", 4), measured("float32", 4, seed=1))) == ()


def test_a_slower_file_is_a_regression_beyond_the_tolerance():
    """Ten per cent slower fails at a tolerance of 5 %, passes at 20 %, and faster is never one."""
    old, new = a_report(measured("int8", 4)), a_report(measured("int8", 4.6))
    (change,) = compare(old, new, tolerance=0.05).regressions
    assert (change.figure, change.name) == ("latency", "model.int8.tflite litert 1")
    assert change.change == pytest.approx(6.1 / 5.5 - 1, abs=0.01)
    assert change.interval[0] <= change.change <= change.interval[1]
    assert compare(old, new, tolerance=0.2).regressions == ()
    assert compare(new, old, tolerance=0.05).regressions == ()


def test_lost_accuracy_is_a_regression_when_it_is_sure():
    """Four points lost are one, one flip in a thousand is not; pairs are of the same pictures."""
    item = measured("int8", 4)
    old, slightly, badly = (a_report(item, accuracy=[answers("int8", wrong=wrong)]) for wrong in (0, 1, 40))
    assert compare(old, slightly, tolerance=0.05).regressions == ()
    (change,) = compare(old, badly, tolerance=0.05).regressions
    assert (change.figure, change.change) == ("accuracy", pytest.approx(-0.04))


def test_larger_memory_is_a_regression():
    """Peak memory half as large again fails."""
    item = measured("int8", 4)
    found = compare(a_report(item), a_report(replace(item, peak_mib=90.0)), tolerance=0.05)
    assert [change.figure for change in found.regressions] == ["memory"]


def test_two_machines_are_compared_with_a_warning():
    """Another processor, other pictures and an invalid report are each said."""
    item = measured("int8", 4)
    old = a_report(item)
    new = a_report(
        item,
        machine=machine() | {"processor": "another"},
        invalid=("too hot",),
        pictures=old.pictures | {"timed_sha256": "c"},
    )
    warnings = " ".join(compare(old, new, tolerance=0.05).warnings)
    for words in ("different machines: processor", "new report is invalid: too hot", "timed different pictures"):
        assert words in warnings
    with pytest.raises(BenchmarkError, match="in common"):
        compare(old, a_report(measured("int8", 4, threads=2)), tolerance=0.05)


def test_commands_exit_as_scripts_need(tmp_path):
    """`compare` exits with 3 on a regression and 0 without; `recommend --json` is an object; damage is one line."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(to_json(a_report(measured("int8", 4), accuracy=[answers("int8")])))
    new.write_text(to_json(a_report(measured("int8", 5), accuracy=[answers("int8")])))
    run = CliRunner().invoke
    assert run(main, ["compare", str(old), str(new)]).exit_code == 3
    assert run(main, ["compare", str(old), str(new), "--tolerance", "0.5"]).exit_code == 0
    assert json.loads(run(main, ["compare", str(old), str(old), "--json"]).stdout)["regressions"] == 0
    chosen = json.loads(run(main, ["recommend", str(old), "--json"]).stdout)
    assert chosen["configuration"]["file"] == "model.int8.tflite"
    new.write_text(to_json(a_report(measured("int8", 5))))
    for options in ([], ["--json"]):
        assert run(main, ["recommend", str(new), *options]).exit_code == 4
    new.write_text('{"schema_version": 3}')
    done = run(main, ["recommend", str(new)])
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "schema version 3 is unknown. This catdog-bench reads versions 1 to 2." in done.stderr


def test_report_comes_back_from_its_file(tmp_path):
    """What is read equals what was written, but for the decimals of times."""
    odd = Disagreement("Cat/1.jpg", "ff", "cat", {"Keras": [0.6, 0.4], "model.int8.tflite litert": [0.4, 0.6]})
    report = a_report(measured("int8", 4), accuracy=[answers("int8")], disagreements=(odd,))
    path = tmp_path / "report.json"
    path.write_text(to_json(report))
    back = read_report(tmp_path)
    assert to_json(back) == to_json(read_report(path))
    assert (back.disagreements, back.accuracy[0].answers) == ((odd,), report.accuracy[0].answers)
    assert back.measured[0].total_ms == pytest.approx(report.measured[0].total_ms, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"throttled_now": ("under-voltage",)}, "slowed down: under-voltage"),
        ({"throttled_since_start": ("throttled",)}, "slowed down: throttled"),
        ({"throttle_count": 7}, "throttled 7 times"),
        ({"processor_s": (1100.0, 90.0, 0.0)}, "other programs took 40%"),
        ({"processor_s": (1100.0, 50.0, 20.0)}, "other virtual machines took 20%"),
    ],
)
def test_a_disturbed_machine_makes_a_run_invalid(change, words):
    """Throttling, other programs and other virtual machines are each a reason; a quiet machine gives none."""
    before = replace(
        observe(),
        throttled_now=(),
        throttled_since_start=(),
        throttle_count=0,
        processor_s=(1000.0, 0.0, 0.0),
        own_s=0.0,
    )  # fmt: skip
    after = replace(before, processor_s=(1100.0, 50.0, 0.0), own_s=50.0)
    items = (measured("int8", 4), measured("float32", 6, seed=1))
    assert find_faults(before, after, items) == ()
    (fault,) = find_faults(before, replace(after, **change), items)
    assert words in fault


def test_a_run_that_contradicts_itself_is_invalid():
    """When the order of two files turns over between the halves, or the fastest is unsure, the run says so."""
    state = replace(observe(), throttled_now=(), throttled_since_start=(), throttle_count=0)
    first, second = measured("int8", 4), measured("float32", 4.4, seed=1)
    turned = copy.deepcopy(second)
    turned.stages_ms["inference"][ROUNDS // 2 :] = [3.0] * (ROUNDS // 2)
    (fault,) = find_faults(state, state, (first, turned))
    assert "clearly slower in the other" in fault
    wild = copy.deepcopy(first)
    wild.stages_ms["inference"][::2] = [20.0] * (ROUNDS // 2)
    assert any("is allowed; more rounds" in fault for fault in find_faults(state, state, (wild, second)))
    assert find_faults(state, state, ()) == ("there were too few rounds",)


def test_raspberry_pi_flags():
    """0x50005: under-voltage and throttling, now and since the start. Source: Raspberry Pi documentation."""
    assert throttled_bits(0x50005) == (("under-voltage", "throttled"),) * 2
    assert throttled_bits(0) == ((), ())


def test_best_values_are_marked_and_csv_is_whole():
    """The lower median is bold, the slower one not; a reader of the CSV finds both."""
    report = a_report(measured("int8", 2), measured("float32", 6), accuracy=[answers("int8"), answers("float32")])
    rows = {
        line.split("|")[1].strip(): line for line in write_report(report).splitlines() if line.startswith("| `")
    }
    assert "**" in rows["`model.int8.tflite`"]
    text = write_csv(report)
    assert len(text.splitlines()) == 3
    assert "None" not in text


def test_photographs_are_shown_or_left_out(tmp_path):
    """With the folder each disagreement shows its picture, inside the page; without there is none."""
    from PIL import Image

    Image.new("RGB", (20, 20), "red").save(tmp_path / "a<b.png")
    odd = Disagreement("a<b.png", "ff", "cat", {"Keras": [0.6, 0.4], "model.int8.tflite litert": [0.4, 0.6]})
    report = a_report(measured("int8", 4), accuracy=[answers("int8")], disagreements=(odd,))
    shown = write_page(report, data=tmp_path, preprocessing=Preprocessing(16, 16))
    hidden = write_page(report, data=None, preprocessing=Preprocessing(16, 16))
    assert shown.count("<img") == 1
    assert "data:image/jpeg;base64," in shown
    assert "<img" not in hidden
    assert "a&lt;b.png" in hidden
