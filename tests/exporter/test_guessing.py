"""A model that guesses is told from one that knows, and the mistake is named where it can be found."""

import numpy as np
import pytest

from exporter.guessing import better_range, compare_with_guessing, warning_lines

LABELS = ("cat", "dog", "hen")


def scores(answers, count=3):
    """Return scores whose highest are these answers."""
    return np.eye(count)[answers]


TRUTH = np.repeat(np.arange(3), 20)


@pytest.mark.parametrize(
    ("answers", "truth", "guessing"),
    [
        (TRUTH, TRUTH, False),
        (np.zeros(60, int), TRUTH, True),
        ((TRUTH + 1) % 3, TRUTH, True),
        (np.random.default_rng(0).integers(0, 3, 60), TRUTH, True),
        (np.where(np.arange(60) % 4 > 0, TRUTH, 0), TRUTH, False),
        (np.zeros(100, int), np.repeat([0, 1], [90, 10]), True),
        (np.repeat([0, 1], [95, 5]), np.repeat([0, 1], [90, 10]), True),
        (np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [90, 10]), False),
        (np.arange(2), np.arange(2), True),
    ],
    ids=[
        "knows all", "constant", "shifted", "noise", "knows three of four", "always the largest class",
        "hardly better than that", "knows the rare class", "two pictures",
    ],
)  # fmt: skip
def test_who_guesses(answers, truth, guessing):
    """Proves that the lower end of the interval must beat the largest class and chance."""
    assert compare_with_guessing(scores(answers), truth, LABELS).is_guessing is guessing


def test_the_right_order_is_found():
    """Proves that shifted labels are put in the order in which the model is right, and that it is printed."""
    found = compare_with_guessing(scores((TRUTH + 1) % 3), TRUTH, LABELS)
    assert (found.order, found.order_accuracy) == (("hen", "cat", "dog"), 1.0)
    lines = warning_lines(found, LABELS)
    assert "no better than guessing: accuracy 0.00%" in lines[0]
    assert lines[1] == "labels in the order of the outputs: 0 cat, 1 dog, 2 hen"
    assert lines[2].endswith("100.00% would be right with the labels in another order: --labels hen,cat,dog")


def test_two_swapped_labels_of_a_good_model():
    """Proves that a model that beats guessing is warned of too, where two of its labels are swapped."""
    truth = np.repeat(np.arange(6), 20)
    answers = np.select([truth == 4, truth == 5], [5, 4], truth)
    found = compare_with_guessing(scores(answers, 6), truth, ("a", "b", "c", "d", "e", "f"))
    assert not found.is_guessing
    assert found.order == ("a", "b", "c", "d", "f", "e")
    assert len(warning_lines(found, LABELS)) == 1


@pytest.mark.parametrize("answers", [TRUTH, np.zeros(60, int), np.random.default_rng(1).integers(0, 3, 60)])
def test_no_order_is_made_up(answers):
    """Proves that neither a good model, nor a constant one, nor noise is told another order."""
    assert compare_with_guessing(scores(answers), TRUTH, LABELS).order == ()


def test_the_right_range_is_found():
    """Proves that the values of black and white with which the model knows most are named."""
    found = compare_with_guessing(scores(np.zeros(60, int)), TRUTH, LABELS)
    answers = {(0.0, 1.0): np.zeros(60, int), (-1.0, 1.0): TRUTH, (0.0, 255.0): np.where(TRUTH == 2, 0, TRUTH)}
    better = better_range(found, lambda low, high: scores(answers[low, high]), TRUTH, LABELS)
    assert better is not None
    assert (better.low, better.high, better.accuracy, better.order) == (-1, 1, 1.0, ())
    assert warning_lines(found, LABELS, better)[-1] == ("warning: 100.00% would be right with --input-range -1 1")


def test_no_range_is_made_up():
    """Proves that nothing is named where no range helps."""
    found = compare_with_guessing(scores(np.zeros(60, int)), TRUTH, LABELS)
    assert better_range(found, lambda low, high: scores(np.ones(60, int)), TRUTH, LABELS) is None
