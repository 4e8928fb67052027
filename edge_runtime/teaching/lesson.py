"""Teach a bundle: fit a last layer to the features of pictures, judge it, and write an ordinary bundle."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_runtime.atomic_folder import require_replaceable, whole_folder
from edge_runtime.bundle.folder import read_bundle
from edge_runtime.bundle.manifest import MANIFEST, TAUGHT, Manifest
from edge_runtime.errors import OutputError, TeachingError
from edge_runtime.proof.shares import wilson_interval
from edge_runtime.teaching.base import Base
from edge_runtime.teaching.class_folders import LEAST, LeftOut, read_pictures, refuse_name
from edge_runtime.teaching.examples import KEY, Examples, read_examples, write_examples
from edge_runtime.teaching.head import Head
from edge_runtime.teaching.held_out import Course, Findings, judge
from edge_runtime.teaching.taught_bundle import write_files

_PACKAGES = ("catdog-edge", "numpy", "pillow")


class Lesson(NamedTuple):
    """What a bundle is to learn.

    Attributes:
        base: the network.
        labels: all labels; those of `fixed` come first.
        fixed: labels whose rows of the last layer stay as they were exported; it may be empty.
        examples: the features of the pictures of all labels.
        left_out: pictures that were not used, and why.
    """

    base: Base
    labels: tuple[str, ...]
    fixed: tuple[str, ...]
    examples: Examples
    left_out: tuple[LeftOut, ...]


class Taught(NamedTuple):
    """How a lesson ended.

    Attributes:
        folder: the bundle that was written.
        manifest: its manifest.
        alone: labels whose pictures all look nearly the same, so that none can be judged by the others.
    """

    folder: Path
    manifest: Manifest
    alone: tuple[str, ...]

    @property
    def record(self) -> dict[str, Any]:
        """What the manifest says of the lesson."""
        record: dict[str, Any] = self.manifest.extra[TAUGHT]
        return record


def new_lesson(base: Base, paths: dict[str, list[str]], *, report: Callable[[str, int], None]) -> Lesson:
    """Read the pictures of all labels.

    Args:
        base: the network.
        paths: the pictures of each label, two labels or more.
        report: is told the label and the pictures done, after each picture.

    Raises:
        TeachingError: a label has a name that is refused.
    """
    for label in paths:
        refuse_name(label)
    labels = tuple(paths)
    numbered = dict(enumerate(paths.values()))
    examples, left_out = read_pictures(base, numbered, None, report=lambda n, done: report(labels[n], done))
    return Lesson(base, labels, (), examples, tuple(left_out))


def added_lesson(base: Base, paths: dict[str, list[str]], *, report: Callable[[str, int], None]) -> Lesson:
    """Read the pictures of labels to add to those of the bundle. Of a taught label there are then more pictures.

    Raises:
        BundleError: the bundle keeps no features of its own pictures.
        TeachingError: a label has a name that is refused, or is one that was exported.
    """
    labels = base.bundle.labels
    for label in paths:
        refuse_name(label)
        if label in base.fixed:
            raise TeachingError(
                f"{label}: is a label that the bundle was exported with, and its pictures are not here. Choose "
                "another name, or teach all labels anew: catdog-edge teach FOLDER"
            )
    known = read_examples(base.bundle, base.network.tail.width)
    all_labels = tuple(dict.fromkeys((*labels, *paths)))
    numbered = {all_labels.index(label): pictures for label, pictures in paths.items()}
    read, left_out = read_pictures(base, numbered, known, report=lambda n, done: report(all_labels[n], done))
    return Lesson(base, all_labels, base.fixed, known.joined(read), tuple(left_out))


def refuse_few(lesson: Lesson) -> None:
    """Refuse a lesson with too few pictures of a label.

    Raises:
        TeachingError: a label that is not fixed has fewer than `LEAST` pictures.
    """
    counts = dict(zip(lesson.labels, lesson.examples.counts(len(lesson.labels)), strict=True))
    few = [f"{count} of {label}" for label, count in counts.items() if count < LEAST and label not in lesson.fixed]
    if few:
        left_out = f" {len(lesson.left_out)} pictures were left out." if lesson.left_out else ""
        raise TeachingError(
            f"too few pictures: expected {LEAST} or more different pictures of each label, received "
            f"{', '.join(few)}.{left_out} Add pictures, or leave the label out."
        )


def require_taught_or_new(target: Path) -> None:
    """Refuse to replace a bundle that was not taught: its files could not be made again on this device.

    Raises:
        OutputError: such a bundle is there, or files that are no bundle.
    """
    require_replaceable(target, MANIFEST)
    if (target / MANIFEST).is_file() and TAUGHT not in read_bundle(target).manifest.extra:
        raise OutputError(f"{target}: is a bundle that was exported, and is not replaced. Choose another --name.")


def teach(lesson: Lesson, target: Path) -> Taught:
    """Fit, judge and write a bundle.

    Args:
        lesson: what it is to learn.
        target: the bundle folder. One that was taught before is replaced.

    Raises:
        TeachingError: a label has too few pictures.
        OutputError: `target` holds something that is not replaced.
        BackendError: the backend does not run the file that was made, or it gives other scores than were fitted.
        PictureError: a self-test picture of the base bundle cannot be read.
    """
    refuse_few(lesson)
    require_taught_or_new(target)
    base, examples = lesson.base, lesson.examples
    width = base.network.tail.width
    fixed = base.fixed_head() if lesson.fixed else Head(np.zeros((0, width)), np.zeros(0))
    course = Course(examples, base.real(examples.features), fixed, len(lesson.labels))
    findings = judge(course)
    head = course.head(np.ones(len(examples.targets), bool), findings.strength).tempered(findings.temperature)
    with whole_folder(target, marker=MANIFEST) as folder:
        file, selftest = write_files(folder, base, head, course.real)
        manifest = Manifest(
            name=target.name,
            labels=lesson.labels,
            preprocessing=base.bundle.preprocessing,
            files=(file,),
            training={},
            selftest=selftest,
            confidence_threshold=base.bundle.confidence_threshold if lesson.fixed else findings.threshold,
            extra={
                KEY: write_examples(folder, examples, len(lesson.labels)),
                TAUGHT: taught_record(lesson, findings),
            },
        )
        (folder / MANIFEST).write_text(json.dumps(manifest.to_dict(), indent=1) + "\n", encoding="utf-8")
    return Taught(target, manifest, tuple(lesson.labels[label] for label in findings.alone))


def taught_record(lesson: Lesson, findings: Findings) -> dict[str, Any]:
    """Return what the manifest says of a lesson, `extra.taught`."""
    targets, labels, network = lesson.examples.targets, lesson.labels, lesson.base.network
    right = findings.answers == targets
    judged = targets >= len(lesson.fixed)  # typical rows are no pictures
    by_label = {
        label: {"pictures": int((targets == index).sum()), "right": int(right[targets == index].sum())}
        for index, label in enumerate(labels)
        if label not in lesson.fixed
    }
    added = findings.answers >= len(lesson.fixed)
    kept = {
        label: {"rows": int((targets == index).sum()), "taken": int(added[targets == index].sum())}
        for index, label in enumerate(lesson.fixed)
    }
    bundle = lesson.base.bundle
    return {
        "base": {
            "name": bundle.manifest.extra.get(TAUGHT, {}).get("base", {}).get("name", bundle.name),
            "size_bytes": len(network.content),
            "sha256": hashlib.sha256(network.content).hexdigest(),
        },
        "fixed": list(lesson.fixed),
        "left_out": len(lesson.left_out),
        "held_out": {
            "pictures": int(judged.sum()),
            "accuracy": float(right[judged].mean()),
            "interval": list(wilson_interval(int(right[judged].sum()), int(judged.sum()))),
            "by_label": by_label,
            "kept": kept,
        },
        "strength": findings.strength,
        "temperature": findings.temperature,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }
