r"""Names of somebody else's as people may see them: what has no shape of its own is shown as its escape.

Labels, bundles, files and layers have names. Each medium has one function that makes a name harmless in it:

    people at a terminal   terminal.say
    Markdown               markdown.literal, markdown.code, and the cells of markdown.table
    HTML                   html_page.html_text
    plots                  plot_text.plot_text, drawn in plot_fonts.letters_drawn
    CSV                    csv_row.csv_row and label_columns; like JSON it is for scripts and keeps every character
"""

from __future__ import annotations

_JOINERS = "\u200c\u200d"  # join and part the letters of Persian or Hindi, and the parts of an emoji
_SHAPELESS = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format (bidi marks are of these), no Unicode, line ends


def visible(text: str) -> str:
    r"""Return a text on one line, in which control, format and line characters are escapes such as `\n`, `\x1b`.

    A second call changes nothing: backslashes stay as they are. So the result cannot be turned back without doubt.
    """
    if text.isprintable():  # nearly always
        return text
    return "".join(map(_shown, " " + text, text))


def exact_bytes(text: str, encoding: str = "utf-8") -> bytes:
    """Return a text for scripts. A file name that is no Unicode becomes the bytes that it is on disk."""
    try:
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:  # half a letter, which only JSON can say
        return text.encode(encoding, "backslashreplace")


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: a letter of Chinese or an emoji takes two, a mark none."""
    if text.isascii():  # nearly always
        return len(text)
    from unicodedata import combining, east_asian_width  # here, because few names need it

    return sum(0 if combining(letter) else 1 + (east_asian_width(letter) in "WF") for letter in text)


def padded(text: str, width: int) -> str:
    """Return a text with spaces behind it, so that it takes `width` cells of a terminal or more."""
    return text + " " * (width - cells(text))


def _shown(before: str, letter: str) -> str:
    from unicodedata import category  # here, because few names need it

    joins = letter in _JOINERS and before > "\x7f" and before not in _JOINERS
    if joins or category(letter) not in _SHAPELESS:
        return letter
    return letter.encode("unicode_escape").decode()
