"""Held-out pictures are judged by a layer that saw nothing like them."""

import numpy as np

from edge_runtime.teaching.examples import HASH_BYTES, Examples
from edge_runtime.teaching.head import Head, softmax
from edge_runtime.teaching.held_out import FOLDS, MOST_THRESHOLD, Course, deal, judge, near_groups

NOISE = np.random.default_rng(0)


def random_examples(count: int, *, hashes: np.ndarray | None = None) -> Examples:
    """Return rows of noise, which tell nothing of their two labels."""
    features = NOISE.integers(-128, 128, (count, 1, 20)).astype(np.int8)
    drawn = NOISE.integers(0, 256, (count, HASH_BYTES)).astype(np.uint8) if hashes is None else hashes
    return Examples(np.repeat(features, 2, axis=1), drawn, np.arange(count) * 2 // count)


def course(examples: Examples) -> Course:
    """Return a course of two labels without fixed ones."""
    return Course(examples, examples.features / 50.0, Head(np.zeros((0, 20)), np.zeros(0)), 2)


def test_noise_is_guessing() -> None:
    """Proves that the accuracy is honest: with 20 features, 40 pictures of noise could all be learned by heart."""
    examples = random_examples(40)
    answers = judge(course(examples)).answers
    assert 0.2 < (answers == examples.targets).mean() < 0.8
    head = course(examples).head(np.ones(40, bool), 0.001)
    learned = head.logits(examples.features[:, 0] / 50.0).argmax(axis=1)
    assert (learned == examples.targets).mean() > 0.8


def test_near_copies_are_held_out_together() -> None:
    """Proves that a burst of frames does not judge itself: noise in five near copies each is guessing too."""
    examples = random_examples(16)
    copies = examples.chosen(np.repeat(np.arange(16), 5))
    copies.hashes[::5, 0] ^= 1  # one bit is another one
    groups = near_groups(copies, 0)
    assert len(set(groups)) == 16
    assert all(len(set(groups[first : first + 5])) == 1 for first in range(0, 80, 5))
    folds = deal(groups, copies.targets)
    assert all(len(set(folds[groups == group])) == 1 for group in groups)
    assert (judge(course(copies)).answers == copies.targets).mean() < 0.9


def test_near_copies_of_another_label_are_not_joined() -> None:
    """Proves that only pictures of one label are near copies."""
    examples = random_examples(10, hashes=np.zeros((10, HASH_BYTES), np.uint8))
    assert sorted(np.unique(near_groups(examples, 0), return_counts=True)[1]) == [5, 5]
    assert len(set(near_groups(examples, 2))) == 10  # typical rows have no hash


def test_folds_are_even() -> None:
    """Proves that each fold has its share of each label."""
    targets = np.repeat([0, 1], [13, 7])
    folds = deal(np.arange(20), targets)
    for label, count in ((0, 13), (1, 7)):
        sizes = np.bincount(folds[targets == label], minlength=FOLDS)
        assert sizes.sum() == count
        assert sizes.max() - sizes.min() <= 1


def test_a_label_of_one_look_is_named() -> None:
    """Proves that a label whose pictures are all near copies is said, as its accuracy means nothing."""
    examples = random_examples(20)
    examples.hashes[:10] = examples.hashes[0]
    assert judge(course(examples)).alone == (0,)


def test_the_threshold_lets_right_answers_through() -> None:
    """Proves that labels that differ plainly are right when held out, and that the threshold keeps them."""
    examples = random_examples(30)
    examples.features[:15, :, :5] = 120
    examples.features[15:, :, :5] = -120
    findings = judge(course(examples))
    assert (findings.answers == examples.targets).all()
    assert 0.5 < findings.threshold <= MOST_THRESHOLD
    scores = softmax(
        findings.temperature**-1
        * course(examples).head(np.ones(30, bool), findings.strength).logits(examples.features[:, 0] / 50.0)
    )
    assert 0.9 < scores.max(axis=1).mean() < 0.995  # 30 pictures cannot show more
