"""Files and folders that are not used, why, and the few lines that tell people of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

_NAMED = 20  # of each list that people see; the others are counted


class Cause(StrEnum):
    """Why a file or folder is left out. docs/reference/picture-folders.md explains each."""

    LITTER = "litter"
    LINK = "link"
    NO_PICTURE = "no picture"
    NO_CLASS = "no class"
    NO_SIDE = "no side"
    UNREADABLE = "unreadable"
    TWO_CLASSES = "two classes"
    COPY = "copy"
    TEST_PICTURE = "test picture"
    SURPLUS = "surplus"


class LeftOut(NamedTuple):
    """A file or folder that is left out.

    Attributes:
        path: relative to the folder of pictures, with forward slashes.
        cause: the kind of reason.
        reason: the reason in words.
    """

    path: str
    cause: Cause
    reason: str


SURPLUS = "over the number of pictures per class"
# What is no fault of a picture, by the words that count it.
_COUNTED = {
    Cause.LITTER: "of computers and programs, and hidden ones",
    Cause.SURPLUS: SURPLUS,
}


def from_words(path: str, reason: str) -> LeftOut:
    """Return an entry of a run folder, which keeps the reason only in words. Other than counted causes are one."""
    starts = {"belongs to": Cause.LITTER, "is hidden": Cause.LITTER, SURPLUS: Cause.SURPLUS}
    cause = next((cause for start, cause in starts.items() if reason.startswith(start)), Cause.UNREADABLE)
    return LeftOut(path, cause, reason)


def is_fault(item: LeftOut) -> bool:
    """Say whether people should look at it: neither litter nor a picture over the number per class."""
    return item.cause not in _COUNTED


def in_short(left_out: Iterable[LeftOut], where: str, *, most: int = _NAMED, word: str = "left out") -> list[str]:
    """Return the lines that tell people what was left out: the first few by name, the others by number.

    Args:
        left_out: what was left out.
        where: where all of it is listed, such as `splits.json`.
        most: how many to name. Default 20.
        word: the word before each. Default `left out`.
    """
    items = list(left_out)
    faults = list(filter(is_fault, items))
    lines = [f"{word}: {item.path}: {item.reason}" for item in faults[:most]]
    if len(faults) > most:
        lines.append(f"{word}: {len(faults) - most:,} more, see {where}")
    for cause, words in _COUNTED.items():
        same = [item for item in items if item.cause is cause]
        if same:
            lines.append(f"{word}: {len(same):,} {words}, such as {same[0].path}; see {where}")
    return lines
