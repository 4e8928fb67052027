"""Write the parts that the Markdown reports of all packages share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SAMPLE_WARNING = (
    "> Trained and tested on the generated sample set: drawings that catdog makes itself. "
    "No figure here says anything about accuracy on photographs.\n"
)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. The first column is aligned left, the others right."""
    lines = [header, ("---",) + ("---:",) * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
