"""What the reports of all packages write in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from edge_runtime.visible_text import visible

SAMPLE_WARNING = (
    "> Trained and tested on the generated sample set: drawings that catdog makes itself. "
    "No figure here says anything about accuracy on photographs.\n"
)

_FIGURES = r"\[[-+\d.,% ]+\](?![(\[:])"  # an interval or a shape, such as [96.1%, 98.5%]: no link
# What Markdown, its tables, formulas or HTML take for their own. An underscore only at the end of a word, spaces
# where they would be lost, and what makes a list, heading or address.
_SPECIAL = re.compile(
    rf"{_FIGURES}|[\\`*\[\]<>&|~$@]|(?<!\w)_|_(?!\w)"
    r"|^ | $| (?= )"
    r"|^[-+](?=[\s-]|$)|^[=#]|#(?=#*$)|^\d(?=\d*[.)](?:\s|$))"
    r"|:(?=//)|\.(?<=\bwww\.)"
)


class Markdown(str):
    """A text that is Markdown already. `table` takes any other text for somebody else's."""

    __slots__ = ()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. The first column is set to the left, the others to the right.

    A cell is shown letter by letter, unless it is `Markdown`.
    """
    lines = [header, ("---",) + ("---:",) * (len(header) - 1), *rows]
    rule = lines[1]
    return "\n".join("| " + " | ".join(line if line is rule else map(_cell, line)) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text if isinstance(text, Markdown) else literal(text)


def literal(text: str) -> Markdown:
    """Return a label or name of somebody else's for Markdown, so that readers see its characters and nothing else.

    It stays on one line; control characters and what is no Unicode are shown as their escapes.
    """
    return Markdown(_SPECIAL.sub(_reference, visible(text)))


def code(text: str) -> Markdown:
    """Return the same in the letters of code."""
    shown = literal(text)
    return Markdown(f"`{text}`" if text and shown == text else f"<code>{shown}</code>")


def bold(text: str) -> Markdown:
    """Return the same in bold."""
    return Markdown(f"**{literal(text)}**")


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};" if len(found[0]) == 1 else found[0]
