"""Every picture judges a head that was not fitted on it."""

import numpy as np

from trainer.cross_validation import FOLDS, deal_folds, held_back_scores


def accuracy(features: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> float:
    scores = held_back_scores(features, targets, groups, labels=2, seed=0)
    assert np.allclose(scores.sum(axis=1), 1)
    return float((scores.argmax(axis=1) == targets).mean())


def test_classes_are_spread_evenly_and_groups_kept_together() -> None:
    """Proves that each part has as many of a class as any other, to a group, and that no group is in two parts."""
    targets = np.repeat([0, 1, 2], [25, 15, 10])
    groups = np.arange(50)
    groups[:3] = 0
    folds = deal_folds(targets, groups, seed=0)
    counts = np.array([np.bincount(folds[targets == label], minlength=FOLDS) for label in range(3)])
    assert (counts[1:] == [[3] * FOLDS, [2] * FOLDS]).all()
    assert counts[0].max() - counts[0].min() <= 2
    assert len(set(folds[:3])) == 1
    assert (folds == deal_folds(targets, groups, seed=0)).all()


def test_what_can_be_told_apart_is() -> None:
    """Proves that a clear difference of the classes comes out as an accuracy near 1."""
    generator = np.random.default_rng(0)
    targets = np.arange(60) % 2
    features = generator.normal(0, 1, (60, 2, 8)).astype(np.float32) + 6 * targets[:, None, None].astype(np.float32)
    assert accuracy(features, targets, np.arange(60)) > 0.95


def test_nothing_leaks() -> None:
    """Proves that labels which the features cannot tell come out as chance, with more features than pictures.

    A head that had seen the picture, or one of its changed copies, would know its label.
    """
    generator = np.random.default_rng(1)
    own = generator.normal(0, 1, (100, 1, 300))
    features = (own + generator.normal(0, 0.1, (100, 4, 300))).astype(np.float32)
    found = accuracy(features, generator.permutation(np.arange(100) % 2), np.arange(100))
    assert 0.3 < found < 0.7


def test_copies_of_a_picture_in_one_group_do_not_leak() -> None:
    """Proves that near-duplicates judge no head that was fitted on their like: one file in two names is chance."""
    generator = np.random.default_rng(2)
    own = generator.normal(0, 1, (50, 1, 300)).repeat(2, axis=0)
    targets = np.repeat(generator.permutation(np.arange(50) % 2), 2)
    assert 0.25 < accuracy(own.astype(np.float32), targets, np.arange(100) // 2) < 0.75
    assert accuracy(own.astype(np.float32), targets, np.arange(100)) > 0.8  # as two groups they would
