"""The two special answers: `neither`, which is a label, and `unsure`, which is none."""

from __future__ import annotations

from collections.abc import Sequence

NEITHER = "neither"  # the label of a picture that shows none of the classes
UNSURE = "unsure"  # what people see when the best score is below the confidence threshold; no label has this name


def shown(label: str, confident: bool) -> str:
    """Return the word for people: the label, or `unsure`. Scripts get `label` and `confident` instead."""
    return label if confident else UNSURE


def index_of_neither(labels: Sequence[str]) -> int | None:
    """Return the index of `neither`, or None when the model has no such label."""
    return labels.index(NEITHER) if NEITHER in labels else None
