"""Decode every picture once and keep its pixels on disk. A file is found again by the hash of its content.

A cache is the folder `<cache>/<preprocessing identifier>-<decoders>/` with two files:

    pixels.bin   rows of `uint8 (height, width, 3)`, one after the other
    index.json   by SHA-256 of a file: its row and difference hash, or why it was refused

Another decoder may read what the last one refused, or give other pixels. So each set of decoders has a cache of its
own.
The index is replaced after the rows are written. So the rows of an interrupted run are overwritten by the next run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.atomic_file import write_whole
from edge_runtime.bounded_file import is_refused, read_picture_file
from edge_runtime.errors import PictureError
from edge_runtime.home import home_folder
from edge_runtime.picture.decoders import decoders_identifier
from edge_runtime.picture.near_duplicates import difference_hash
from edge_runtime.picture.preprocessing import Pixels, Preprocessing, load_picture
from trainer.errors import DataError

_CHUNK = 256


@dataclass(frozen=True)
class CachedPicture:
    """A file's entry in the cache.

    Args:
        sha256: hash of the file's bytes, hex; empty if it was refused unread, or for lack of a decoder.
        row: its row of `PictureCache.pixels`; -1 if it was refused.
        difference_hash: perceptual hash of the preprocessed pixels, 64 hex digits; empty if it was refused.
        reason: why it was refused; empty if it was not.
    """

    sha256: str
    row: int
    difference_hash: str
    reason: str


@dataclass(frozen=True)
class PictureCache:
    """Pictures ready for training.

    Args:
        entries: one for each path given, in order.
        pixels: `uint8 (rows, height, width, 3) RGB 0-255`, memory-mapped, read-only.
    """

    entries: tuple[CachedPicture, ...]
    pixels: Pixels


def cache_folder(caches: Path, preprocessing: Preprocessing) -> Path:
    """Return the folder of the cache for a preprocessing and the decoders that are installed."""
    return caches / f"{preprocessing.identifier}-{decoders_identifier()}"


def default_cache() -> Path:
    """Return the folder of all caches: in the folder that XDG_CACHE_HOME names, or else in `.cache` of the home.

    Without a home that can be written to, as services have none, it is a temporary folder, and people are told.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named) / "catdog-edge"
    return home_folder() / ".cache" / "catdog-edge"


def cache_pictures(
    paths: list[Path],
    preprocessing: Preprocessing,
    *,
    cache: Path | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> PictureCache:
    """Add the pictures that the cache does not hold yet, then return all from the cache.

    Args:
        paths: picture files. Each is read for its hash; only new ones are decoded.
        preprocessing: how pictures become pixels; each preprocessing has a cache of its own.
        cache: the folder of all caches. Default: `default_cache()`.
        report: called with the number of files done so far.

    Raises:
        DataError: the cache cannot be written, or a file cannot be read from disk.
    """
    folder = cache_folder(cache or default_cache(), preprocessing)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder), (folder / "pixels.bin").open("ab") as handle:
            index = _read_index(folder)
            entries = _add_missing(paths, preprocessing, index, _Rows(handle, preprocessing), report)
            handle.flush()
            os.fsync(handle.fileno())  # otherwise a power cut could lose the rows and keep the index
            _write_index(folder, index)
            pixels = _open_rows(folder, index, preprocessing)
    except OSError as error:
        raise DataError(
            f"{folder}: the picture cache cannot be used ({error}). "
            "Free space, or set XDG_CACHE_HOME to another folder."
        ) from error
    return PictureCache(tuple(entries), pixels)


def _open_rows(folder: Path, index: dict[str, dict[str, Any]], preprocessing: Preprocessing) -> Pixels:
    """Map the rows that the index names. Another process may be adding rows behind them."""
    shape = (_rows_in(index), preprocessing.height, preprocessing.width, 3)
    return np.memmap(folder / "pixels.bin", np.uint8, "r", shape=shape) if shape[0] else np.zeros(shape, np.uint8)


def _rows_in(index: dict[str, dict[str, Any]]) -> int:
    return 1 + max((entry["row"] for entry in index.values()), default=-1)


class _Rows:
    """Appends rows to `pixels.bin`, after cutting off what an interrupted run left behind."""

    def __init__(self, handle: Any, preprocessing: Preprocessing) -> None:
        self._handle = handle
        self._row_bytes = preprocessing.height * preprocessing.width * 3
        self.next = 0

    def start_after(self, index: dict[str, dict[str, Any]]) -> None:
        self.next = _rows_in(index)
        size = os.fstat(self._handle.fileno()).st_size
        if size < self.next * self._row_bytes:
            raise DataError(
                f"{self._handle.name}: damaged, expected {self.next * self._row_bytes:,} bytes or more, found "
                f"{size:,}. Delete its folder and train again."
            )
        self._handle.truncate(self.next * self._row_bytes)

    def append(self, pixels: Pixels) -> int:
        self._handle.write(pixels.tobytes())
        self.next += 1
        return self.next - 1


def _add_missing(
    paths: list[Path],
    preprocessing: Preprocessing,
    index: dict[str, dict[str, Any]],
    rows: _Rows,
    report: Callable[[int], None],
) -> list[CachedPicture]:
    rows.start_after(index)
    entries = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(paths), _CHUNK):
            known = frozenset(index)
            for digest, fresh in pool.map(
                lambda path, known=known: _ingest(path, preprocessing, known), paths[start : start + _CHUNK]
            ):
                if not digest and fresh is not None:  # not read or not decodable here: the next run looks again
                    entries.append(CachedPicture("", -1, "", fresh.reason))
                    continue
                if digest not in index and fresh is not None:
                    row = rows.append(fresh.pixels) if fresh.pixels is not None else -1
                    index[digest] = {
                        "row": row,
                        "difference_hash": fresh.difference_hash,
                        "reason": fresh.reason,
                    }
                entries.append(CachedPicture(sha256=digest, **index[digest]))
            report(len(entries))
    return entries


@dataclass(frozen=True)
class _Fresh:
    pixels: Pixels | None
    difference_hash: str
    reason: str


def _ingest(path: Path, preprocessing: Preprocessing, known: frozenset[str]) -> tuple[str, _Fresh | None]:
    try:
        content = read_picture_file(path)
    except OSError as error:
        if is_refused(error):
            return "", _Fresh(None, "", str(error.strerror))
        if isinstance(error, PermissionError):
            return "", _Fresh(None, "", f"cannot be read ({error.strerror})")
        raise DataError(f"{path}: cannot be read ({error}). Change its permissions, or move it away.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest in known:
        return digest, None
    try:
        pixels = load_picture(content, preprocessing)
    except PictureError as error:
        return digest if error.lasting else "", _Fresh(None, "", error.reason)
    return digest, _Fresh(pixels, difference_hash(pixels), "")


def _read_index(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "index.json"
    try:
        index: dict[str, dict[str, Any]] = json.loads(path.read_text())
        for digest, entry in index.items():
            CachedPicture(sha256=digest, **entry)
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: damaged ({error}). Delete its folder and train again.") from error
    return index


def _write_index(folder: Path, index: dict[str, dict[str, Any]]) -> None:
    write_whole(folder / "index.json", json.dumps(index).encode())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time add to a cache."""
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
