"""Markdown that reports share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SAMPLE_WARNING = (
    "> Trained and checked on the generated sample set: drawings made by catdog itself. "
    "No figure here says anything about accuracy on photographs.\n"
)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left and the others to the right."""
    lines = [header, ("---",) + ("---:",) * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
