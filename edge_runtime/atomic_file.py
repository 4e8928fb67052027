"""Write a file whole or not at all, and have it on the disk before anything says that it is done.

A rename alone does not survive a power cut: the name can reach the disk before the content does. So the content is
synced, then the file gets its name, then its folder is synced.

Source: fsync(2), rename(2); T. S. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(target: Path, content: bytes) -> None:
    """Write a file. A power cut or a full disk leaves the old file or the new one, never a part.

    Args:
        target: the file; an old one is replaced.
        content: all of its bytes.

    Raises:
        OSError: it cannot be written; the old file is as it was.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        replace_file(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def replace_file(partial: Path, target: Path) -> None:
    """Give a finished file its name: sync it, rename it, sync the folder."""
    sync_file(partial)
    os.replace(partial, target)
    sync_file(target.parent)


def sync_file(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
