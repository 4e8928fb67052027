"""What the fuzzers feed: each target reads bytes from strangers and must accept them or refuse them in one line."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from edge_runtime.errors import CatdogError
from tests.fuzz import seeds
from tests.fuzz.mutation import mutated, mutated_json

MOST_CHARACTERS = 2000  # of an error line


class Target(NamedTuple):
    """A reader under test.

    Attributes:
        seeds: makes whole files by name.
        run: gives the bytes to the reader; returns whether it accepts them, and raises if it misbehaves.
        mutate: damages bytes.
        modules: the files whose lines are counted, from the root of the repository.
    """

    seeds: Callable[[], dict[str, bytes]]
    run: Callable[[bytes], bool]
    mutate: Callable[[bytes, Random], bytes]
    modules: tuple[str, ...]


def refused(error: CatdogError) -> bool:
    """Return False after checking that the error is one line that a terminal can show."""
    line = str(error)
    assert line.isprintable(), f"not one plain line: {line!r:.300}"
    assert len(line) < MOST_CHARACTERS, f"{len(line):,} characters: {line:.300}"
    return False


@functools.cache
def scratch() -> Path:
    """Return a folder of this process, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="catdog-fuzz-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def run_manifest(content: bytes) -> bool:
    """Read a bundle whose manifest has these bytes. All it names lies in its folder, and it can be rewritten."""
    from edge_runtime.bundle import MANIFEST, Manifest, read_bundle
    from edge_runtime.commands.info import bundle_lines, describe_bundle
    from edge_runtime.errors import BundleError

    folder = scratch()
    (folder / MANIFEST).write_bytes(content)
    try:
        bundle = read_bundle(folder)
    except BundleError as error:
        return refused(error)
    assert all((folder / file.path).parent == folder for file in bundle.files)
    assert all((folder / picture.path).parent == folder / "selftest" for picture in bundle.selftest)
    _assert_no_key_twice(content)
    again = json.loads(json.dumps(bundle.manifest.to_dict(), allow_nan=False))
    assert Manifest.from_dict(again) == bundle.manifest
    try:
        assert "\n".join(bundle_lines(describe_bundle(folder))).encode()
    except CatdogError as error:
        refused(error)
    return True


def run_record(name: str, content: bytes) -> bool:
    """Read a run folder in which the file `name` has these bytes; what is read can be written again."""
    from edge_runtime.errors import RunFolderError
    from edge_runtime.run_folder import read_history, read_run_folder, read_splits

    folder = _run_folder()
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(content)
    try:
        found = read_run_folder(folder)
        read_history(found)
        _assert_no_key_twice(content)
        assert json.dumps(found.run.to_dict()).encode()
        (folder / "splits.json").write_text(json.dumps(found.splits.to_dict()))
        assert read_splits(folder) == found.splits
    except RunFolderError as error:
        return refused(error)
    finally:
        (folder / name).write_bytes(whole)
    return True


@functools.cache
def _run_folder() -> Path:
    folder = scratch() / "run"
    folder.mkdir()
    for files in (seeds.runs(), seeds.splits(), seeds.histories()):
        for name, content in files.items():
            (folder / f"{name}.json").write_bytes(content)
    return folder


def run_report(content: bytes) -> bool:
    """Read a benchmark's report; what is read can be shown as Markdown and CSV, and written again."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.report.report import write_csv, write_report
    from benchmarks.run.record import read_report, to_json

    path = scratch() / "report.json"
    path.write_bytes(content)
    try:
        report = read_report(path)
    except BenchmarkError as error:
        return refused(error)
    assert write_report(report).encode()
    assert write_csv(report).encode()
    path.write_text(to_json(report), encoding="utf-8")  # its samples are rounded, once
    rounded = read_report(path)
    path.write_text(to_json(rounded), encoding="utf-8")
    assert read_report(path) == rounded
    return True


def run_picture(content: bytes) -> bool:
    """Decode a picture."""
    from edge_runtime.errors import PictureError
    from edge_runtime.picture.preprocessing import Preprocessing, load_picture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of odd metadata
        try:
            pixels = load_picture(content, Preprocessing(seeds.SIDE, seeds.SIDE), max_pixels=1_000_000)
        except PictureError as error:
            return refused(error)
    assert (pixels.shape, str(pixels.dtype)) == ((seeds.SIDE, seeds.SIDE, 3), "uint8")
    return True


def _assert_no_key_twice(content: bytes) -> None:
    """Check a text that was accepted: of two equal keys readers take different ones."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(found)) == len(found), f"a key stands twice and was accepted: {[key for key, _ in found]}"
        return dict(found)

    json.loads(content, object_pairs_hook=pairs)


_BUNDLE = ("edge_runtime/bundle/folder.py", "edge_runtime/bundle/manifest.py", "edge_runtime/bundle/formats.py")
_RUN = ("edge_runtime/run_folder.py", "edge_runtime/picture/contract.py")
TARGETS: dict[str, Target] = {
    "manifest": Target(seeds.manifests, run_manifest, mutated_json, (*_BUNDLE, "edge_runtime/picture/contract.py")),
    "run": Target(seeds.runs, functools.partial(run_record, "run.json"), mutated_json, _RUN),
    "splits": Target(seeds.splits, functools.partial(run_record, "splits.json"), mutated_json, _RUN),
    "history": Target(seeds.histories, functools.partial(run_record, "history.json"), mutated_json, _RUN),
    "report": Target(seeds.reports, run_report, mutated_json, ("benchmarks/run/record.py",)),
    "picture": Target(seeds.pictures, run_picture, mutated, ("edge_runtime/picture",)),
}
