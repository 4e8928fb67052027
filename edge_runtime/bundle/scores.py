"""From the outputs of a network to a score for every label: the rule of one output for two labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Outputs = TypeVar("Outputs", bound=NDArray[Any])


def label_scores(outputs: Outputs) -> Outputs:
    """Return the score of every label, `(..., labels)`.

    Args:
        outputs: what the network gives, 0-1, `(..., outputs)`. A single output is the score of the second of two
            labels, and the first label has the rest.
    """
    if outputs.shape[-1] != 1:
        return outputs
    import numpy as np  # not above: files are chosen before NumPy is loaded

    return np.concatenate([1 - outputs, outputs], axis=-1)  # type: ignore[return-value]


def possible_outputs(labels: int) -> tuple[int, ...]:
    """Return how many outputs a network of so many labels may have: one for each label, or a single one for two."""
    return (1, 2) if labels == 2 else (labels,)
