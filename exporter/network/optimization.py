"""Fold a network and even out its channels, as far as it can be proved that no score changes.

Neither is needed: they make files faster and int8 files better. So what fails, or cannot be proved, is left out and
named, and the network is exported without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels
from exporter.network.equalization import Factors, even_out, find_factors
from exporter.network.folding import Folding, fold
from exporter.network.graph_copy import in_float64
from exporter.network.model import KerasScorer
from exporter.network.proof import Proof, prove

if TYPE_CHECKING:
    import keras

FOLDING, EVENING = "folding", "evening out the channels"
_NUDGE = 2.0**-24  # half a step of a float32 number of 1


@dataclass(frozen=True)
class Optimized:
    """A network that computes the same as before.

    Args:
        model: the network.
        folding: what was folded into its weights.
        evened: whether its channels were evened out.
        proof: how far that moved the scores.
        skipped: what was left out, each with the reason.
    """

    model: keras.Model
    folding: Folding
    evened: bool
    proof: Proof
    skipped: tuple[tuple[str, str], ...]


def optimize(
    scorer: KerasScorer, expected: NDArray[np.float64], pictures: Pixels, calibration: Pixels
) -> Optimized:
    """Return the network folded and with even channels, or as much of that as is proved.

    Args:
        scorer: scores the network.
        expected: what it gives the pictures, `float64 (N, labels)`.
        pictures: those of the proof, `uint8 (N, H, W, 3) RGB 0-255`.
        calibration: `uint8 (N, H, W, 3)` to measure the channels on.
    """
    skipped: list[tuple[str, str]] = []
    folding, even = Folding(scorer.model, (), ()), None
    factors: Factors = ()
    try:
        folding = fold(scorer.model)
    except Exception as error:  # whatever an unknown layer raises: the network does without
        skipped.append((FOLDING, unexpected(error)))
    try:
        factors = find_factors(folding.model, calibration)
        even = even_out(folding.model, factors) if factors else None
    except Exception as error:
        skipped.append((EVENING, unexpected(error)))
    attempts: list[tuple[str, keras.Model | None, Factors]] = [
        (EVENING, even, factors),
        (FOLDING, folding.model, ()),
    ]
    for what, model, given in attempts:
        if model is None or model is scorer.model:
            continue
        try:
            proof = _proved(scorer, expected, pictures, model, given)
        except Exception as error:
            skipped.append((what, unexpected(error)))
            continue
        if proof.holds:
            return Optimized(model, folding, what == EVENING, proof, tuple(skipped))
        skipped.append((what, str(proof)))
    left = folding.left if folding.model is scorer.model else ()
    return Optimized(scorer.model, Folding(scorer.model, (), left), False, Proof(0.0), tuple(skipped))


def unexpected(error: Exception) -> str:
    """Return an error as the reason of what was left out, in one line."""
    return f"it ended in {type(error).__name__}: {' '.join(str(error).split()):.200}"


def _proved(
    scorer: KerasScorer, expected: NDArray[np.float64], pictures: Pixels, model: keras.Model, factors: Factors
) -> Proof:
    """Compare a network with that of the scorer, and if need be both in float64, where it is made anew."""

    def exactly() -> tuple[keras.Model, keras.Model]:
        exact = in_float64(scorer.model)
        return exact, even_out(fold(exact).model, factors)

    return prove(
        expected, KerasScorer(model).scores(pictures), pictures, exactly, lambda some: _nudged(scorer, some)
    )


def _nudged(scorer: KerasScorer, pictures: Pixels) -> NDArray[np.float64]:
    """Return the scores of the network with every weight off by half a step, as other rounding leaves it."""
    weights = scorer.model.get_weights()
    signs = np.random.default_rng(0)
    nudged = [value * (1 + _NUDGE * signs.choice((-1, 1), value.shape)) for value in weights]
    try:
        scorer.model.set_weights(nudged)
        return scorer.scores(pictures)
    finally:
        scorer.model.set_weights(weights)
