"""Print what it costs to have results on the disk before they are called done: docs/measurements/power-cut.md.

Usage: PYTHONPATH=. python scripts/sync_cost.py [FOLDER]

Each kind of result is written in FOLDER, by default the current one, with and without `fsync`, in turns.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from unittest import mock

from edge_runtime.atomic_file import replace_file, write_whole
from edge_runtime.atomic_folder import whole_folder
from edge_runtime.bundle import MANIFEST

BUNDLE = Path("models/compact/bundle")
ROUNDS = 20
NETWORK_BYTES = 12_000_000  # of a checkpoint of the compact network, with its optimiser


def main(folder: Path) -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        print("| what is written | ms with syncing, median | ms without | difference |")
        print("| --- | ---: | ---: | ---: |")
        for what, write in writers(scratch).items():
            synced, unsynced = timed(write)
            print(f"| {what} | {synced:.1f} | {unsynced:.1f} | {synced - unsynced:+.1f} |")


def writers(scratch: Path) -> dict[str, Callable[[], None]]:
    """Return what writes each kind of result."""
    size = sum(path.stat().st_size for path in BUNDLE.rglob("*") if path.is_file())
    count = sum(path.is_file() for path in BUNDLE.rglob("*"))
    return {
        f"a bundle over an old one, {count} files, {size / 1e6:.1f} MB": lambda: write_bundle(scratch / "pets"),
        "a checkpoint, 12 MB and its state": lambda: write_checkpoint(scratch),
        "a saved frame, 60 kB": lambda: write_whole(scratch / "frame.jpg", bytes(60_000)),
    }


def write_bundle(target: Path) -> None:
    """Write a copy of the bundle as an export does."""
    with whole_folder(target, marker=MANIFEST) as partial:
        shutil.copytree(BUNDLE, partial, dirs_exist_ok=True)


def write_checkpoint(folder: Path) -> None:
    """Write two files as training does after an epoch."""
    partial = folder / "partial.keras"
    partial.write_bytes(bytes(NETWORK_BYTES))
    replace_file(partial, folder / "checkpoint-0001.keras")
    write_whole(folder / "state.json", bytes(3_000))


def timed(write: Callable[[], None]) -> tuple[float, float]:
    """Return the median milliseconds with and without `fsync`, in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * ROUNDS):
        with mock.patch("os.fsync", os.fsync if number % 2 == 0 else lambda descriptor: None):
            start = time.perf_counter()
            write()
            times[number % 2].append((time.perf_counter() - start) * 1e3)
    return median(times[0]), median(times[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
