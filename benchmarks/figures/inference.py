"""Time inference alone: the files of several bundles in turns, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.run.timing import clock, describe, take_turns
from edge_runtime.backends import BACKENDS, Backend, installed_backends, open_model
from edge_runtime.bundle import read_bundle
from edge_runtime.picture.source import Pixels

FRAME_S = 1 / 30


def measure_inference(
    folders: Sequence[Path],
    *,
    threads: int,
    rounds: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Run each file twice per round: after a pause, as for a camera's frame, and at once after that.

    Args:
        folders: the bundles' folders. The first installed backend of a file's format loads it.
        threads: inference threads of each file.
        rounds: rounds to time.
        report: called with the rounds done and the total.

    Returns:
        A JSON object: for each file the times in ms of the first call (`paced`) and the second (`steady`).

    Raises:
        BenchmarkError: no installed backend loads any of the files.
        CatdogError: a bundle is damaged, or a backend does not load its file.
    """
    tasks = {name: task for folder in folders for name, task in _tasks(folder, threads)}
    if not tasks:
        raise BenchmarkError(
            "no installed backend loads any of these files. See what is missing with: catdog-edge doctor"
        )
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for done, results in enumerate(take_turns(tasks, rounds=rounds, warm_up=3, settle_s=FRAME_S), 1):
        for name, pair in results.items():
            times[name].append(pair)
        report(done, rounds)
    stats = {}
    for name, pairs in times.items():
        paced, steady = zip(*pairs, strict=True)
        stats[name] = {"paced": describe(paced).to_dict(), "steady": describe(steady).to_dict()}
    return stats


def _tasks(folder: Path, threads: int) -> Iterator[tuple[str, Callable[[], tuple[float, float]]]]:
    bundle, installed = read_bundle(folder), installed_backends()
    size = bundle.preprocessing.shape
    pixels = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    for file in bundle.files:
        backend = next((name for name in installed if BACKENDS[name].format == file.format), None)
        if backend:
            yield (
                f"{bundle.path_of(file)} {backend}",
                _twice(open_model(backend, bundle.read(file), threads, file), pixels),
            )


def _twice(model: Backend, pixels: Pixels) -> Callable[[], tuple[float, float]]:
    run = clock(lambda: model.predict(pixels))
    return lambda: (run(), run())
