"""Prove that a change of a network changed no score, against the network's own rounding.

The layers of a deep network add up their rounding: in float32 MobileNetV2 gives other scores by 1e-5 when its sums
are taken in another order. So a difference that is larger than that of a shallow network is looked at in float64,
where the rounding is a billion times smaller and a wrong fold is as large as before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.scores import label_scores
from edge_runtime.picture.preprocessing import Pixels

if TYPE_CHECKING:
    import keras

MAX_DIFFERENCE = 1e-5  # of scores 0-1, for which no further proof is asked
MAX_EXACT = 1e-7  # of scores in float64
MOST_ROUNDING = 10  # times the network's own rounding. The change has fewer or more sums to round
EXACT_PICTURES = 16  # float64 is slow, and a fold is wrong for every picture or for none

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Proof:
    """How far a change moved the scores, 0-1.

    Args:
        difference: most that a score moved.
        exact: the same in float64; None if it was not looked at, or cannot be.
        rounding: how far the network's own scores are from exact ones; None if it was not looked at.
    """

    difference: float
    exact: float | None = None
    rounding: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the change is proved to change nothing."""
        if self.difference <= MAX_DIFFERENCE:  # nan compares as false
            return True
        if self.rounding is None or not self.difference <= MOST_ROUNDING * self.rounding:
            return False
        return self.exact is None or self.exact <= MAX_EXACT

    def __str__(self) -> str:
        """Return what was found, as part of a sentence."""
        if self.rounding is None:
            return f"it moved a score by {self.difference:.2g}, expected at most {MAX_DIFFERENCE:.0g}"
        exact = "" if self.exact is None else f", in float64 by {self.exact:.2g}"
        own = f"and the network's own rounding is {self.rounding:.2g}"
        return f"it moved a score by {self.difference:.2g}{exact}, {own}"


def prove(
    before: Scores,
    after: Scores,
    pictures: Pixels,
    exactly: Callable[[], tuple[keras.Model, keras.Model]],
    otherwise: Callable[[Pixels], Scores],
) -> Proof:
    """Compare scores from before and after a change of a network.

    Args:
        before: scores of the pictures, `float64 (N, labels)`, computed in float32.
        after: the same after the change.
        pictures: `uint8 (N, H, W, 3) RGB 0-255`.
        exactly: makes both networks in float64. It is called if the scores differ.
        otherwise: scores pictures with the network as it was, rounded in another way. It is called if the network
            cannot be made in float64.
    """
    difference = float(np.abs(before - after).max())
    if difference <= MAX_DIFFERENCE or not np.isfinite(difference):
        return Proof(difference)
    some = pictures[:EXACT_PICTURES]
    try:
        first, second = (exact_scores(model, some) for model in exactly())
    except Exception:  # a layer of the user's own may know float32 alone
        return Proof(difference, rounding=float(np.abs(otherwise(some) - before[: len(some)]).max()))
    rounding = float(np.abs(first - before[: len(some)]).max())
    return Proof(difference, float(np.abs(first - second).max()), rounding)


def exact_scores(model: keras.Model, pictures: Pixels) -> Scores:
    """Return the scores that a model in float64 gives, `float64 (N, labels)`."""
    return label_scores(np.asarray(model(pictures.astype(np.float64), training=False), np.float64))
