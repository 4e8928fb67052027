"""The two answers with a meaning of their own."""

from __future__ import annotations

from collections.abc import Sequence

NEITHER = "neither"  # the label of pictures that show none of the classes
UNSURE = "unsure"  # shown instead of a label whose score is below the confidence threshold; never a label itself


def shown(label: str, confident: bool) -> str:
    """Return what people are shown: the label, or `unsure`. Scripts get the label and `confident` apart."""
    return label if confident else UNSURE


def index_of_neither(labels: Sequence[str]) -> int | None:
    """Return the index of `neither`, or None where a model has no such label."""
    return labels.index(NEITHER) if NEITHER in labels else None
