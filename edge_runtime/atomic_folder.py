"""Write a folder completely or not at all, and replace nothing that belongs to the user.

Every folder that catdog writes has a marker: a file that all folders of its kind hold, such as the manifest of a
bundle. Only an empty folder, or one with the marker of the same kind, is replaced. The new folder is on the disk
before it gets its name. After that the old one is deleted.
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
    """Return a name after checking that it can be the name of one folder.

    Args:
        name: the name that the user gave.
        option: the option that it was given with, such as `--name`, for the error.

    Raises:
        OutputError: the name is empty, starts with a dot, or has a slash, a backslash or an unprintable character.
    """
    if not name or name.startswith(".") or "/" in name or "\\" in name or not name.isprintable():
        raise OutputError(f"{option}: expected one folder name that does not start with a dot, received {name!r}.")
    return name


def require_replaceable(target: Path, marker: str) -> None:
    """Refuse a target with files of the user in it. Call it before any work is done.

    Args:
        target: the folder to write.
        marker: name of the file that marks a folder of the same kind.

    Raises:
        OutputError: the target is a file, or a folder that is not empty and has no marker.
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

    The rename replaces an existing `target`. On an exception the old `target` stays and the temporary folder is
    deleted.

    Args:
        target: the folder to write.
        marker: name of the file that marks a folder of the same kind.

    Yields:
        The temporary folder.

    Raises:
        OutputError: `target` may not be replaced.
    """
    with partial_folder(target, marker=marker) as partial:
        yield partial
        replace_folder(partial, target, marker=marker)


@contextmanager
def partial_folder(target: Path, *, marker: str) -> Iterator[Path]:
    """Give a temporary folder beside `target` and delete it after the block, unless the block renamed it.

    First it cleans up after killed processes. It deletes their temporary folders. If such a process had moved the
    old `target` away and not yet replaced it, the old `target` is moved back.

    Args:
        target: the folder to write.
        marker: name of the file that marks a folder of the same kind.

    Yields:
        The temporary folder.

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
    """Rename `source` to `target`, and delete the old `target` if there is one.

    The two folders change places in one step, where the system can do that. So a killed process or a power cut at
    any moment leaves the old folder or the new one, whole.

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
        sync_file(target.parent)  # before the old folder is deleted
        shutil.rmtree(source, ignore_errors=True)
    else:
        _replace_in_two_steps(source, target)


def remove_folder(folder: Path, *, marker: str) -> None:
    """Delete a folder that has the marker. Leave any other folder alone."""
    if (folder / marker).is_file():
        shutil.rmtree(folder, ignore_errors=True)


def rename_folder(source: Path, target: Path) -> None:
    """Give a finished folder a free name: sync everything in it, rename it, sync the folder above.

    Raises:
        OSError: the name is taken, or the folder cannot be renamed.
    """
    sync_tree(source)
    source.rename(target)
    sync_file(target.parent)


def sync_tree(folder: Path) -> None:
    """Wait until a folder is on the disk, with every file and every sub-folder in it."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                sync_file(path)
        sync_file(Path(parent))


def _make_parents(folder: Path) -> None:
    """Make the missing folders above. Each is on the disk before the next one is made."""
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
    """Exchange two folders in one step. Return False where the system cannot do it."""
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
    sync_file(target.parent)  # before the old folder is deleted
    shutil.rmtree(old, ignore_errors=True)


def _is_another_running(process: str) -> bool:
    if process == str(os.getpid()):
        return False
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # the process of another user
        return True
    return True
