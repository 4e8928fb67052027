"""Measure how well labels are taught from few pictures, and print the tables of docs/measurements/teach.md.

Usage: python scripts/teach_figures.py DATA [BUNDLE]

DATA has a folder of 40 or more pictures for each of five or more labels. Of each label 30 pictures are drawn to
teach with, and the others judge. BUNDLE is the one whose network is taught; default the one of the package.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the line above, which it reads
from numpy.typing import NDArray

from edge_runtime import read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.proof.shares import wilson_interval
from edge_runtime.teaching.base import Base, open_base
from edge_runtime.teaching.class_folders import class_folders, read_pictures
from edge_runtime.teaching.examples import Examples
from edge_runtime.teaching.head import Head, softmax
from edge_runtime.teaching.held_out import Course, judge

LABELS = 5
MOST = 30  # pictures to teach with
COUNTS = (5, 10, 20, MOST)
DRAWS = 20


class Draw(NamedTuple):
    """What one draw of labels and pictures gave.

    accuracy: on other pictures. held_out: as the command prints it. inside: whether its interval holds `accuracy`.
    unsure: share below the threshold. sure_accuracy: accuracy of the others. fit_s: processor time of the fit.
    """

    accuracy: float
    held_out: float
    inside: float
    unsure: float
    sure_accuracy: float
    fit_s: float


def main(data: Path, bundle: Path = PRETRAINED) -> None:
    """Print the table of one bundle."""
    base = open_base(read_bundle(bundle), 1)
    folders = class_folders(data)
    examples, _ = read_pictures(base, dict(enumerate(folders.values())), None, report=lambda *_: None)
    print(
        f"{base.bundle.name}: {DRAWS} draws of {LABELS} of {len(folders)} labels, {len(examples.targets)} pictures"
    )
    print("\n| pictures a label | accuracy | as printed | interval holds it | unsure | accuracy where sure | fit |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in COUNTS:
        draws = np.array([draw(base, examples, count, seed) for seed in range(DRAWS)])
        accuracy, held_out, inside, unsure, sure, fit_s = draws.mean(axis=0)
        cells = (f"{accuracy:.1%} ± {draws[:, 0].std():.1%}", f"{held_out:.1%}", f"{inside:.0%}", f"{unsure:.1%}")
        print("|", " | ".join((str(count), *cells, f"{sure:.1%}", f"{fit_s:.1f} s")), "|")


def draw(base: Base, examples: Examples, count: int, seed: int) -> Draw:
    """Teach some labels with so many pictures of each, and judge with pictures that were never drawn to teach."""
    chance = np.random.default_rng(seed)
    labels = chance.permutation(len(np.unique(examples.targets)))[:LABELS]
    shuffled = [chance.permutation(np.flatnonzero(examples.targets == label)) for label in labels]
    learned = np.concatenate([places[:count] for places in shuffled])
    others = np.concatenate([places[MOST:] for places in shuffled])
    chosen = examples.chosen(learned)
    lesson = Examples(chosen.features, chosen.hashes, numbered(chosen.targets, labels))
    started = time.process_time()
    width = base.network.tail.width
    course = Course(lesson, base.real(lesson.features), Head(np.zeros((0, width)), np.zeros(0)), LABELS)
    findings = judge(course)
    head = course.head(np.ones(len(learned), bool), findings.strength).tempered(findings.temperature)
    fit_s = time.process_time() - started
    scores = softmax(head.logits(base.real(examples.features[others, 0])))
    right = scores.argmax(axis=1) == numbered(examples.targets[others], labels)
    sure = scores.max(axis=1) >= findings.threshold
    held_out = int((findings.answers == lesson.targets).sum())
    low, high = wilson_interval(held_out, len(learned))
    accuracy = float(right.mean())
    inside = float(low <= accuracy <= high)
    return Draw(accuracy, held_out / len(learned), inside, 1 - sure.mean(), float(right[sure].mean()), fit_s)


def numbered(targets: NDArray[np.intp], labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the place of each target among the drawn labels."""
    return np.array([int(np.flatnonzero(labels == target)[0]) for target in targets])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
