"""Turn the outputs of a network into a score for each label. Two labels may share one output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Outputs = TypeVar("Outputs", bound=NDArray[Any])


def label_scores(outputs: Outputs) -> Outputs:
    """Return the score of each label.

    Args:
        outputs: the outputs of the network, `(..., outputs)`, 0-1. A single output is the score of the second of
            two labels. The first label gets the rest to 1.

    Returns:
        `(..., labels)`, 0-1.
    """
    if outputs.shape[-1] != 1:
        return outputs
    import numpy as np  # here, because choosing a file needs no NumPy

    return np.concatenate([1 - outputs, outputs], axis=-1)  # type: ignore[return-value]


def possible_outputs(labels: int) -> tuple[int, ...]:
    """Return the numbers of outputs that a network may have: one for each label, or also a single one for two."""
    return (1, 2) if labels == 2 else (labels,)
