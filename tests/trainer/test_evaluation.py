"""Figures on the test split against figures worked out by hand."""

import json

import numpy as np
import pytest

from trainer.evaluation import evaluate_scores, worst_mistakes

# Ten pictures: 4 cats (3 right), 3 dogs (2 right, one called cat), 3 owls (1 right, one called cat, one dog).
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
GUESS = np.array([0, 0, 0, 1, 1, 1, 0, 2, 0, 1])
LABELS = ("cat", "dog", "owl")


def scores_of(guess: np.ndarray, classes: int, sure: float = 0.8) -> np.ndarray:
    scores = np.full((len(guess), classes), (1 - sure) / (classes - 1))
    scores[np.arange(len(guess)), guess] = sure
    return scores


def test_figures_by_hand() -> None:
    """Proves confusion matrix, accuracy, precision, recall and F1 of three classes against hand-worked values."""
    found = evaluate_scores(scores_of(GUESS, 3), TRUE, LABELS)
    assert found.confusion == ((3, 1, 0), (1, 2, 0), (1, 1, 1))
    assert (found.pictures, found.accuracy) == (10, 0.6)
    cat, dog, owl = (found.per_class[name] for name in LABELS)
    assert (cat["precision"], cat["recall"]) == (pytest.approx(3 / 5), pytest.approx(3 / 4))
    assert cat["f1-score"] == pytest.approx(2 * 0.6 * 0.75 / 1.35)
    assert (dog["precision"], dog["recall"]) == (pytest.approx(2 / 4), pytest.approx(2 / 3))
    assert (owl["precision"], owl["recall"], owl["support"]) == (1, pytest.approx(1 / 3), 3)
    assert found.per_class["macro avg"]["recall"] == pytest.approx((3 / 4 + 2 / 3 + 1 / 3) / 3)
    assert list(found.per_class) == [*LABELS, "macro avg", "weighted avg"]


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # R. G. Newcombe, "Two-sided confidence intervals", 1998, table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval(right: int, of: int, low: float, high: float) -> None:
    """Proves the interval against Newcombe's published values of Wilson's method without continuity correction."""
    guess = np.array([0] * right + [1] * (of - right))
    found = evaluate_scores(scores_of(guess, 2), np.zeros(of, int), ("cat", "dog")).accuracy_interval
    assert found == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_class_never_predicted() -> None:
    """Proves that a class nobody predicts counts as precision 0 instead of failing, and keeps its row."""
    found = evaluate_scores(scores_of(np.zeros(4, int), 2), np.array([0, 0, 1, 1]), ("cat", "dog"))
    assert found.confusion == ((2, 0), (2, 0))
    assert found.per_class["dog"]["precision"] == 0


def test_metrics_are_plain_json() -> None:
    """Proves that the figures can be written as strict JSON."""
    found = evaluate_scores(scores_of(GUESS, 3), TRUE, LABELS).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False))["confusion"] == [[3, 1, 0], [1, 2, 0], [1, 1, 1]]


def test_worst_mistakes_come_first() -> None:
    """Proves that mistakes are sorted by the score of the wrong label, without the right ones, up to the count."""
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.99, 0.01], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    targets = np.array([0, 1, 1, 0, 1, 0])
    assert worst_mistakes(scores, targets, 10) == [(2, 0, 0.99), (3, 1, 0.8), (5, 1, 0.7), (1, 0, 0.6)]
    assert worst_mistakes(scores, targets, 2) == [(2, 0, 0.99), (3, 1, 0.8)]
    assert worst_mistakes(scores, scores.argmax(axis=1), 10) == []


def test_labels_that_are_called_like_a_row_of_scikit_learn() -> None:
    """Proves that no label loses its figures to an average that has the same name."""
    labels = ("accuracy", "macro avg", "0")
    found = evaluate_scores(scores_of(GUESS, 3), TRUE, labels)
    assert list(found.per_class) == [*labels, "weighted avg"]
    assert [found.per_class[label]["recall"] for label in labels] == [
        pytest.approx(x) for x in (3 / 4, 2 / 3, 1 / 3)
    ]
