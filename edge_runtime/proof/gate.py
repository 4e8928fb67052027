"""Judge the drift of a model file: passed, failed, or inconclusive because there are too few pictures."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge_runtime.proof.drift import DriftReport
from edge_runtime.proof.shares import paired_interval

DEFAULT_MAX_DROP = 0.01
_MOST_PICTURES = 10_000_000


class GateState(StrEnum):
    """The gate's answer for a file. The answer for a bundle is the worst of its files."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """The gate's verdict on one file.

    The interval is the 95 % interval of the difference in accuracy from the Keras model, negative for a drop.

    Args:
        state: passed if the lower end of the interval is at least `-max_drop`; failed if the upper end is below
            `-max_drop`; otherwise inconclusive.
        max_drop: largest drop of accuracy that is allowed, 0-1.
        pictures_needed: estimate of how many pictures in all would decide. It assumes that flips stay as frequent,
            and that a gain so far was luck. It is 0 when the state is decided, or when the drop is so close to
            `max_drop` that even 10 million pictures would not decide.
    """

    state: GateState
    max_drop: float
    pictures_needed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the manifest."""
        return {"state": self.state, "max_drop": self.max_drop, "pictures_needed": self.pictures_needed}


def judge(drift: DriftReport, *, max_drop: float = DEFAULT_MAX_DROP) -> Verdict:
    """Judge a file by its difference in accuracy from the Keras model.

    Args:
        drift: the comparison of the file with the Keras model.
        max_drop: largest drop of accuracy that is allowed, 0-1. Default 0.01.
    """
    state = _state(drift.right_to_wrong, drift.wrong_to_right, drift.pictures, max_drop)
    needed = _pictures_needed(drift, max_drop) if state is GateState.INCONCLUSIVE else 0
    return Verdict(state, max_drop, needed)


def worst(verdicts: list[Verdict]) -> GateState:
    """Return the state of a bundle whose files have these verdicts. It is passed when there are none."""
    states = {verdict.state for verdict in verdicts}
    return next((state for state in reversed(GateState) if state in states), GateState.PASSED)


def _state(lost: float, won: float, pictures: int, max_drop: float) -> GateState:
    low, high = paired_interval(lost, won, pictures)
    if low >= -max_drop:
        return GateState.PASSED
    return GateState.FAILED if high < -max_drop else GateState.INCONCLUSIVE


def _pictures_needed(drift: DriftReport, max_drop: float) -> int:
    """Search for the smallest number of pictures that would decide, to within about 1 %.

    If more pictures were won than lost so far, that is taken for luck: the search assumes as many of each.
    """
    evenly = (drift.right_to_wrong + drift.wrong_to_right) / 2

    def decided(pictures: int) -> bool:
        share = pictures / drift.pictures  # the flips are not rounded: rounding would make them jump
        lost, won = max(drift.right_to_wrong, evenly) * share, min(drift.wrong_to_right, evenly) * share
        return _state(lost, won, pictures, max_drop) is not GateState.INCONCLUSIVE

    enough = drift.pictures
    while not decided(enough):
        enough = int(enough * 1.5) + 1
        if enough > _MOST_PICTURES:
            return 0
    low = int(enough / 1.5)
    while enough - low > enough // 100 + 1:
        middle = (low + enough) // 2
        low, enough = (low, middle) if decided(middle) else (middle, enough)
    return enough
