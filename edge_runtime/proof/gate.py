"""Judge a file's drift: passed, failed, or too few pictures to tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge_runtime.proof.drift import DriftReport
from edge_runtime.proof.shares import paired_interval

DEFAULT_MAX_DROP = 0.01
_MOST_PICTURES = 10_000_000


class GateState(StrEnum):
    """What the gate says of a file, or of a bundle: then it is the worst of its files'."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one file.

    Args:
        state: passed when even the bad end of the interval is within the drop; failed when even the good end is
            not; inconclusive between.
        max_drop: largest drop of accuracy that is allowed, 0-1.
        pictures_needed: pictures in all that would decide, were the flips as frequent as here, and as many won as
            lost where more were won; 0 when decided,
            or when the drop is so near `max_drop` that no number of pictures in reach would.
    """

    state: GateState
    max_drop: float
    pictures_needed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the manifest."""
        return {"state": self.state, "max_drop": self.max_drop, "pictures_needed": self.pictures_needed}


def judge(drift: DriftReport, *, max_drop: float = DEFAULT_MAX_DROP) -> Verdict:
    """Judge a file by the interval of its accuracy's difference from the Keras model's."""
    state = _state(drift.right_to_wrong, drift.wrong_to_right, drift.pictures, max_drop)
    needed = _pictures_needed(drift, max_drop) if state is GateState.INCONCLUSIVE else 0
    return Verdict(state, max_drop, needed)


def worst(verdicts: list[Verdict]) -> GateState:
    """Return the state of a bundle with these files."""
    states = {verdict.state for verdict in verdicts}
    return next((state for state in reversed(GateState) if state in states), GateState.PASSED)


def _state(lost: float, won: float, pictures: int, max_drop: float) -> GateState:
    low, high = paired_interval(lost, won, pictures)
    if low >= -max_drop:
        return GateState.PASSED
    return GateState.FAILED if high < -max_drop else GateState.INCONCLUSIVE


def _pictures_needed(drift: DriftReport, max_drop: float) -> int:
    """Search the smallest decided number of pictures, to one part in a hundred; a gain so far is taken for luck."""
    evenly = (drift.right_to_wrong + drift.wrong_to_right) / 2

    def decided(pictures: int) -> bool:
        share = pictures / drift.pictures  # of flips that are not rounded, or they would jump
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
