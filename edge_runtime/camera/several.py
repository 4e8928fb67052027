"""Smooth the scores of a bundle whose pictures may show several labels, so that no label flickers."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.camera.smoothing import Smoothed, Smoother


class SeveralSmoother:
    """An exponential average of scores, and a set of labels that changes only for a clear reason.

    A label comes into force when its average reaches its threshold. It stays until its average falls more than
    `margin` below. People see the labels in force with `;` between them, or `unsure` if there is none.
    """

    def __init__(self, thresholds: Mapping[str, float], *, half_life_s: float = 0.5, margin: float = 0.1) -> None:
        """Start without a label.

        Args:
            thresholds: for each label the average score that it needs to come into force, 0-1.
            half_life_s: age in seconds at which a score counts half as much as a new one; 0 for no smoothing.
                Default 0.5.
            margin: how far below its threshold a label stays in force, 0-1. Default 0.1.
        """
        self._thresholds, self._margin = thresholds, margin
        self._average = Smoother(half_life_s=half_life_s)
        self._in_force: frozenset[str] | None = None

    def update(self, scores: Mapping[str, float], time_s: float) -> Smoothed:
        """Add the scores of a frame and return the new state.

        Args:
            scores: the score of each label, 0-1. The labels must be the same each time.
            time_s: when the frame came, in seconds on any clock that does not go back.
        """
        averages = self._average.update(scores, time_s).scores
        before = self._in_force
        kept = before or frozenset()
        self._in_force = frozenset(
            label
            for label, score in averages.items()
            if score >= self._thresholds[label] - (self._margin if label in kept else 0)
        )
        shown = sorted(self._in_force, key=lambda label: -averages[label])
        best = shown[0] if shown else max(averages, key=lambda label: averages[label])
        return Smoothed(
            ";".join(shown) or best,
            bool(shown),
            averages[best],
            averages,
            before is None or self._in_force != before,
        )
