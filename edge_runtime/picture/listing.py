"""Find the pictures that a command line names.

A name can be a file, a folder, a pattern, or `-` for standard input.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

STANDARD_INPUT = "-"
# The endings of pictures in a folder. HEIC needs an extra; without it the user should see an error and not silence.
# fmt: off
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".heic", ".heif", ".jp2", ".j2k", ".pbm", ".pgm", ".ppm", ".pnm", ".tga",
)
# fmt: on
_WILD = frozenset("*?[")  # what makes a pattern


def list_pictures(paths: Iterable[str], *, recursive: bool = False) -> Iterator[str]:
    """Yield the path of each picture.

    - A file or `-` is yielded as it is, whatever its name ends in.
    - A folder gives its pictures, sorted by name. A picture is known by the ending of its name.
    - A pattern such as `*.jpg`, `pets/*` or `**/*.png` gives the files and folders that match it.
    - A name that matches nothing and a folder that cannot be read are yielded as they are. Opening them will report
      the error.

    Args:
        paths: files, folders, patterns, and `-`.
        recursive: whether to search the folders inside a folder too. Links to folders are not followed. Default no.

    Yields:
        The path of a picture, or `-`.
    """
    for path in paths:
        if path != STANDARD_INPUT and os.path.isdir(path):
            yield from _in_folder(path, recursive)
        elif _WILD.intersection(path) and not os.path.lexists(path):
            yield from _matching(path, recursive)
        else:
            yield path


def _matching(pattern: str, recursive: bool) -> Iterator[str]:
    import glob  # here, because it compiles patterns of its own and few use it

    found: dict[str, None] = {}  # each path once: `**` matches a folder and also the files in it
    for path in sorted(glob.iglob(pattern, recursive=True)):
        if not os.path.isdir(path):
            found[path] = None
        elif os.path.basename(pattern) != "**":
            found |= dict.fromkeys(_in_folder(path, recursive))
    yield from found or [pattern]


def _in_folder(folder: str, recursive: bool) -> Iterator[str]:
    found, unreadable = False, list[OSError]()
    for parent, folders, names in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(folders) if recursive else []
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                found = True
                yield os.path.join(parent, name)
    # Opening these paths will report what is wrong with them.
    if unreadable:
        yield from (error.filename for error in unreadable)
    elif not found:
        yield folder
