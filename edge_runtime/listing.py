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
            such as `*.jpg` or `**/*.png`. What names nothing is passed on too, to be reported when it is opened.
        recursive: look in the folders of a folder too; links to folders are not followed.
    """
    for path in paths:
        if path != STANDARD_INPUT and os.path.isdir(path):
            yield from _in_folder(path, recursive)
        elif glob.has_magic(path) and not os.path.lexists(path):
            yield from sorted(glob.iglob(path, recursive=True)) or [path]
        else:
            yield path


def _in_folder(folder: str, recursive: bool) -> Iterator[str]:
    found = False
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(folders) if recursive else []
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                found = True
                yield os.path.join(parent, name)
    if not found:  # opening it will say that it is a folder
        yield folder
