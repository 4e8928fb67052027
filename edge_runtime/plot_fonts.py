"""Draw names in any alphabet in plots: choose installed fonts that have their letters, and say what is missing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from edge_runtime.terminal import say
from edge_runtime.visible_text import visible

# Fonts that are looked into first, by the beginning of their name: each has thousands of letters of Chinese,
# Japanese and Korean in one style.
PREFERRED = ("Noto Sans CJK", "Noto Sans", "Source Han Sans", "WenQuanYi", "Droid Sans Fallback", "IPA", "Unifont")
# Fonts that have a box or nothing for every letter. Matplotlib brings the first with it.
BLANK = ("Last Resort", "LastResort", ".LastResort", "Adobe Blank", "Unicode BMP Fallback")
_UNDRAWN = ("Mn", "Me", "Cf", "Zs")  # marks are drawn onto the letter before, and these need no letter of their own


class Fonts(NamedTuple):
    """The fonts for some letters.

    Attributes:
        families: names of fonts, the first one that has a letter draws it.
        missing: the letters that no font has, sorted.
    """

    families: tuple[str, ...]
    missing: str


@contextmanager
def letters_drawn(texts: Iterable[str]) -> Iterator[None]:
    """Let Matplotlib draw these texts in the block. Letters that no font has become boxes, and people are told."""
    import matplotlib

    letters = {letter for text in texts for letter in visible(text)}
    found = fonts_for("".join(sorted(filter(_is_drawn, letters))))
    if found.missing:
        _say_missing(found.missing)
    with matplotlib.rc_context({"font.family": list(found.families)}):
        yield


@cache
def fonts_for(letters: str) -> Fonts:
    """Return the fonts that have these letters: the usual one, and others only for what it lacks."""
    from matplotlib import font_manager

    usual = font_manager.FontProperties()
    families = [font_manager.FontProperties(fname=font_manager.findfont(usual)).get_name()]
    missing = set(letters) - _letters_in(font_manager.findfont(usual))
    for path in _installed() if missing else ():
        gained = missing & _letters_in(path)
        name = font_manager.FontProperties(fname=path).get_name() if gained else ""
        if gained and not name.startswith(BLANK):
            font_manager.fontManager.addfont(path)  # one that was installed since Matplotlib last looked
            families.append(name)
            missing -= gained
        if not missing:
            break
    return Fonts(tuple(families), "".join(sorted(missing)))


def _installed() -> list[str]:
    """Return the paths of the installed fonts, those that are likely to help first."""
    from matplotlib import font_manager

    names = {entry.fname: entry.name for entry in font_manager.fontManager.ttflist}
    paths = {*names, *font_manager.findSystemFonts()}
    rank = {start: number for number, start in enumerate(PREFERRED)}

    def order(path: str) -> tuple[int, str]:
        name = names.get(path, "")
        return min((number for start, number in rank.items() if name.startswith(start)), default=len(rank)), path

    return sorted(paths, key=order)


def _letters_in(path: str) -> set[str]:
    """Return the letters that a font can draw. Matplotlib can draw none of a font of coloured emoji."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return set()
    return set(map(chr, font.get_charmap())) if font.scalable else set()


def _is_drawn(letter: str) -> bool:
    return unicodedata.category(letter) not in _UNDRAWN


@cache
def _say_missing(letters: str) -> None:
    say(
        f"note: no installed font has {letters[:40]}, so the plots show boxes there. Install a font that has them: "
        "for Chinese, Japanese and Korean the package fonts-noto-cjk, for others fonts-noto",
        err=True,
    )
