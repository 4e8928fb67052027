"""Measure whether the memory grows over many classifications in one process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.run.memory import memory_mib
from benchmarks.run.pictures import list_paths
from edge_runtime.classifier import Classifier
from edge_runtime.errors import PictureError

WARM_UP = 1000  # classifications, after which every buffer and cache exists
SAMPLES = 20
_MOST_PICTURES = 200  # their bytes stay in memory


def soak(
    folder: Path,
    data: Path,
    backend: str = "auto",
    *,
    count: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Classify files, bytes and broken bytes in turns, and sample the memory.

    Args:
        folder: a bundle.
        data: a picture, or a folder of pictures at any depth.
        backend: `auto` or a key of `edge_runtime.backends.BACKENDS`.
        count: classifications in all, more than `WARM_UP`.
        report: called with the classifications done and the total.

    Returns:
        A JSON object: file, MiB after the warm-up and at the end, growth as a share, samples, seconds and errors.

    Raises:
        BenchmarkError: there are no pictures, or `count` is too small.
    """
    if count <= WARM_UP:
        raise BenchmarkError(f"{count} classifications are too few. Name more than {WARM_UP} with --count.")
    paths = [str(path) for path in list_paths(data)[:_MOST_PICTURES]]
    classifier = Classifier.open(folder, backend, threads=1)
    sources: cycle[str | bytes] = cycle(
        [*paths, *(Path(path).read_bytes() for path in paths), b"broken", b"\xff\xd8\xff"]
    )
    errors, samples, start = 0, [], time.perf_counter()
    for number in range(1, count + 1):
        try:
            classifier.classify(next(sources))
        except PictureError:
            errors += 1
        if number == WARM_UP or (number > WARM_UP and number % (count // SAMPLES) == 0):
            gc.collect()
            samples.append((number, round(memory_mib(), 2)))
            report(number, count)
    first_mib, last_mib = samples[0][1], memory_mib()
    return {
        "file": classifier.file.path,
        "classifications": count,
        "errors": errors,
        "seconds": time.perf_counter() - start,
        "memory_mib": {"after warm-up": first_mib, "at the end": last_mib},
        "growth": last_mib / first_mib - 1,
        "samples": samples,
    }
