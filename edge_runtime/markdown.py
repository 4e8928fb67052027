"""What the reports of all packages write in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SAMPLE_WARNING = (
    "> Trained and tested on the generated sample set: drawings that catdog makes itself. "
    "No figure here says anything about accuracy on photographs.\n"
)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. The first column is set to the left, the others to the right."""
    lines = [header, ("---",) + ("---:",) * (len(header) - 1), *rows]
    # A `|` of a label would end its cell.
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"
