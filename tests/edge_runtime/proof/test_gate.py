"""The three answers of the gate, and how many pictures would decide."""

import json

import numpy as np
import pytest

from edge_runtime.proof.drift import measure_drift
from edge_runtime.proof.gate import GateState, Verdict, judge, worst
from edge_runtime.proof.shares import paired_interval


def drift(pictures: int, *, lost: int = 0, won: int = 0):
    """Return the drift of a file with these flips. All other pictures are right in both."""
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
    """Proves that the lower end decides about passed and the upper end about failed; the rest is inconclusive."""
    low, high = found.difference_interval
    assert judge(found, max_drop=max_drop).state is state
    assert (low >= -max_drop) == (state is GateState.PASSED)
    assert (high < -max_drop) == (state is GateState.FAILED)


def test_a_better_estimate_does_not_pass_by_itself():
    """Proves that an int8 file that is even better on 24 pictures is inconclusive: 24 pictures show too little."""
    found = drift(24, won=1)
    assert found.difference > 0
    assert judge(found).state is GateState.INCONCLUSIVE


def test_pictures_needed_without_flips():
    """Proves that without flips 381 pictures decide for 1 %: from there z^2 / (N + z^2) is at most 0.01."""
    assert paired_interval(0, 0, 380)[0] < -0.01 <= paired_interval(0, 0, 381)[0]
    needed = judge(drift(24)).pictures_needed
    assert 381 <= needed <= 385
    assert judge(drift(380)).pictures_needed >= 381
    assert judge(drift(381)) == Verdict(GateState.PASSED, 0.01, 0)


@pytest.mark.parametrize(("lost", "won"), [(1, 1), (2, 0), (5, 4), (0, 1)])
def test_pictures_needed_would_decide(lost, won):
    """Proves that the number decides if flips stay as frequent and a gain was luck, and that 3 % fewer do not."""
    needed = judge(drift(200, lost=lost, won=won), max_drop=0.012).pictures_needed
    assert needed > 200

    def bad_end(pictures):
        evenly = (lost + won) / 2
        return paired_interval(max(lost, evenly) * pictures / 200, min(won, evenly) * pictures / 200, pictures)[0]

    assert bad_end(needed) >= -0.012 > bad_end(int(needed * 0.97))


def test_a_drop_on_the_limit_has_no_number():
    """Proves that a drop of exactly the limit, which no number of pictures decides, gets no number."""
    assert judge(drift(1000, lost=10), max_drop=0.01) == Verdict(GateState.INCONCLUSIVE, 0.01, 0)


def test_the_worst_file_is_the_bundles_state():
    """Proves that failed comes before inconclusive, and inconclusive before passed. No file at all is passed."""
    passed, unsure, failed = (Verdict(state, 0.01) for state in GateState)
    assert [verdict.state for verdict in (passed, unsure, failed)] == ["passed", "inconclusive", "failed"]
    assert worst([passed, passed]) is GateState.PASSED
    assert worst([unsure, passed]) is GateState.INCONCLUSIVE
    assert worst([unsure, failed, passed]) is GateState.FAILED
    assert worst([]) is GateState.PASSED


def test_the_json_object():
    """Proves that the JSON object for the manifest has state, limit and number as plain values."""
    stored = json.loads(json.dumps(Verdict(GateState.INCONCLUSIVE, 0.02, 500).to_dict()))
    assert stored == {"state": "inconclusive", "max_drop": 0.02, "pictures_needed": 500}
