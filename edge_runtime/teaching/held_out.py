"""Judge a last layer by pictures that it did not learn from: fit it several times, each time without some."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.near_duplicates import MAX_DISTANCE
from edge_runtime.teaching.examples import VIEWS, Examples
from edge_runtime.teaching.head import Array, Head, fit_head, fit_temperature, log_loss, softmax

FOLDS = 5
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
MOST_THRESHOLD = 0.9
KEPT = 0.99  # share of the right answers that the confidence threshold lets through, as in an export


class Course(NamedTuple):
    """What a last layer is fitted to.

    Attributes:
        examples: the rows.
        real: their real values, `float64 (N, VIEWS, width)`.
        fixed: the rows of the layer that stay, for the first labels; it may have none.
        labels: number of all labels.
    """

    examples: Examples
    real: Array
    fixed: Head
    labels: int

    def head(self, rows: NDArray[np.bool_], strength: float) -> Head:
        """Fit the layer to some of the rows. Each label counts as much as another, and each mirror image too."""
        targets = self.examples.targets[rows]
        shares = 1 / np.bincount(targets, minlength=self.labels).clip(1)[targets]
        features = self.real[rows].reshape(-1, self.real.shape[2])
        fitted = fit_head(
            features,
            np.repeat(targets, VIEWS),
            np.repeat(shares / shares.sum() / VIEWS, VIEWS),
            labels=self.labels - len(self.fixed.bias),
            strength=strength,
            fixed=self.fixed.logits(features),
        )
        return Head(*(np.concatenate(parts) for parts in zip(self.fixed, fitted, strict=True)))


class Findings(NamedTuple):
    """What the pictures say that were held out.

    Attributes:
        strength: the strength with the best scores on them.
        temperature: what logits are divided by.
        threshold: confidence that 99 % of the right answers reach, 0-1.
        answers: the label that each row got when it was held out, `int (N,)`.
        alone: the labels whose pictures all look nearly the same.
    """

    strength: float
    temperature: float
    threshold: float
    answers: NDArray[np.intp]
    alone: tuple[int, ...]


def judge(course: Course) -> Findings:
    """Hold each picture out once, together with those that look nearly the same."""
    targets, first = course.examples.targets, len(course.fixed.bias)
    groups = near_groups(course.examples, first)
    folds = deal(groups, targets)
    tried = [_held_out_logits(course, folds, strength) for strength in STRENGTHS]
    best = int(np.argmin([log_loss(logits, targets) for logits in tried]))
    logits = tried[best]
    # Fixed rows keep their temperature, and the new ones must fit beside them.
    temperature = 1.0 if first else fit_temperature(logits, targets)
    threshold = _threshold(softmax(logits / temperature), targets)
    alone = tuple(label for label in range(first, course.labels) if len(set(groups[targets == label])) < 2)
    return Findings(STRENGTHS[best], temperature, threshold, logits.argmax(axis=1), alone)


def _held_out_logits(course: Course, folds: NDArray[np.intp], strength: float) -> Array:
    logits = np.zeros((len(folds), course.labels))
    for fold in np.unique(folds):
        held = folds == fold
        logits[held] = course.head(~held, strength).logits(course.real[held, 0])
    return logits


def near_groups(examples: Examples, fixed: int) -> NDArray[np.intp]:
    """Return a number for each row that is the same for pictures of a label that look nearly the same.

    Args:
        examples: the rows.
        fixed: number of labels with typical rows, which are no pictures.
    """
    bits = np.unpackbits(examples.hashes, axis=1).astype(np.float32) * 2 - 1
    groups = np.arange(len(bits))
    least = bits.shape[1] - 2 * MAX_DISTANCE  # the product of two hashes is their bits less twice the distance
    for row in range(1, len(bits)):
        if examples.targets[row] < fixed:
            continue
        near = (bits[:row] @ bits[row] >= least) & (examples.targets[:row] == examples.targets[row])
        for group in set(groups[:row][near]):
            groups[groups == group] = row
        if near.any():
            groups[row] = row
    return groups


def deal(groups: NDArray[np.intp], targets: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return a fold for each row, 0 to `FOLDS - 1`. Folds have as many rows of each label as can be."""
    folds = np.zeros(len(targets), np.intp)
    for label in np.unique(targets):
        sizes = np.zeros(FOLDS, np.intp)
        members = groups[targets == label]
        names, counts = np.unique(members, return_counts=True)
        for name in names[np.argsort(-counts, kind="stable")]:
            fold = int(sizes.argmin())
            chosen = (targets == label) & (groups == name)
            folds[chosen] = fold
            sizes[fold] += chosen.sum()
    return folds


def _threshold(scores: Array, targets: NDArray[np.intp]) -> float:
    """Return the confidence that 99 % of the right answers reach, rounded down to thousandths; 0 without any.

    It is at most `MOST_THRESHOLD`: a few plain pictures do not show that others will be as plain.
    """
    right = np.sort(scores.max(axis=1)[scores.argmax(axis=1) == targets])
    if not len(right):
        return 0.0
    return min(MOST_THRESHOLD, float(np.floor(right[int((1 - KEPT) * len(right))] * 1000) / 1000))
