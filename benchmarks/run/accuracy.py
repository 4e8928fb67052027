"""Score the pictures with every file of a bundle: accuracy, drift from Keras, and disagreements between files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.run.pictures import Pictures
from benchmarks.run.record import Accuracy, Configuration, Disagreement
from benchmarks.run.timing import Process
from edge_runtime.parallel import usable_cores
from edge_runtime.proof.drift import measure_drift, measure_drift_by_class
from edge_runtime.proof.gate import judge
from edge_runtime.proof.shares import wilson_interval

Scores = NDArray[np.float64]
_CHUNK = 50  # pictures per step of the progress bar
_MOST_DISAGREEMENTS = 200


def score_files(
    folder: Path,
    configurations: tuple[Configuration, ...],
    pixels: Path,
    pictures: int,
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[Configuration, Scores]]:
    """Score the pictures with each configuration on one thread; one configuration runs on each core.

    Args:
        folder: the bundle's folder.
        configurations: one for each file and backend.
        pixels: `.npy` file of `uint8 (N, height, width, 3)`.
        pictures: number of rows to score, from the first on.
        report: called with the steps done and the total, over all files.

    Yields:
        Each configuration with its scores, `float64 (pictures, labels)`, when it is done.

    Raises:
        BenchmarkError: some could not be scored. It is raised after all others are yielded.
    """
    stop, steps = Event(), count(1)
    total = len(configurations) * -(-pictures // _CHUNK)

    def run(configuration: Configuration) -> tuple[Configuration, Scores]:
        rows: list[list[float]] = []
        arguments = (folder, configuration.file, configuration.backend, pixels)
        with Process("benchmarks.run.scorer", *arguments) as process:
            for start in range(0, pictures, _CHUNK):
                if stop.is_set():
                    raise BenchmarkError("stopped")
                rows += process.ask(f"{start} {min(start + _CHUNK, pictures)}")
                report(next(steps), total)
        return configuration, np.array(rows)

    report(0, total)
    pool = ThreadPoolExecutor(usable_cores())
    futures = {pool.submit(run, item): item.name for item in configurations}
    failures = []
    try:
        for future in as_completed(futures):
            if isinstance(error := future.exception(), BenchmarkError):
                failures.append(f"{futures[future]}: {error}")
            else:
                yield future.result()
        if failures:
            raise BenchmarkError("; ".join(sorted(failures)))
    finally:  # also on Ctrl-C
        stop.set()
        pool.shutdown(cancel_futures=True)


def judge_file(
    configuration: Configuration, scores: Scores, pictures: Pictures, *, labels: tuple[str, ...], max_drop: float
) -> Accuracy:
    """Return accuracy, drift and verdict, as far as true labels and Keras scores are known."""
    answers = scores.argmax(axis=1)
    found = Accuracy(configuration.file, configuration.backend, answers.tolist())
    if pictures.targets is None:
        return found
    right = int((answers == pictures.targets).sum())
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (pictures.targets, answers), 1)
    found = replace(
        found,
        accuracy=right / len(answers),
        interval=wilson_interval(right, len(answers)),
        confusion=confusion.tolist(),
    )
    if pictures.keras is None:
        return found
    drift = measure_drift(pictures.keras, scores, pictures.targets)
    by_class = measure_drift_by_class(pictures.keras, scores, pictures.targets, labels)
    whole = drift.to_dict() | {"by_class": {label: item.to_dict() for label, item in by_class.items()}}
    return replace(found, drift=whole, gate=judge(drift, max_drop=max_drop).to_dict())


def find_disagreements(
    scores: dict[str, Scores], pictures: Pictures, labels: tuple[str, ...]
) -> tuple[Disagreement, ...]:
    """Return the pictures that get different labels, the widest spread of scores first.

    Args:
        scores: `float64 (N, labels)` for each name of a file and backend.
        pictures: the N pictures.
        labels: the bundle's labels.
    """
    known = ({} if pictures.keras is None else {"Keras": pictures.keras}) | scores
    if not known:
        return ()
    stacked = np.stack(list(known.values()))  # (files, pictures, labels)
    answers = stacked.argmax(axis=2)
    rows = np.flatnonzero((answers != answers[0]).any(axis=0))
    spread = np.ptp(stacked[:, rows], axis=0).max(axis=1)
    names, targets = pictures.names, pictures.targets
    return tuple(
        Disagreement(
            names[row],
            pictures.sha256[row],
            None if targets is None else labels[targets[row]],
            {name: [round(float(score), 5) for score in values[row]] for name, values in known.items()},
        )
        for row in rows[np.argsort(-spread, kind="stable")][:_MOST_DISAGREEMENTS]
    )
