"""From what a network gives to a score of every label."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Outputs = TypeVar("Outputs", bound=NDArray[Any])


def label_scores(outputs: Outputs) -> Outputs:
    """Return the score of every label, `(..., labels)`.

    Args:
        outputs: what the network gives, 0-1, `(..., outputs)`. One output is the score of the second of two labels.
    """
    if outputs.shape[-1] != 1:
        return outputs
    return np.concatenate([1 - outputs, outputs], axis=-1)  # type: ignore[return-value]


def possible_outputs(labels: int) -> tuple[int, ...]:
    """Return how many outputs a network of so many labels may have: one for each, or one sigmoid for two."""
    return (1, 2) if labels == 2 else (labels,)
