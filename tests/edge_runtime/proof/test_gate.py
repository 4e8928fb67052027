"""The gate's three answers, and how many pictures would give a firm one."""

import json

import numpy as np
import pytest

from edge_runtime.proof.drift import measure_drift
from edge_runtime.proof.gate import GateState, Verdict, judge, worst
from edge_runtime.proof.shares import paired_interval


def drift(pictures: int, *, lost: int = 0, won: int = 0):
    """Return the drift of a file with so many flips; pictures that do not flip are right in both."""
    before, after = np.full(pictures, 0.9), np.full(pictures, 0.9)
    after[:lost] = 0.1
    before[pictures - won :] = 0.1
    both = (np.stack([1 - second, second], axis=1) for second in (before, after))
    return measure_drift(*both, np.ones(pictures, int))


@pytest.mark.parametrize(
    ("found", "max_drop", "state"),
    [
        (drift(1000), 0.01, GateState.PASSED),
        (drift(100), 0.01, GateState.INCONCLUSIVE),
        (drift(100, lost=30), 0.01, GateState.FAILED),
        (drift(100, lost=30), 0.5, GateState.PASSED),
        (drift(1000, lost=30), 0.03, GateState.INCONCLUSIVE),
        (drift(100, won=30), 0.01, GateState.PASSED),
        (drift(1000, lost=40, won=38), 0.0, GateState.INCONCLUSIVE),
    ],
)
def test_the_ends_of_the_interval_decide(found, max_drop, state):
    """Passed when the bad end is within the drop, failed when the good end is not, inconclusive between."""
    low, high = found.difference_interval
    assert judge(found, max_drop=max_drop).state is state
    assert (low >= -max_drop) == (state is GateState.PASSED)
    assert (high < -max_drop) == (state is GateState.FAILED)


def test_a_better_estimate_does_not_pass_by_itself():
    """An int8 file that is even better on 24 pictures is inconclusive: 24 pictures show next to nothing."""
    found = drift(24, won=1)
    assert found.difference > 0
    assert judge(found).state is GateState.INCONCLUSIVE


def test_pictures_needed_without_flips():
    """No flips and 1 % allowed: z^2 / (N + z^2) is at most 0.01 from 381 pictures on."""
    assert paired_interval(0, 0, 380)[0] < -0.01 <= paired_interval(0, 0, 381)[0]
    needed = judge(drift(24)).pictures_needed
    assert 381 <= needed <= 385
    assert judge(drift(380)).pictures_needed >= 381
    assert judge(drift(381)) == Verdict(GateState.PASSED, 0.01, 0)


@pytest.mark.parametrize(("lost", "won"), [(1, 1), (2, 0), (5, 4), (0, 1)])
def test_pictures_needed_would_decide(lost, won):
    """With flips as frequent, and a gain taken for luck, the number named is decided and 3 % fewer are not."""
    needed = judge(drift(200, lost=lost, won=won), max_drop=0.012).pictures_needed
    assert needed > 200

    def bad_end(pictures):
        evenly = (lost + won) / 2
        return paired_interval(max(lost, evenly) * pictures / 200, min(won, evenly) * pictures / 200, pictures)[0]

    assert bad_end(needed) >= -0.012 > bad_end(int(needed * 0.97))


def test_a_drop_on_the_limit_has_no_number():
    """A drop of exactly what is allowed is never decided, and the verdict does not make a number up."""
    assert judge(drift(1000, lost=10), max_drop=0.01) == Verdict(GateState.INCONCLUSIVE, 0.01, 0)


def test_the_worst_file_is_the_bundles_state():
    """One failed file fails the bundle, before any inconclusive one; no file at all is nothing wrong."""
    passed, unsure, failed = (Verdict(state, 0.01) for state in GateState)
    assert [verdict.state for verdict in (passed, unsure, failed)] == ["passed", "inconclusive", "failed"]
    assert worst([passed, passed]) is GateState.PASSED
    assert worst([unsure, passed]) is GateState.INCONCLUSIVE
    assert worst([unsure, failed, passed]) is GateState.FAILED
    assert worst([]) is GateState.PASSED


def test_the_json_object():
    """The manifest says state, limit and number in plain values."""
    stored = json.loads(json.dumps(Verdict(GateState.INCONCLUSIVE, 0.02, 500).to_dict()))
    assert stored == {"state": "inconclusive", "max_drop": 0.02, "pictures_needed": 500}
