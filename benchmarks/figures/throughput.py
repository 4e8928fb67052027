"""Time `classify_many` against the loop that a user would write, and measure its memory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.figures.cold_start import int8_tflite
from benchmarks.peers.plain_loop import PlainInterpreter
from benchmarks.run.memory import memory_mib
from benchmarks.run.pictures import list_paths
from benchmarks.run.timing import describe, interleave
from edge_runtime.classifier import Classifier


def measure_throughput(
    folder: Path,
    data: Path,
    *,
    rounds: int,
    pictures: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Measure the memory of a long run. Then classify a folder in turns: plain, ours, and ours with auto's file.

    Args:
        folder: a bundle with an int8 TFLite file.
        data: a picture, or a folder of pictures at any depth.
        rounds: passes of each over the folder.
        pictures: pictures of the long run, which repeats those of the folder.
        report: called with the rounds done and the total.

    Returns:
        A JSON object: ms per picture, ratios of throughput, and MiB after one pass and after the long run.

    Raises:
        BenchmarkError: there are no pictures, or one cannot be read.
    """
    paths = [str(path) for path in list_paths(data)]
    classifier = Classifier.open(folder, "litert", precision="int8", threads=1)
    memory = _memory_mib(classifier, paths, pictures)  # first, as the plain loop leaves memory behind
    plain = PlainInterpreter(int8_tflite(classifier.bundle))

    auto = Classifier.open(folder, threads=1)
    tasks = {
        "plain loop": lambda: plain.run_files(paths),
        "classify_many": lambda: _classify_all(classifier, paths),
        "classify_many, auto": lambda: _classify_all(auto, paths),
    }
    times = interleave(tasks, rounds=rounds, warm_up=1, report=report)
    each = {name: describe(values / len(paths)).to_dict() for name, values in times.items()}
    plain_ms = each["plain loop"]["median_ms"]
    return {
        "pictures": len(paths),
        "ms_a_picture": each,
        "ratio": plain_ms / each["classify_many"]["median_ms"],
        "auto": {"file": auto.file.path, "ratio": plain_ms / each["classify_many, auto"]["median_ms"]},
        "memory_mib": memory,
    }


def _classify_all(classifier: Classifier, paths: Iterable[str]) -> None:
    for result in classifier.classify_many(paths):
        if isinstance(result, Exception):
            raise BenchmarkError(f"{result}. Remove the picture, as the plain loop cannot go on after it.")


def _memory_mib(classifier: Classifier, paths: list[str], pictures: int) -> dict[str, float]:
    """Return the memory in MiB, by the number of pictures: after one pass, and after all."""
    found = {}
    for count in (len(paths), pictures):
        _classify_all(classifier, islice(cycle(paths), count))
        gc.collect()
        found[str(count)] = memory_mib()
    return found
