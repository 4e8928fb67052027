"""Write a folder completely or not at all."""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` and rename it to `target` when the block succeeds.

    The rename replaces an existing `target`. On an exception the old `target` stays and the temporary folder is
    deleted.
    """
    with partial_folder(target) as partial:
        yield partial
        replace_folder(partial, target)


@contextmanager
def partial_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` and delete it after the block, unless the block renamed it.

    First it cleans up after killed processes. It deletes their temporary folders. If such a process had moved the
    old `target` away and not yet replaced it, the old `target` is moved back.
    """
    name = glob.escape(target.name)
    for left in (*target.parent.glob(f".{name}.*.old"), *target.parent.glob(f".{name}.*.partial")):
        if _is_another_running(left.name.split(".")[-2]):
            continue
        if left.suffix == ".old" and not target.exists():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def replace_folder(source: Path, target: Path) -> None:
    """Rename `source` to `target`, and delete the old `target` if there is one.

    The two folders change places in one step, where the system can do that. So a process that is killed at any
    moment leaves the old folder or the new one under the name.

    Source: renameat2(2), RENAME_EXCHANGE.
    """
    if not target.exists():
        source.rename(target)
    elif _exchange(source, target):
        shutil.rmtree(source, ignore_errors=True)
    else:
        _replace_in_two_steps(source, target)


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
