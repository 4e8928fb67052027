"""Average scores over time, so that the label of a video does not flicker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from edge_runtime.bundle.labels import shown


class Smoothed(NamedTuple):
    """The state after a frame.

    Attributes:
        label: the label in force, or the one with the highest average score if no answer is sure yet.
        confident: whether a label is in force.
        confidence: average score of `label`, 0-1.
        scores: average score of each label, 0-1.
        changed: whether people see another answer than before: another label, or `unsure`.
    """

    label: str
    confident: bool
    confidence: float
    scores: dict[str, float]
    changed: bool


class Smoother:
    """An exponential average of scores, and a label that changes only for a clear reason.

    At most one label is in force. It stays in force until one of these happens:

    - The average of another label is higher by more than `margin`. The other label takes over if its average
      reaches the confidence threshold. If not, the answer is unsure.
    - Its own average falls more than `margin` below the confidence threshold. Then the answer is unsure.

    Either must be so for `agree` frames in a row. One frame that says otherwise starts the count again.
    """

    def __init__(
        self,
        *,
        half_life_s: float = 0.5,
        margin: float = 0.1,
        confidence_threshold: float = 0.0,
        agree: int = 1,
    ) -> None:
        """Start without a label.

        Args:
            half_life_s: age in seconds at which a score counts half as much as a new one; 0 for no smoothing.
                Default 0.5.
            margin: lead that another label needs to take over, 0-1. Default 0.1.
            confidence_threshold: average score that a label needs to come into force, 0-1. Default 0.
            agree: frames in a row that must ask for the same change before it is made, 1 or more. Default 1. Until
                the first change the answer is unsure.
        """
        self._half_life_s = half_life_s
        self._margin = margin
        self._confidence_threshold = confidence_threshold
        self._averages: dict[str, float] = {}
        self._label = ""  # in force; empty while the answer is unsure
        self._agree = agree
        self._asked, self._asked_frames = "", 0  # the change that the last frames ask for, and how many they are
        self._shown = ""
        self._time_s = 0.0

    def update(self, scores: Mapping[str, float], time_s: float) -> Smoothed:
        """Add the scores of a frame and return the new state.

        Args:
            scores: the score of each label, 0-1. The labels must be the same each time.
            time_s: when the frame came, in seconds on any clock that does not go back.
        """
        kept = self._kept(time_s)
        old = self._averages or scores
        self._averages = {label: kept * old[label] + (1 - kept) * score for label, score in scores.items()}
        self._time_s = time_s
        self._label = self._agreed(self._next_label())
        confident = bool(self._label)
        label = self._label or self._best()
        before, self._shown = self._shown, shown(label, confident)
        return Smoothed(label, confident, self._averages[label], dict(self._averages), self._shown != before)

    def _agreed(self, wanted: str) -> str:
        """Return the label that is in force now, after one more frame that asks for `wanted`."""
        if wanted == self._label:
            self._asked_frames = 0
            return wanted
        self._asked_frames = self._asked_frames + 1 if wanted == self._asked else 1
        self._asked = wanted
        if self._asked_frames < self._agree:
            return self._label
        self._asked_frames = 0
        return wanted

    def _kept(self, time_s: float) -> float:
        """Return how much the old averages still count, 0-1, after the time since the last frame."""
        if not self._half_life_s:
            return 0.0
        kept: float = 0.5 ** (max(0.0, time_s - self._time_s) / self._half_life_s)
        return kept

    def _best(self) -> str:
        return max(self._averages, key=lambda label: self._averages[label])

    def _next_label(self) -> str:
        best = self._best()
        candidate = best if self._averages[best] >= self._confidence_threshold else ""
        if not self._label:
            return candidate
        current = self._averages[self._label]
        if self._averages[best] - current > self._margin:
            return candidate
        return "" if current < self._confidence_threshold - self._margin else self._label
