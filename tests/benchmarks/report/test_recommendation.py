"""Which file to ship, on reports of known figures."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.errors import BenchmarkError
from benchmarks.report.recommendation import Concern, gate_of, recommend, slow_int8
from tests.benchmarks.records import (
    HOSTILE,
    a_report,
    answers,
    measured,
    one_way,
    timed,
    without_keras,
    without_labels,
)

FILES = ("int8", "float16", "float32")


def three(**wrong):
    """A report of three files, fastest first, of whose answers so many are wrong."""
    items = [
        measured(name, ms, seed=number) for number, (name, ms) in enumerate(zip(FILES, (2, 4, 6), strict=True))
    ]
    return a_report(*items, accuracy=[answers(name, wrong=wrong.get(name, 0)) for name in FILES])


def concerns(found):
    return [warning.concern for warning in found.warnings]


def test_the_fastest_that_passes_is_recommended():
    """Proves that of three files that pass the fastest is shipped, with nothing to warn of."""
    found = recommend(three())
    assert found.configuration == one_way("int8")
    assert (found.decided, found.gate, found.warnings) == (True, "passed", ())
    assert found.reason.startswith("Ship model.int8.tflite")


def test_a_faster_file_that_fails_is_named_and_not_chosen():
    """Proves that the next one is shipped and that the warning has name, time and verdict of the faster one."""
    report = three(int8=60)
    found = recommend(report)
    assert found.configuration == one_way("float16")
    assert found.decided
    assert concerns(found) == [Concern.FASTER_FILE]
    fastest = report.measured[0].total.p95_ms
    for words in ("model.int8.tflite", f"{fastest:.2f} ms", "failed"):
        assert words in found.warnings[0].text


def test_the_reason_has_the_figures():
    """Proves that p95, the next file's p95, the accuracy, the difference and the limit are those of the report."""
    report = three(int8=3)
    found = recommend(report)
    first, second, _ = report.measured
    assert found.p95_ms == first.total.p95_ms == pytest.approx(np.percentile(first.total_ms, 95))
    for words in (
        f"{first.total.p95_ms:.2f} ms",
        f"{second.total.p95_ms:.2f} ms",
        "model.float16.tflite",
        "99.70%",
        "-0.30 points",
        "-1.00",
    ):
        assert words in found.reason, words


def test_the_next_file_is_another_file():
    """Proves that the same file with more threads is not called the next file."""
    items = [measured("int8", 2), measured("int8", 2.5, threads=2), measured("float32", 6)]
    found = recommend(a_report(*items, accuracy=[answers("int8"), answers("float32")]))
    assert "model.float32.tflite" in found.reason
    assert found.reason.count("model.int8.tflite") == 1


def test_a_file_alone_has_no_next_one():
    """Proves that a report of one file is no special case."""
    found = recommend(a_report(measured("int8", 2), accuracy=[answers("int8")]))
    assert found.decided
    assert "next" not in found.reason


def test_a_high_median_does_not_matter_and_a_high_p95_does():
    """Proves that the file with the lower 95th percentile is chosen, though its median is higher."""
    jumpy = timed(one_way("int8"), [2.0] * 54 + [30.0] * 6)
    steady = timed(one_way("float32"), [5.0] * 60)
    found = recommend(a_report(jumpy, steady, accuracy=[answers("int8"), answers("float32")]))
    assert found.configuration.precision == "float32"
    assert found.p95_ms == 6.5


def test_when_every_file_fails_nothing_is_recommended():
    """Proves that the error names the bundle and the limit, and does not fall back on the least bad file."""
    with pytest.raises(BenchmarkError, match="pets") as error:
        recommend(three(int8=60, float16=70, float32=80))
    assert "1 point" in str(error.value)


def test_undecided_files_come_after_those_that_pass():
    """Proves that a slower file that passes is preferred to a faster one of which the gate cannot tell."""
    report = three(int8=10)
    assert gate_of(report, one_way("int8")) == "inconclusive"
    found = recommend(report)
    assert found.configuration == one_way("float16")
    assert "inconclusive" in found.warnings[0].text


def test_when_none_passes_the_fastest_undecided_is_named_only():
    """Proves that a failed file is passed over and that nothing is decided."""
    found = recommend(three(int8=60, float16=10, float32=10))
    assert (found.configuration, found.decided, found.gate) == (one_way("float16"), False, "inconclusive")
    assert concerns(found) == [Concern.NO_PASS, Concern.FASTER_FILE]
    assert not found.reason.startswith("Ship")
    assert "too few" in found.warnings[0].text


def test_without_a_verdict_one_is_asked_for():
    """Proves that unjudged files are not shipped, and that the option that brings a verdict is named."""
    found = recommend(a_report(measured("int8", 2)))
    assert (found.decided, found.gate) == (False, "unknown")
    assert concerns(found) == [Concern.NO_PASS]
    assert "--data" in found.warnings[0].text


