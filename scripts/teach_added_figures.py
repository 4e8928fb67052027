"""Measure what a bundle loses when a label is added to it, and print the table of docs/measurements/teach.md.

Usage: python scripts/teach_added_figures.py OLD [BUNDLE]

OLD has a folder of pictures for each label of BUNDLE, by default cat, dog and neither of the package. Folders in
`neither` are kinds of other things. Each of six of them is added in turn, and the other ones judge.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the line above, which it reads

from edge_runtime import read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.bundle.labels import NEITHER
from edge_runtime.teaching.base import Base, open_base
from edge_runtime.teaching.class_folders import pictures_below, read_pictures
from edge_runtime.teaching.examples import Examples, read_examples
from edge_runtime.teaching.head import Array
from edge_runtime.teaching.held_out import Course, judge

KINDS = 6  # those with the most pictures that are one kind of thing
LEFT_OUT = ("imagenet", "background", "people", "caltech")  # folders of many things, or small ones
MOST = 30
COUNTS = (10, MOST)
DRAWS = 3


def main(old: Path, bundle: Path = PRETRAINED) -> None:
    """Print the table."""
    base = open_base(read_bundle(bundle), 1)
    labels = base.bundle.labels
    folders = [old / label for label in labels if label != NEITHER] + sorted((old / NEITHER).iterdir())
    paths = {number: pictures_below(folder) for number, folder in enumerate(folders)}
    examples, _ = read_pictures(base, paths, None, report=lambda *_: None)
    counts = np.bincount(examples.targets)
    kinds = [n for n in range(len(labels) - 1, len(folders)) if not folders[n].name.startswith(LEFT_OUT)]
    kinds = sorted(kinds, key=lambda number: -counts[number])[:KINDS]
    print(", ".join(folders[kind].name for kind in kinds), f"of {len(examples.targets):,} pictures")
    print(f"\n| pictures | right | as printed | {' | '.join(f'{label} taken | as printed' for label in labels)} |")
    print("| ---: " * (3 + 2 * len(labels)) + "|")
    for count in COUNTS:
        found = [added(base, examples, kind, count, seed) for kind in kinds for seed in range(DRAWS)]
        print("|", count, "|", " | ".join(f"{share:.1%}" for share in np.mean(found, axis=0)), "|")


def added(base: Base, examples: Examples, kind: int, count: int, seed: int) -> Array:
    """Add a kind of thing, and return the columns of the table but the first, shares of 0-1."""
    labels = len(base.bundle.labels)
    shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(examples.targets == kind))
    chosen = examples.chosen(shuffled[:count])
    new = Examples(chosen.features, chosen.hashes, np.full(count, labels))
    lesson = read_examples(base.bundle, base.network.tail.width).joined(new)
    course = Course(lesson, base.real(lesson.features), base.fixed_head(), labels + 1)
    findings = judge(course)
    head = course.head(np.ones(len(lesson.targets), bool), findings.strength)
    answers = head.logits(base.real(examples.features[:, 0])).argmax(axis=1)
    old_labels = np.minimum(examples.targets, labels - 1)
    columns = [
        (answers[shuffled[MOST:]] == labels).mean(),
        (findings.answers[lesson.targets == labels] == labels).mean(),
    ]
    for label in range(labels):
        judges = (old_labels == label) & (examples.targets != kind)
        columns += [
            (answers[judges] == labels).mean(),
            (findings.answers[lesson.targets == label] == labels).mean(),
        ]
    return np.array(columns)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
