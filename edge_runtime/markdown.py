"""Write the parts that the Markdown reports of all packages share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SAMPLE_WARNING = (
    "> Trained and tested on the generated sample set: drawings that catdog makes itself. "
    "No figure here says anything about accuracy on photographs.\n"
)

# Characters with a meaning in Markdown, its tables or HTML. An underscore has one only at an edge of a word.
_SPECIAL = re.compile(r"[\\`*\[\]<>&|~]|(?<!\w)_|_(?!\w)")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. The first column is aligned left, the others right."""
    lines = [header, ("---",) + ("---:",) * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def literal(text: str) -> str:
    """Escape a foreign label or name for Markdown, so that readers see exactly its characters.

    The result is one line. A character that UTF-8 cannot write is shown as its code.
    """
    writable = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(writable.split()))


def code(text: str) -> str:
    """Escape a foreign label or name as `literal` does, and set it in the letters of code."""
    shown = literal(text)
    return f"`{text}`" if shown == text else f"<code>{shown}</code>"
