"""Go through a folder of pictures: which files count, and what is left out. The rules are the same everywhere.

docs/reference/picture-folders.md explains them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterator
from typing import NamedTuple

from edge_runtime.bounded_file import open_at_once
from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.picture.listing import SUFFIXES
from edge_runtime.picture.signatures import format_of

# What systems and programs leave in folders, by its name in lower case. Names that begin with a dot follow below.
LITTER = {
    "__macosx": "macOS",
    "icon\r": "macOS",
    "thumbs.db": "Windows",
    "ehthumbs.db": "Windows",
    "ehthumbs_vista.db": "Windows",
    "desktop.ini": "Windows",
    "$recycle.bin": "Windows",
    "system volume information": "Windows",
    "@eadir": "a network drive",
    "#recycle": "a network drive",
    "lost+found": "Linux",
    "__pycache__": "Python",
}
# The first that fits counts; the last one fits every hidden name.
HIDDEN = (
    (".ipynb_checkpoints", "Jupyter"),
    (".ds_store", "macOS"),
    ("._", "macOS"),
    (".appledouble", "macOS"),
    (".spotlight-", "macOS"),
    (".trash", "a trash"),
    (".fseventsd", "macOS"),
    (".git", "git"),
    (".", ""),
)

# Formats that are known without an ending. The first bytes of the others fit a text or a camera's raw file too.
BY_CONTENT = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIC", "JPEG2000")

_LINK = "is a link to a folder, which is not followed. Put the folder itself there, or links to its files"


class Scan(NamedTuple):
    """What lies directly in a folder. Each list is sorted by name.

    Attributes:
        folders: paths of folders.
        linked: paths of links to folders.
        pictures: paths of files that are pictures, as far as their name or first bytes tell.
        left_out: everything else, with its path as it was found.
    """

    folders: list[str]
    linked: list[str]
    pictures: list[str]
    left_out: list[LeftOut]


def litter_reason(name: str) -> str:
    """Return why a file or folder of this name is no picture of anybody's; empty if it may be one."""
    small = name.lower()
    if small in LITTER:
        return f"belongs to {LITTER[small]}"
    if not name.startswith("."):
        return ""
    owner = next(owner for start, owner in HIDDEN if small.startswith(start))
    return f"belongs to {owner}" if owner else "is hidden: its name begins with a dot"


def scan(folder: str) -> Scan:
    """Return what lies directly in a folder. A folder that cannot be opened is left out itself."""
    found = Scan([], [], [], [])
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                _sort_in(entry, found)
    except OSError as error:
        found.left_out.append(LeftOut(folder, Cause.UNREADABLE, f"cannot be opened ({error.strerror})"))
    return found


def walk(folder: str, *, recursive: bool = True, into: Container[str] = ()) -> Iterator[str | LeftOut]:
    """Yield the path of each picture in a folder, and what is left out.

    The pictures of a folder come first, sorted, then those of its sub-folders. Links to folders are not followed.

    Args:
        folder: the folder.
        recursive: whether to look into sub-folders too. Default yes.
        into: paths of links to folders that are followed all the same. Default none.
    """
    waiting = [folder]
    while waiting:
        found = scan(waiting.pop())
        yield from found.pictures
        yield from found.left_out
        if recursive:
            followed = [path for path in found.linked if path in into]
            yield from (LeftOut(path, Cause.LINK, _LINK) for path in found.linked if path not in into)
            waiting += sorted((*found.folders, *followed), reverse=True)


def _sort_in(entry: os.DirEntry[str], found: Scan) -> None:
    """Put an entry of a folder where it belongs."""
    reason = litter_reason(entry.name)
    if reason:
        found.left_out.append(LeftOut(entry.path, Cause.LITTER, reason))
    elif entry.is_dir(follow_symlinks=False):
        found.folders.append(entry.path)
    elif entry.is_symlink() and not os.path.exists(entry.path):
        found.left_out.append(LeftOut(entry.path, Cause.UNREADABLE, "is a link to nothing"))
    elif entry.is_symlink() and os.path.isdir(entry.path):
        found.linked.append(entry.path)
    elif entry.name.lower().endswith(SUFFIXES):
        found.pictures.append(entry.path)
    elif reason := _foreign_reason(entry.path):
        found.left_out.append(LeftOut(entry.path, Cause.NO_PICTURE, reason))
    else:
        found.pictures.append(entry.path)


def _foreign_reason(path: str) -> str:
    """Return why a file without the ending of a picture is none; empty if its first bytes are those of one."""
    try:
        with open(path, "rb", opener=open_at_once) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and format_of(file, status.st_size) in BY_CONTENT:
                return ""
    except OSError as error:
        return f"is no picture by its name, and cannot be read ({error.strerror})"
    return "is no picture, by its name and by its first bytes"
