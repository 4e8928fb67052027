"""Smooth the scores of a bundle whose pictures may show several labels, so that no label flickers."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.camera.smoothing import Smoothed, Smoother


class SeveralSmoother:
    """An exponential average of scores, and a set of labels that changes only for a clear reason.

    A label comes into force when its average reaches its threshold. It stays until its average falls more than
    `margin` below. People see the labels in force with `;` between them, or `unsure` if there is none.
    """

    def __init__(
        self, thresholds: Mapping[str, float], *, half_life_s: float = 0.5, margin: float = 0.1, agree: int = 1
    ) -> None:
        """Start without a label.

        Args:
            thresholds: for each label the average score that it needs to come into force, 0-1.
            half_life_s: age in seconds at which a score counts half as much as a new one; 0 for no smoothing.
                Default 0.5.
            margin: how far below its threshold a label stays in force, 0-1. Default 0.1.
            agree: frames in a row that must ask for the same labels before these come into force, 1 or more.
                Default 1.
        """
        self._thresholds, self._margin, self._agree = thresholds, margin, agree
        self._average = Smoother(half_life_s=half_life_s)
        self._in_force: frozenset[str] = frozenset()
        self._asked, self._asked_frames = self._in_force, 0  # what the last frames ask for, and how many they are
        self._told: frozenset[str] | None = None

    def update(self, scores: Mapping[str, float], time_s: float) -> Smoothed:
        """Add the scores of a frame and return the new state.

        Args:
            scores: the score of each label, 0-1. The labels must be the same each time.
            time_s: when the frame came, in seconds on any clock that does not go back.
        """
        averages = self._average.update(scores, time_s).scores
        self._in_force = self._agreed(
            frozenset(label for label, score in averages.items() if score >= self._least(label))
        )
        before, self._told = self._told, self._in_force
        shown = sorted(self._in_force, key=lambda label: -averages[label])
        best = shown[0] if shown else max(averages, key=lambda label: averages[label])
        return Smoothed(";".join(shown) or best, bool(shown), averages[best], averages, self._in_force != before)

    def _least(self, label: str) -> float:
        """Return the average that a label needs to be in force from now on."""
        return self._thresholds[label] - (self._margin if label in self._in_force else 0)

    def _agreed(self, wanted: frozenset[str]) -> frozenset[str]:
        """Return the labels that are in force now, after one more frame that asks for `wanted`."""
        self._asked_frames = self._asked_frames + 1 if wanted == self._asked else 1
        self._asked = wanted
        return wanted if self._asked_frames >= self._agree else self._in_force
