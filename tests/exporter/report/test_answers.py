"""The confidence threshold, and what it makes of right and wrong answers."""

from types import SimpleNamespace

import numpy as np

from exporter.network.confidence import choose_threshold
from exporter.report.answers import answer_rows


def test_the_threshold_keeps_99_of_100_right_answers():
    """Of a hundred right answers one falls below it, rounded down, and wrong answers do not move it."""
    confidence = np.linspace(0.5, 0.995, 100)
    scores = np.stack([confidence, 1 - confidence], axis=1)
    targets = np.zeros(100, int)
    threshold = choose_threshold(scores, targets)
    assert threshold == round(threshold, 3)
    assert (confidence >= threshold).sum() == 99
    with_wrong = np.vstack([scores, np.tile([0.501, 0.499], (50, 1))])
    assert choose_threshold(with_wrong, np.append(targets, np.ones(50, int))) == threshold


def test_no_right_answer_sets_no_threshold():
    """A network that is never right gets no threshold instead of a crash."""
    assert choose_threshold(np.array([[0.9, 0.1]]), np.array([1])) == 0.0


def test_answers_are_counted_by_class():
    """Right, unsure and wrong of each class, and of the classes without `neither`, are what the scores say."""
    scores = np.array([[0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.4, 0.3, 0.3]])
    record = SimpleNamespace(
        files=[SimpleNamespace(name="m.tflite", check=SimpleNamespace(scores=scores))],
        source=SimpleNamespace(labels=("cat", "dog", "neither")),
        pictures=SimpleNamespace(targets=np.array([0, 0, 1, 2, 2])),
        confidence=SimpleNamespace(threshold=0.6),
    )
    rows = [(row[1], row[2], *(cell.split(" ")[0] for cell in row[3:])) for row in answer_rows(record)]
    assert rows == [
        ("cat", "2", "100.00%", "50.00%", "100.00%", "0.00%"),
        ("dog", "1", "100.00%", "100.00%", "100.00%", "0.00%"),
        ("neither", "2", "0.00%", "0.00%", "50.00%", "50.00%"),
        ("all but neither", "3", "100.00%", "66.67%", "100.00%", "0.00%"),
    ]
