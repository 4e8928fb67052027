"""Measure what the library adds to a bare interpreter on a ready tensor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures.cold_start import int8_tflite
from benchmarks.peers.plain_loop import PlainInterpreter
from benchmarks.run.timing import describe, interleave
from edge_runtime.classifier import Classifier


def measure_overhead(
    folder: Path, *, rounds: int, report: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Any]:
    """Time `Classifier.classify` on an array against set, invoke and get of the bare interpreter, in turns.

    Args:
        folder: a bundle with an int8 TFLite file.
        rounds: calls of each.
        report: called with the rounds done and the total.

    Returns:
        A JSON object: times in ms, and the ratio of the medians.
    """
    classifier = Classifier.open(folder, "litert", precision="int8", threads=1)
    plain = PlainInterpreter(int8_tflite(classifier.bundle))
    size = classifier.bundle.preprocessing.shape
    pixels = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    tasks = {"bare interpreter": lambda: plain.run(pixels), "classify": lambda: classifier.classify(pixels)}
    times = interleave(tasks, rounds=rounds, warm_up=20, report=report)
    stats = {name: describe(values).to_dict() for name, values in times.items()}
    return {"times": stats, "ratio": stats["classify"]["median_ms"] / stats["bare interpreter"]["median_ms"]}
