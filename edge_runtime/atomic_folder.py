"""Write a folder whole or not at all."""

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

    An existing `target` is replaced in the same step; on an exception it stays and the temporary folder goes.
    """
    with partial_folder(target) as partial:
        yield partial
        replace_folder(partial, target)


@contextmanager
def partial_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` that is gone after the block, unless it was renamed.

    What killed processes left of earlier ones is deleted, but for an old `target` that one had moved away and not
    yet replaced: that is put back.
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
    """Rename `source` to `target`; an old `target` changes places with it in the same step and is then deleted.

    Source: renameat2(2) with RENAME_EXCHANGE, so that a process killed at any moment leaves the old or the new.
    """
    if not target.exists():
        source.rename(target)
    elif _exchange(source, target):
        shutil.rmtree(source, ignore_errors=True)
    else:
        _replace_in_two_steps(source, target)


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