@pytest.mark.parametrize(
    ("accuracy", "state"),
    [
        ((), "passed"),
        ((without_labels(answers("int8")),), "passed"),
        ((without_keras(answers("int8")),), "passed"),
        ((answers("int8", wrong=60),), "failed"),
        ((answers("float32", wrong=60),), "passed"),
    ],
)
def test_the_verdict_of_the_export_counts_where_there_is_none_here(accuracy, state):
    """Proves that a verdict on this machine overrules the export's, and that nothing else does."""
    report = a_report(measured("int8", 2), accuracy=accuracy, manifest_gates={"model.int8.tflite": "passed"})
    assert gate_of(report, one_way("int8")) == state
    assert gate_of(report, one_way("float16")) == "unknown"


def test_an_accuracy_without_drift_is_told_without_a_difference():
    """Proves that what was not compared with Keras claims no difference from it."""
    gates = {"model.int8.tflite": "passed"}
    known = recommend(
        a_report(measured("int8", 2), accuracy=[without_keras(answers("int8", 3))], manifest_gates=gates)
    )
    assert "99.70%" in known.reason
    assert "Keras" not in known.reason
    unknown = recommend(a_report(measured("int8", 2), manifest_gates=gates))
    assert unknown.decided
    assert "not measured" in unknown.reason


@pytest.mark.parametrize(
    ("changes", "concern"),
    [({"invalid": ("too hot",)}, Concern.INVALID_RUN), ({"complete": False}, Concern.INCOMPLETE_RUN)],
)
def test_figures_in_doubt_are_not_shipped(changes, concern):
    """Proves that an invalid and a stopped run name the fastest, decide nothing and say why."""
    found = recommend(replace(three(), **changes))
    assert found.configuration == one_way("int8")
    assert not found.decided
    assert concerns(found) == [concern]
    assert not found.reason.startswith("Ship")


def test_every_reason_for_doubt_is_a_warning_of_its_own():
    """Proves that two faults and an early end are three warnings, and that the faults are cited."""
    found = recommend(replace(three(), invalid=("too hot", "too loud"), complete=False))
    assert concerns(found) == [Concern.INVALID_RUN] * 2 + [Concern.INCOMPLETE_RUN]
    assert "too hot" in found.warnings[0].text
    assert "too loud" in found.warnings[1].text


def test_slow_int8_is_told_with_its_ratio():
    """Proves that six milliseconds against four are a ratio of 1.5, with an interval around it."""
    wander = np.random.default_rng(0).uniform(0.9, 1.1, 60)
    slow = a_report(timed(one_way("int8"), 6 * wander), timed(one_way("float32"), 4 * wander))
    (warning,) = slow_int8(slow)
    assert warning.concern is Concern.SLOW_INT8
    assert "1.50 times [1.50, 1.50]" in warning.text
    assert "model.int8.tflite" in warning.text
    assert "model.float32.tflite" in warning.text
    assert warning in recommend(slow).warnings


@pytest.mark.parametrize(
    "items",
    [
        (measured("int8", 4), measured("float32", 4, seed=1)),
        (measured("int8", 4), measured("float32", 6, seed=1)),
        (measured("int8", 6, threads=2), measured("float32", 4)),
        (measured("int8", 6, form="onnx"), measured("float32", 4)),
        (measured("float16", 6), measured("float32", 4)),
        (measured("int8", 6),),
    ],
)
def test_int8_is_held_against_its_like(items):
    """Proves that equal or unsure times, other threads, formats and precisions, and int8 alone give no warning."""
    assert slow_int8(a_report(*items)) == ()


def test_each_number_of_threads_has_its_own_warning():
    """Proves that int8 that is slow on one thread and fast on two is told of one thread only."""
    items = [
        measured("int8", 6),
        measured("float32", 4, seed=1),
        measured("int8", 2, threads=2),
        measured("float32", 3, threads=2, seed=1),
    ]
    (warning,) = slow_int8(a_report(*items))
    assert "1 thread" in warning.text


def test_it_is_a_json_object():
    """Proves that a script gets the configuration, the verdict and sentences, whatever the bundle is called."""
    values = json.loads(json.dumps(recommend(replace(three(int8=60), bundle=HOSTILE)).to_dict()))
    assert values["configuration"]["file"] == "model.float16.tflite"
    assert values["decided"] is True
    assert [type(warning) for warning in values["warnings"]] == [str]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(1, 20), st.sampled_from([0, 10, 60])), min_size=1, max_size=5))
def test_no_other_file_that_passes_is_faster(files):
    """Proves on any mixture of times and verdicts that the choice is the best of those allowed."""
    items = [
        timed(replace(one_way("int8"), file=f"{number}.tflite"), [ms] * 6) for number, (ms, _) in enumerate(files)
    ]
    judged = {0: answers("int8"), 10: answers("int8", 10), 60: answers("int8", 60)}
    accuracy = [replace(judged[wrong], file=f"{number}.tflite") for number, (_, wrong) in enumerate(files)]
    report = a_report(*items, accuracy=accuracy)
    allowed = [ms for ms, wrong in files if wrong == 0] or [ms for ms, wrong in files if wrong == 10]
    if not allowed:
        with pytest.raises(BenchmarkError):
            recommend(report)
        return
    found = recommend(report)
    assert found.p95_ms == pytest.approx(min(allowed) + 1.5)
    assert found.decided == (0 in {wrong for _, wrong in files})
