"""Find the newest result folder, and write a folder whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUNS = Path("runs")
BUNDLES = Path("bundles")
REPORTS = Path("reports")


def newest_folder(parent: Path, marker: str) -> Path | None:
    """Return the sub-folder of `parent` whose file `marker` was written last, or None."""
    found = [path for path in parent.glob(f"*/{marker}") if not path.parent.name.startswith(".")]
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent if found else None


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` and rename it to `target` when the block succeeds.

    An existing `target` is replaced in the same step; on an exception it stays and the temporary folder goes.
    """
    import shutil  # devices only look folders up

    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        replace_folder(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def replace_folder(source: Path, target: Path) -> None:
    """Rename `source` to `target`; an old `target` is moved out of the way first and then deleted."""
    import shutil

    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    try:
        source.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
