"""Judge a head on every picture: each is in the held-back part once, and the head is fitted on the rest."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from trainer.network.head import fit_head
from trainer.random_streams import Stream

FOLDS = 5


def held_back_scores(
    features: NDArray[np.float32], targets: NDArray[np.intp], groups: NDArray[np.intp], *, labels: int, seed: int
) -> NDArray[np.float64]:
    """Return the scores that each picture gets from a head which was not fitted on it, `float64 (N, labels)`.

    The next part chooses the penalty of each head, so that the part which is scored chooses nothing.

    Args:
        features: `float32 (N, copies, features)`. The first copy is the picture itself; the others are changed at
            random, to fit on.
        targets: label indices, `int (N,)`.
        groups: pictures of one group are always in one part, `int (N,)`.
        labels: number of labels.
        seed: the run's seed.
    """
    folds = deal_folds(targets, groups, seed)
    scores = np.zeros((len(targets), labels))
    for fold in range(FOLDS):
        held, chosen = folds == fold, folds == (fold + 1) % FOLDS
        fitted = ~held & ~chosen
        head = fit_head(
            _all_copies(features[fitted], targets[fitted]), (features[chosen, 0], targets[chosen]), labels
        )
        scores[held] = head.scores(features[held, 0])
    return scores


def deal_folds(targets: NDArray[np.intp], groups: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Return the part of each picture, `int (N,)`, 0-4. Each class is spread evenly; a group is never split."""
    folds = np.zeros(len(targets), np.intp)
    counts = [Counter[int]() for _ in range(FOLDS)]
    numbers, sizes = np.unique(groups, return_counts=True)
    order = Stream.HEAD.generator(seed, 0).permutation(len(numbers))
    for index in sorted(order, key=lambda index: -sizes[index]):
        members = np.flatnonzero(groups == numbers[index])
        label = int(targets[members[0]])
        fold = min(range(FOLDS), key=lambda fold: (counts[fold][label], counts[fold].total()))
        folds[members] = fold
        counts[fold][label] += len(members)
    return folds


def _all_copies(
    features: NDArray[np.float32], targets: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    return features.reshape(-1, features.shape[-1]), np.repeat(targets, features.shape[1])
