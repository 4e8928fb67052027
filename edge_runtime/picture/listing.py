"""Find the pictures that a command line names: files, folders, patterns, and `-` for standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator

STANDARD_INPUT = "-"
# In folders only. HEIC is not read, but it is a picture: better an error than silence.
# fmt: off
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".heic", ".heif", ".jp2", ".j2k", ".pbm", ".pgm", ".ppm", ".pnm", ".tga",
)
# fmt: on


def list_pictures(paths: Iterable[str], *, recursive: bool = False) -> Iterator[str]:
    """Yield the picture paths that `paths` stand for, folders sorted by name.

    Args:
        paths: files and `-`, passed on as they are; folders, for the pictures in them by suffix; and patterns
            such as `*.jpg`, `pets/*` or `**/*.png`. What names nothing, and a folder that cannot be read, are
            passed on too, to be reported when they are opened.
        recursive: look in the folders of a folder too; links to folders are not followed.
    """
    for path in paths:
        if path != STANDARD_INPUT and os.path.isdir(path):
            yield from _in_folder(path, recursive)
        elif glob.has_magic(path) and not os.path.lexists(path):
            yield from _matching(path, recursive)
        else:
            yield path


def _matching(pattern: str, recursive: bool) -> Iterator[str]:
    found: dict[str, None] = {}  # each once: `**` matches a folder and what is in it
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
    # Opening them will say what is wrong with them.
    if unreadable:
        yield from (error.filename for error in unreadable)
    elif not found:
        yield folder
