"""Write a folder whole or not at all, and replace nothing that is not ours.

A folder of ours has a marker: a file that every folder of its kind holds, such as the manifest of a bundle. Only an
empty folder, or one with the marker of the same kind, is ever replaced. Everything is on the disk before the new
folder gets its name, and only then the old one is deleted.
"""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_runtime.atomic_file import sync_file
from edge_runtime.errors import OutputError


def plain_name(name: str, option: str) -> str:
    """Return a name that is to be one folder's.

    Args:
        name: what the user asked for.
        option: the option that it came with, such as `--name`; the error says so.

    Raises:
        OutputError: it is empty, begins with a dot, or holds a slash, a backslash or an unprintable character.
    """
    if not name or name.startswith(".") or "/" in name or "\\" in name or not name.isprintable():
        raise OutputError(f"{option}: expected one folder name that does not start with a dot, received {name!r}.")
    return name


def require_replaceable(target: Path, marker: str) -> None:
    """Refuse a target that holds something of the user's, before any work is done.

    Args:
        target: the folder that is to be written.
        marker: the file that says that a folder is of the same kind.

    Raises:
        OutputError: it is a file, or a folder that is not empty and has no marker.
    """
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise OutputError(f"{target}: is a file, expected a folder or a new name. Choose another place.")
    if (target / marker).is_file() or not any(target.iterdir()):
        return
    raise OutputError(
        f"{target}: holds other files and no {marker}, so it is not replaced. Choose another place, or a folder "
        "that is empty."
    )


@contextmanager
def whole_folder(target: Path, *, marker: str) -> Iterator[Path]:
    """Give a temporary folder beside `target` and rename it to `target` when the block succeeds.

    An existing `target` is replaced in the same step; on an exception it stays and the temporary folder goes.

    Raises:
        OutputError: `target` may not be replaced.
    """
    with partial_folder(target, marker=marker) as partial:
        yield partial
        replace_folder(partial, target, marker=marker)


@contextmanager
def partial_folder(target: Path, *, marker: str) -> Iterator[Path]:
    """Give a temporary folder beside `target` that is gone after the block, unless it was renamed.

    What killed processes left of earlier ones is deleted. If one had moved an old `target` away and not yet put the
    new one in its place, the old one is put back.

    Raises:
        OutputError: `target` may not be replaced.
    """
    require_replaceable(target, marker)
    _clear_remains(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    _make_parents(partial)
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def replace_folder(source: Path, target: Path, *, marker: str) -> None:
    """Rename `source` to `target`. An old `target` changes places with it in the same step and is then deleted.

    A process killed at any moment, and a power cut at any moment, leave the old folder or the new one, whole.

    Raises:
        OutputError: `target` may not be replaced.

    Source: renameat2(2) with RENAME_EXCHANGE.
    """
    require_replaceable(target, marker)
    if not target.exists():
        rename_folder(source, target)
        return
    sync_tree(source)
    if _exchange(source, target):
        sync_file(target.parent)  # before the old folder goes
        shutil.rmtree(source, ignore_errors=True)
    else:
        _replace_in_two_steps(source, target)


def remove_folder(folder: Path, *, marker: str) -> None:
    """Delete a folder of ours, if it is there; one without the marker is left alone."""
    if (folder / marker).is_file():
        shutil.rmtree(folder, ignore_errors=True)


def rename_folder(source: Path, target: Path) -> None:
    """Give a finished folder a name that is free: sync all of it, rename it, sync the folder above.

    Raises:
        OSError: the name is taken, or cannot be given.
    """
    sync_tree(source)
    source.rename(target)
    sync_file(target.parent)


def sync_tree(folder: Path) -> None:
    """Wait until every file below a folder, and every list of names, is on the disk."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                sync_file(path)
        sync_file(Path(parent))


def _make_parents(folder: Path) -> None:
    """Make the folders above, each on the disk before the next."""
    missing = [parent for parent in folder.parents if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        sync_file(parent.parent)


def _clear_remains(target: Path) -> None:
    name = glob.escape(target.name)
    for left in (*target.parent.glob(f".{name}.*.old"), *target.parent.glob(f".{name}.*.partial")):
        if _is_another_running(left.name.split(".")[-2]):
            continue
        if left.suffix == ".old" and not target.exists():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step; return False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(first), here, os.fsencode(second), exchange) == 0)


def _replace_in_two_steps(source: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    try:
        source.rename(target)
    except OSError:
        old.rename(target)
        raise
    sync_file(target.parent)  # before the old folder goes
    shutil.rmtree(old, ignore_errors=True)


def _is_another_running(process: str) -> bool:
    if process == str(os.getpid()):
        return False
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True
