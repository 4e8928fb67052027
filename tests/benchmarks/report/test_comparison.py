"""Two reports side by side, on known figures: what is a regression, how sure it is, and what is doubtful."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.errors import BenchmarkError
from benchmarks.report.comparison import compare
from tests.benchmarks.records import (
    MACHINE,
    PICTURES,
    a_report,
    answers,
    full_report,
    measured,
    one_way,
    timed,
    without_labels,
)

ITEM = measured("int8", 4)


def figures(comparison):
    return [change.figure for change in comparison.changes]


def change_of(comparison, figure):
    (found,) = (change for change in comparison.changes if change.figure == figure)
    return found


def with_answers(given, **changes):
    """A report of one file that gives these answers."""
    return a_report(ITEM, accuracy=[replace(answers("int8"), answers=list(given))], **changes)


def test_a_report_has_not_changed_from_itself():
    """Proves that every figure is compared, that none has changed, and that nothing is doubtful."""
    report = full_report()
    found = compare(report, report, tolerance=0)
    assert figures(found) == ["latency", "memory", "size"] * 2 + ["accuracy"] * 2
    assert [change.change for change in found.changes] == [0] * 8
    assert all(change.old == change.new for change in found.changes)
    assert (found.regressions, found.warnings) == ((), ())


def test_figures_have_the_units_that_they_say():
    """Proves that latency is in ms, memory the peak in MiB, size in millions of bytes and accuracy a share."""
    found = compare(full_report(), full_report(), tolerance=0.05)
    int8 = {change.figure: change for change in found.changes if "int8" in change.name}
    assert int8["latency"].old == full_report().measured[0].total.median_ms
    assert int8["memory"].old == 60
    assert int8["size"].old == 1
    assert int8["accuracy"].old == 0.997


@pytest.mark.parametrize(("tolerance", "regression"), [(0.05, True), (0.099, True), (0.101, False), (1.0, False)])
def test_ten_per_cent_more_time(tolerance, regression):
    """Proves that pairs that are all 10 % slower are a regression below that tolerance and none above."""
    rng = np.random.default_rng(0)
    times = rng.uniform(2, 9, 60)
    old = a_report(timed(one_way(), times, decode_ms=1e-9, preprocess_ms=1e-9))
    new = a_report(timed(one_way(), 1.1 * times, decode_ms=1e-9, preprocess_ms=1e-9))
    change = change_of(compare(old, new, tolerance=tolerance), "latency")
    assert change.change == pytest.approx(0.1)
    assert change.interval == pytest.approx((0.1, 0.1))
    assert change.regression == regression


def test_time_is_compared_pair_by_pair():
    """Proves that a change of 2 % is seen in times that wander by a factor of five, because pairs wander alike."""
    times = np.random.default_rng(0).uniform(2, 10, 60)
    found = compare(a_report(timed(one_way(), times)), a_report(timed(one_way(), times * 1.02)), tolerance=0)
    assert change_of(found, "latency").regression
    unpaired = timed(one_way(), np.random.default_rng(1).permutation(times) * 1.02)
    assert not change_of(
        compare(a_report(timed(one_way(), times)), a_report(unpaired), tolerance=0), "latency"
    ).regression


def test_a_regression_is_sure():
    """Proves that a median that is worse, with an interval that reaches under the tolerance, is none."""
    noisy = timed(one_way(), [4.0, 8.0] * 10)
    found = change_of(compare(a_report(timed(one_way(), [4.0] * 20)), a_report(noisy), tolerance=0.05), "latency")
    assert found.change > 0.3
    assert found.interval[0] <= 0.05
    assert not found.regression


def test_faster_is_never_a_regression():
    """Proves that the way back from a regression is none, at any tolerance."""
    old, new = a_report(ITEM), a_report(measured("int8", 8))
    assert change_of(compare(old, new, tolerance=0), "latency").regression
    assert not change_of(compare(new, old, tolerance=0), "latency").regression


def test_reports_of_different_length_are_compared_in_the_rounds_of_both():
    """Proves that a run stopped after ten rounds is held against the first ten of the other."""
    times = np.linspace(2, 9, 60)
    found = compare(a_report(timed(one_way(), times)), a_report(timed(one_way(), times[:10] * 1.0)), tolerance=0.05)
    change = change_of(found, "latency")
    assert change.change == 0
    assert change.interval == (0, 0)
    assert change.old > change.new  # the medians are of all rounds of either


@pytest.mark.parametrize(
    ("new", "tolerance", "regression"),
    [(61.0, 0.05, False), (63.1, 0.05, True), (60.0, 0.0, False), (59.0, 0.0, False)],
)
def test_memory_may_grow_by_the_tolerance(new, tolerance, regression):
    """Proves that peak memory is compared without an interval, and that the same is no regression."""
    found = compare(a_report(ITEM), a_report(replace(ITEM, peak_mib=new)), tolerance=tolerance)
    change = change_of(found, "memory")
    assert (change.old, change.new, change.interval, change.regression) == (60, new, None, regression)
    assert change.change == pytest.approx(new / 60 - 1)


def test_a_larger_file_is_a_regression():
    """Proves that a file of 1.2 MB instead of 1 is told, and is one beyond 5 %."""
    found = compare(a_report(ITEM), a_report(replace(ITEM, size_bytes=1_200_000)), tolerance=0.05)
    assert [(change.figure, change.old, change.new) for change in found.regressions] == [("size", 1.0, 1.2)]


@pytest.mark.parametrize(("old", "new"), [(None, 60.0), (60.0, None), (None, None)])
def test_memory_that_one_side_does_not_know_is_not_compared(old, new):
    """Proves that a stopped run without memory is compared in all else."""
    found = compare(a_report(replace(ITEM, peak_mib=old)), a_report(replace(ITEM, peak_mib=new)), tolerance=0.05)
    assert figures(found) == ["latency", "size"]


@pytest.mark.parametrize(("lost", "regression"), [(0, False), (1, False), (12, False), (40, True)])
def test_lost_accuracy_is_a_regression_when_it_is_sure(lost, regression):
    """Proves that of 1,000 pictures 40 lost are one, and that one, and twelve at a limit of ten, are none."""
    old, new = (a_report(ITEM, accuracy=[answers("int8", wrong=wrong)]) for wrong in (0, lost))
    change = change_of(compare(old, new, tolerance=0.05), "accuracy")
    assert (change.old, change.new) == (1, 1 - lost / 1000)
    assert change.change == pytest.approx(-lost / 1000)
    assert change.interval[0] <= change.change <= change.interval[1]
    assert change.regression == regression


def test_flips_either_way_are_counted_in_pairs():
    """Proves that as many won as lost are no change, with a wider interval than no flip at all."""
    right = np.array([0, 1] * 500)
    old, new = right.copy(), right.copy()
    old[:50] = 1 - old[:50]
    new[50:100] = 1 - new[50:100]
    flips = change_of(compare(with_answers(old), with_answers(new), tolerance=0.05), "accuracy")
    still = change_of(compare(with_answers(old), with_answers(old), tolerance=0.05), "accuracy")
    assert (flips.old, flips.new, flips.change) == (0.95, 0.95, 0)
    assert flips.interval[1] - flips.interval[0] > 2 * (still.interval[1] - still.interval[0])
    assert flips.interval[0] == pytest.approx(-flips.interval[1])


def test_the_new_reports_limit_judges():
    """Proves that the drop that is allowed is that of the report that is judged."""
    old = a_report(ITEM, accuracy=[answers("int8")])
    new = a_report(ITEM, accuracy=[answers("int8", wrong=40)], max_drop=0.1)
    assert not change_of(compare(old, new, tolerance=0.05), "accuracy").regression
    assert change_of(
        compare(replace(old, max_drop=0.1), replace(new, max_drop=0.01), tolerance=0.05), "accuracy"
    ).regression


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pictures": PICTURES | {"sha256": "other"}}, "different pictures"),
        ({"labels": ("dog", "cat")}, "labels"),
        ({"labels": ("kitten", "dog")}, "labels"),
    ],
)
def test_answers_to_other_pictures_or_labels_are_not_compared(changes, words):
    """Proves that answers, which are numbers of labels, are compared only where the numbers mean the same."""
    old = a_report(ITEM, accuracy=[answers("int8")])
    new = a_report(ITEM, accuracy=[answers("int8", wrong=40)], **changes)
    found = compare(old, new, tolerance=0.05)
    assert "accuracy" not in figures(found)
    (warning,) = found.warnings
    assert words in warning


def test_without_true_labels_accuracy_is_not_compared():
    """Proves that answers alone are no accuracy."""
    unknown = PICTURES | {"targets": None}
    report = a_report(ITEM, accuracy=[without_labels(answers("int8"))], pictures=unknown)
    assert figures(compare(report, report, tolerance=0.05)) == ["latency", "memory", "size"]


def test_a_file_that_only_one_report_scored_is_not_compared():
    """Proves that a stopped run without answers is compared in all else."""
    old, new = a_report(ITEM, accuracy=[answers("int8")]), a_report(ITEM)
    assert "accuracy" not in figures(compare(old, new, tolerance=0.05))
    assert "accuracy" not in figures(compare(new, old, tolerance=0.05))


@pytest.mark.parametrize("key", ["board", "processor", "architecture", "cores"])
def test_two_machines_are_compared_with_a_warning(key):
    """Proves that each part of a machine that matters is told with both its values."""
    other = MACHINE | {key: "another"}
    (warning,) = compare(a_report(ITEM), a_report(ITEM, machine=other), tolerance=0.05).warnings
    assert key in warning
    assert f"{MACHINE[key]}" in warning
    assert "another" in warning


@pytest.mark.parametrize("key", ["memory_mib", "system", "python", "packages"])
def test_updates_are_no_other_machine(key):
    """Proves that a new kernel, Python or package is what a comparison is for, and no reason to doubt it."""
    assert compare(a_report(ITEM), a_report(ITEM, machine=MACHINE | {key: None}), tolerance=0.05).warnings == ()


def test_what_makes_either_report_doubtful_is_told():
    """Proves that faults, an early end and other timed pictures are each one warning, with their side."""
    old = a_report(ITEM, invalid=("too hot", "too loud"))
    new = a_report(ITEM, complete=False, pictures=PICTURES | {"timed_sha256": "other"})
    warnings = compare(old, new, tolerance=0.05).warnings
    assert len(warnings) == 4
    assert "old" in warnings[0]
    assert "too hot" in warnings[0]
    assert "too loud" in warnings[1]
    assert "new" in warnings[2]
    assert "timed different pictures" in warnings[3]


def test_configurations_of_one_report_only_are_counted():
    """Proves that what both have is compared, and that the others are counted together, not passed over."""
    old = a_report(ITEM, measured("float16", 5), measured("float32", 6))
    new = a_report(ITEM, measured("int8", 3, threads=2))
    found = compare(old, new, tolerance=0.05)
    assert {change.name for change in found.changes} == {ITEM.configuration.name}
    (warning,) = found.warnings
    assert warning.startswith("3 ")


def test_reports_with_nothing_in_common_are_an_error():
    """Proves that other threads are another configuration, and that nothing to compare is not success."""
    with pytest.raises(BenchmarkError, match="in common"):
        compare(a_report(ITEM), a_report(measured("int8", 4, threads=2)), tolerance=0.05)


def test_it_is_a_json_object():
    """Proves that a script reads the number of regressions and every change."""
    found = compare(full_report(), full_report(measured=(measured("int8", 5),)), tolerance=0.05)
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["regressions"] == len(found.regressions) == 1
    assert [change["figure"] for change in values["changes"]] == figures(found)
    assert values["changes"][0]["interval"] == list(found.changes[0].interval)
    assert values["warnings"] == list(found.warnings)


@settings(deadline=None)
@given(st.floats(0.2, 5), st.floats(0, 1))
def test_a_factor_on_all_times_is_found_whatever_it_is(factor, tolerance):
    """Proves that the change is the factor less one, and a regression exactly beyond the tolerance."""
    times = np.linspace(2, 9, 12)
    old = timed(one_way(), times)
    stages = {stage: [factor * value for value in values] for stage, values in old.stages_ms.items()}
    change = change_of(
        compare(a_report(old), a_report(replace(old, stages_ms=stages)), tolerance=tolerance), "latency"
    )
    assert change.change == pytest.approx(factor - 1, abs=1e-9)
    if abs(factor - 1 - tolerance) > 1e-9:
        assert change.regression == (factor - 1 > tolerance)
