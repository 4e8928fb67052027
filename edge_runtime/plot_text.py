"""Names of somebody else's in plots."""

from __future__ import annotations

from edge_runtime.visible_text import visible

LETTERS = 30  # as many of a name fit above a picture of a sheet, and leave room beside a matrix


def plot_text(text: str, letters: int = LETTERS, *, end: bool = False) -> str:
    """Return a name for matplotlib: on one line, short, and no formula whatever its dollar signs.

    Args:
        text: the name.
        letters: the most letters to show, 2 or more; the others become one `…`.
        end: keep the end of a long name, as of a path, instead of its beginning.
    """
    line = visible(text)
    if len(line) > letters:
        line = f"…{line[1 - letters :]}" if end else f"{line[: letters - 1]}…"
    return line.replace("$", r"\$")  # which matplotlib shows as the sign alone
