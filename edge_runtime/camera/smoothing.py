"""Smooth scores over time, so that the label of a video does not flicker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from edge_runtime.commands.results import UNSURE


class Smoothed(NamedTuple):
    """The state after a frame: label or `unsure`, its average score, all averages, whether the label is new."""

    label: str
    confidence: float
    scores: dict[str, float]
    changed: bool


class Smoother:
    """An exponential average of scores, and a label with hysteresis.

    Another label must lead by `margin` to take over, and the label becomes `unsure` when its average falls
    `margin` below the confidence that it needed to be shown.
    """

    def __init__(self, *, half_life_s: float = 0.5, margin: float = 0.1, min_confidence: float = 0.0) -> None:
        """Start without a label.

        Args:
            half_life_s: age at which a score counts half, seconds; 0 for no smoothing.
            margin: lead that a change needs, 0-1.
            min_confidence: average below which no label is shown, 0-1.
        """
        self._half_life_s = half_life_s
        self._margin = margin
        self._min_confidence = min_confidence
        self._averages: dict[str, float] = {}
        self._label = ""
        self._time_s = 0.0

    def update(self, scores: Mapping[str, float], time_s: float) -> Smoothed:
        """Take in the scores of a frame.

        Args:
            scores: score of every label, 0-1, the same labels each time.
            time_s: when the frame came, seconds on any clock that does not go back.
        """
        kept = self._kept(time_s)
        old = self._averages or scores
        self._averages = {label: kept * old[label] + (1 - kept) * score for label, score in scores.items()}
        self._time_s = time_s
        before, self._label = self._label, self._next_label()
        best = max(self._averages.values())
        confidence = best if self._label == UNSURE else self._averages[self._label]
        return Smoothed(self._label, confidence, dict(self._averages), self._label != before)

    def _kept(self, time_s: float) -> float:
        """Return the share of the old averages that is kept after the time since the last frame."""
        if not self._half_life_s:
            return 0.0
        kept: float = 0.5 ** (max(0.0, time_s - self._time_s) / self._half_life_s)
        return kept

    def _next_label(self) -> str:
        best = max(self._averages, key=lambda label: self._averages[label])
        shown = best if self._averages[best] >= self._min_confidence else UNSURE
        if self._label in ("", UNSURE):
            return shown
        current = self._averages[self._label]
        if self._averages[best] - current > self._margin:
            return shown
        return UNSURE if current < self._min_confidence - self._margin else self._label
