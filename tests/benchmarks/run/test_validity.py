"""Whether a run can be relied on: each disturbance at its limit, and runs that contradict themselves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.run.validity import MOST_BY_OTHERS, MOST_STOLEN, MOST_UNSURE, find_faults
from tests.benchmarks.records import QUIET, measured, one_way, timed

STEADY = (measured("int8", 4), measured("float32", 6, seed=1))
# 100 s of processor time passed, half of it busy, and all that was busy was the benchmark's own.
BEFORE = replace(QUIET, processor_s=(1000.0, 300.0, 5.0), own_s=20.0)
AFTER = replace(BEFORE, processor_s=(1100.0, 350.0, 5.0), own_s=70.0)


def faults(items=STEADY, before=BEFORE, **after):
    return find_faults(before, replace(AFTER, **after), items)


def test_a_quiet_run_is_valid():
    """Proves that time that the benchmark itself took is nobody's fault."""
    assert faults() == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"throttled_now": ("under-voltage",)}, ": under-voltage"),
        ({"throttled_since_start": ("throttled",)}, ": throttled"),
        ({"throttle_count": 7}, "throttled 7 times"),
        ({"own_s": 30.0}, "other programs took 40%"),
        ({"processor_s": (1100.0, 350.0, 25.0)}, "other virtual machines took 20%"),
    ],
)
def test_each_disturbance_is_one_reason(change, words):
    """Proves that throttling, other programs and other virtual machines are each told with their size."""
    (fault,) = faults(**change)
    assert words in fault


def test_disturbances_add_up():
    """Proves that three at once are three reasons."""
    assert len(faults(throttle_count=1, own_s=30.0, throttled_now=("throttled",))) == 3


def test_what_held_the_board_back_is_named_once_and_in_order():
    """Proves that the same reason before, after and since the start is one word; others stand beside it."""
    before = replace(BEFORE, throttled_now=("under-voltage",))
    (fault,) = faults(before=before, throttled_now=("under-voltage",), throttled_since_start=("frequency capped",))
    assert fault.endswith("frequency capped, under-voltage")


def test_what_held_the_board_back_long_ago_is_no_fault():
    """Proves that a flag that was up before says nothing of the run, nor does a count that stood still."""
    before = replace(BEFORE, throttled_since_start=("throttled",), throttle_count=3)
    assert faults(before=before, throttled_since_start=("throttled",), throttle_count=3) == ()


def test_a_counter_that_began_anew_is_no_fault():
    """Proves that a count lower than before, as of a core that went, is not told as negative throttling."""
    assert faults(before=replace(BEFORE, throttle_count=9), throttle_count=2) == ()


@pytest.mark.parametrize("key", ["throttle_count", "processor_s"])
def test_what_the_system_does_not_tell_is_no_fault(key):
    """Proves that a figure that is missing before or after is not compared."""
    assert faults(**{key: None}) == ()
    assert faults(before=replace(BEFORE, **{key: None})) == ()


def test_no_time_passed_is_no_fault():
    """Proves that two states of the same moment have no shares."""
    assert find_faults(BEFORE, BEFORE, STEADY) == ()


@settings(deadline=None)
@given(st.floats(0, 50))
def test_others_may_take_a_tenth(seconds):
    """Proves that of 100 s exactly those runs are invalid in which others took more than 10 s."""
    found = faults(own_s=BEFORE.own_s + 50 - seconds)
    if abs(seconds - 100 * MOST_BY_OTHERS) > 1e-6:
        assert bool(found) == (seconds > 100 * MOST_BY_OTHERS)


@settings(deadline=None)
@given(st.floats(0, 50))
def test_other_machines_may_take_a_twentieth(seconds):
    """Proves that of 100 s exactly those runs are invalid of which more than 5 s were stolen."""
    found = faults(processor_s=(1100.0, 350.0, 5.0 + seconds))
    if abs(seconds - 100 * MOST_STOLEN) > 1e-6:
        assert bool(found) == (seconds > 100 * MOST_STOLEN)


@pytest.mark.parametrize("rounds", [1, 3])
def test_too_few_rounds(rounds):
    """Proves that fewer than four rounds, and none at all, have no two halves to compare."""
    assert len(faults([timed(one_way(), [4.0] * rounds)])) == 1
    assert "too few" in faults([timed(one_way(), [4.0] * rounds)])[0]
    assert "too few" in faults(())[0]


def test_four_rounds_that_agree_are_enough():
    """Proves that from four rounds on it is the times that decide."""
    assert faults([timed(one_way(), [4.0] * 4)]) == ()


@pytest.mark.parametrize(("spread", "valid"), [(0.09, True), (0.11, False)])
def test_an_unsure_median_is_a_fault(spread, valid):
    """Proves that half the width of the interval may be a tenth of the median; times lie at its ends here."""
    total = 10.0
    ends = [total * (1 - spread) - 1.5, total * (1 + spread) - 1.5]
    what = timed(one_way(), [ends[0]] * 20 + [ends[1]] * 20)
    assert what.total.median_interval_ms == pytest.approx((total * (1 - spread), total * (1 + spread)))
    found = faults([what])
    assert (found == ()) == valid
    if not valid:
        assert f"uncertain by {spread:.0%}" in found[0]
        assert f"at most {MOST_UNSURE:.0%}" in found[0]


def turning(first, second, rounds=20):
    """Times that are `first` in one half of the rounds and `second` in the other, with a little of a spread."""
    wander = np.random.default_rng(0).uniform(0.999, 1.001, rounds // 2)
    return [*(first * wander), *(second * wander)]


def test_an_order_that_turns_over_is_a_fault():
    """Proves that a file surely slower in one half and surely faster in the other is named, with the fastest."""
    fastest, other = timed(one_way("int8"), turning(4, 4)), timed(one_way("float32"), turning(4.2, 3.8))
    (fault,) = faults([fastest, other])
    assert "model.int8.tflite" in fault
    assert "model.float32.tflite" in fault
    (turned_back,) = faults([fastest, timed(one_way("float32"), turning(3.8, 4.2))])
    assert turned_back == fault


def test_only_the_fastest_is_held_against_others():
    """Proves that two slow files that change places do not matter to what is shipped."""
    slow = [timed(one_way("float16"), turning(8, 8)), timed(one_way("float32"), turning(8.2, 7.8))]
    assert faults([timed(one_way("int8"), turning(4, 4)), *slow]) == ()


def test_an_order_that_is_unsure_is_no_contradiction():
    """Proves that surely faster in one half and about as fast in the other is no fault."""
    fastest = timed(one_way("int8"), turning(4, 4))
    wander = np.random.default_rng(1).uniform(0.97, 1.03, 10)
    other = timed(one_way("float32"), [*([4.2] * 10), *(4 * wander)])
    assert faults([fastest, other]) == ()


def test_every_sentence_is_one_line():
    """Proves that reasons become one line each of Markdown and of standard error."""
    wild = timed(one_way(), [2.0, 40.0] * 20)
    found = faults([wild], throttle_count=1, own_s=0.0, throttled_now=("throttled",))
    assert len(found) == 4
    assert all("\n" not in fault and not fault.endswith(".") for fault in found)
