"""Write the parts that the Markdown reports of all packages share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from edge_runtime.visible_text import visible

SAMPLE_WARNING = (
    "> Trained and tested on the generated sample set: drawings that catdog makes itself. "
    "No figure here says anything about accuracy on photographs.\n"
)

_FIGURES = r"\[[-+\d.,% ]+\](?![(\[:])"  # an interval or a shape, such as [96.1%, 98.5%]: no link
# Characters with a meaning in Markdown, its tables, formulas or HTML. An underscore has one only at an edge of a
# word. Spaces where they would be lost, and what makes a list, heading or address.
_SPECIAL = re.compile(
    rf"{_FIGURES}|[\\`*\[\]<>&|~$@]|(?<!\w)_|_(?!\w)"
    r"|^ | $| (?= )"
    r"|^[-+](?=[\s-]|$)|^[=#]|#(?=#*$)|^\d(?=\d*[.)](?:\s|$))"
    r"|:(?=//)|\.(?<=\bwww\.)"
)


class Markdown(str):
    """Text that is Markdown already. `table` escapes any other text."""

    __slots__ = ()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. The first column is aligned left, the others right.

    A cell is escaped as `literal` does, unless it is `Markdown` already.
    """
    lines = [header, ("---",) + ("---:",) * (len(header) - 1), *rows]
    rule = lines[1]
    return "\n".join("| " + " | ".join(line if line is rule else map(_cell, line)) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text if isinstance(text, Markdown) else literal(text)


def literal(text: str) -> Markdown:
    """Escape a foreign label or name for Markdown, so that readers see exactly its characters.

    The result is one line. Control characters and what UTF-8 cannot write are shown as escapes.
    """
    return Markdown(_SPECIAL.sub(_reference, visible(text)))


def code(text: str) -> Markdown:
    """Escape a foreign label or name as `literal` does, and set it in the letters of code."""
    shown = literal(text)
    return Markdown(f"`{text}`" if text and shown == text else f"<code>{shown}</code>")


def bold(text: str) -> Markdown:
    """Escape a foreign text as `literal` does, and set it in bold."""
    return Markdown(f"**{literal(text)}**")


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};" if len(found[0]) == 1 else found[0]
