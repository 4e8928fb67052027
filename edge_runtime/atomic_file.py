"""Write a file completely or not at all, and make sure that it is on the disk.

A rename alone does not survive a power cut, because the name can reach the disk before the content. So there are
three steps: sync the content, give the file its name, sync the folder.

Source: fsync(2), rename(2); T. S. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(target: Path, content: bytes) -> None:
    """Write a file. A power cut or a full disk leaves the old file or the new one, and never a part.

    Args:
        target: path of the file. An old file is replaced.
        content: the bytes of the whole file.

    Raises:
        OSError: the file cannot be written. The old file is unchanged.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        replace_file(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def replace_file(partial: Path, target: Path) -> None:
    """Give a finished file its name: sync the file, rename it, sync the folder."""
    sync_file(partial)
    os.replace(partial, target)
    sync_file(target.parent)


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk, or the names in a folder are."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
