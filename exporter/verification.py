"""Run files through the edge runtime, as a device would, and compare them with the Keras model."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import open_model
from edge_runtime.backends.selection import Selection
from edge_runtime.bundle import Bundle, Manifest, ModelFile
from edge_runtime.classifier import Classifier
from edge_runtime.parallel import usable_cores
from edge_runtime.picture.preprocessing import Pixels, Preprocessing
from edge_runtime.proof.drift import DriftReport, measure_drift, measure_drift_by_class
from edge_runtime.proof.gate import Verdict, judge
from exporter.formats.table import format_named


@dataclass(frozen=True)
class Check:
    """What the test split says of one file.

    Args:
        scores: those of the file, `float64 (N, labels)`.
        drift: how far it is from the Keras model on all pictures.
        by_class: the same for the pictures of each label.
        verdict: what the gate says.
    """

    scores: NDArray[np.float64]
    drift: DriftReport
    by_class: dict[str, DriftReport]
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the manifest."""
        return self.drift.to_dict() | {
            "by_class": {label: drift.to_dict() for label, drift in self.by_class.items()},
            "gate": self.verdict.to_dict(),
        }


@dataclass(frozen=True)
class Stability:
    """How far two int8 files disagree that were quantised with different pictures.

    Args:
        pictures: test pictures compared.
        agreement: share of the pictures to which both give the same label, 0-1.
        mean_difference: mean absolute difference of the scores, 0-1.
        largest_difference: the largest, 0-1.
    """

    pictures: int
    agreement: float
    mean_difference: float
    largest_difference: float


def open_content(labels: tuple[str, ...], file: ModelFile, content: bytes) -> Classifier:
    """Open the bytes of a model file as a device opens those of a bundle, to run on one thread."""
    backend = format_named(file.format).backend
    bundle = Bundle(Path(), Manifest("", labels, Preprocessing(), (file,), {}))
    return Classifier(
        bundle, Selection(file, content, backend, open_model(backend, content, 1, file), ()), threads=1
    )


def run_file(
    labels: tuple[str, ...],
    file: ModelFile,
    content: bytes,
    pixels: Pixels,
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """Return the scores that a file gives pictures, `float64 (N, labels)`. Each core runs its own classifier.

    `report` is called with pictures done and in all, from one thread at a time and with a rising count.
    """
    scores = np.empty((len(pixels), len(labels)))
    workers = usable_cores()
    done, one_reports = count(1), Lock()

    def run(start: int) -> None:
        classifier = open_content(labels, file, content)
        for index in range(start, len(pixels), workers):
            scores[index] = classifier.scores(pixels[index])
            with one_reports:
                report(next(done), len(pixels))

    with ThreadPoolExecutor(workers) as pool:
        for outcome in [pool.submit(run, start) for start in range(workers)]:
            outcome.result()
    return scores


def time_ratio(
    labels: tuple[str, ...], files: tuple[tuple[ModelFile, bytes], tuple[ModelFile, bytes]], pixels: Pixels
) -> float:
    """Run two files in turns on one thread; return the first one's median inference time over the second's."""
    opened = [open_content(labels, *file) for file in files]
    times = np.zeros((len(opened), len(pixels)))
    for index, picture in enumerate(pixels):
        for row, classifier in enumerate(opened):
            start = time.perf_counter()
            classifier.scores(picture)
            times[row, index] = time.perf_counter() - start
    first, second = np.median(times, axis=1)
    return float(first / second)


def check(
    keras: NDArray[np.float64],
    scores: NDArray[np.float64],
    targets: NDArray[np.intp],
    *,
    labels: tuple[str, ...],
    max_drop: float,
) -> Check:
    """Compare a file's scores with the Keras model's on pictures of the true label indices `(N,)`."""
    drift = measure_drift(keras, scores, targets)
    by_class = measure_drift_by_class(keras, scores, targets, labels)
    return Check(scores, drift, by_class, judge(drift, max_drop=max_drop))


def compare_draws(first: NDArray[np.float64], second: NDArray[np.float64]) -> Stability:
    """Compare the scores of two files on the same pictures."""
    difference = np.abs(first - second)
    return Stability(
        pictures=len(first),
        agreement=float((first.argmax(axis=1) == second.argmax(axis=1)).mean()),
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
    )
