"""Find the pictures that a command line names.

A name can be a file, a folder, a pattern, or `-` for standard input.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.picture.left_out import LeftOut

STANDARD_INPUT = "-"
# The endings of pictures in a folder. HEIC needs an extra; without it the user should see an error and not silence.
# fmt: off
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".heic", ".heif", ".jp2", ".j2k", ".pbm", ".pgm", ".ppm", ".pnm", ".tga",
)
# fmt: on
_WILD = frozenset("*?[")  # what makes a pattern


def list_pictures(
    paths: Iterable[str], *, recursive: bool = False, tell: Callable[[LeftOut], None] = lambda item: None
) -> Iterator[str]:
    """Yield the path of each picture.

    - A file or `-` is yielded as it is, whatever its name ends in.
    - A folder gives its pictures, sorted by name. A picture is known by the ending of its name, or else by its
      first bytes. What systems and programs leave in folders is no picture.
    - A pattern such as `*.jpg`, `pets/*` or `**/*.png` gives the files and folders that match it.
    - A name that matches nothing and a folder that cannot be read are yielded as they are. Opening them will report
      the error.

    Args:
        paths: files, folders, patterns, and `-`.
        recursive: whether to search the folders inside a folder too. Links to folders are not followed. Default no.
        tell: called with what a folder holds besides pictures. Default: nobody is told.

    Yields:
        The path of a picture, or `-`.
    """
    for path in paths:
        if path != STANDARD_INPUT and os.path.isdir(path):
            yield from _in_folder(path, recursive, tell)
        elif _WILD.intersection(path) and not os.path.lexists(path):
            yield from _matching(path, recursive, tell)
        else:
            yield path


def _matching(pattern: str, recursive: bool, tell: Callable[[LeftOut], None]) -> Iterator[str]:
    import glob  # here, because it compiles patterns of its own and few use it

    found: dict[str, None] = {}  # each path once: `**` matches a folder and also the files in it
    for path in sorted(glob.iglob(pattern, recursive=True)):
        if not os.path.isdir(path):
            found[path] = None
        elif os.path.basename(pattern) != "**":
            found |= dict.fromkeys(_in_folder(path, recursive, tell))
    yield from found or [pattern]


def _in_folder(folder: str, recursive: bool, tell: Callable[[LeftOut], None]) -> Iterator[str]:
    from edge_runtime.picture.left_out import Cause, LeftOut
    from edge_runtime.picture.tree import walk  # here, because most commands name no folder

    found, unreadable = False, list[str]()
    for item in walk(folder, recursive=recursive):
        if not isinstance(item, LeftOut):
            found = True
            yield item
        elif item.cause is Cause.UNREADABLE:
            unreadable.append(item.path)
        else:
            tell(item)
    # Opening these paths will report what is wrong with them.
    if unreadable:
        yield from unreadable
    elif not found:
        yield folder
