"""What the reports of all packages write in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SAMPLE_WARNING = (
    "> Trained and tested on the generated sample set: drawings that catdog makes itself. "
    "No figure here says anything about accuracy on photographs.\n"
)

# What Markdown, its tables or HTML take for their own; an underscore only at the end of a word.
_SPECIAL = re.compile(r"[\\`*\[\]<>&|~]|(?<!\w)_|_(?!\w)")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. The first column is set to the left, the others to the right."""
    lines = [header, ("---",) + ("---:",) * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def literal(text: str) -> str:
    """Return a label or name of somebody else's for Markdown, so that readers see its characters and nothing else.

    It stays on one line, and what UTF-8 cannot write is shown as its code.
    """
    writable = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(writable.split()))


def code(text: str) -> str:
    """Return the same in the letters of code."""
    shown = literal(text)
    return f"`{text}`" if shown == text else f"<code>{shown}</code>"
