"""The answers that people get from a file, counted at the confidence threshold."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.report.answers import answer_rows
from tests.exporter.records import CLOSE, KERAS, TARGETS, file_of, record_of


def rows_of(record, threshold: float) -> list[tuple[str, ...]]:
    """Return the rows at a threshold, with shares in place of their intervals."""
    record = replace(record, confidence=replace(record.confidence, threshold=threshold))
    return [(row[1], row[2], *(cell.split(" [")[0] for cell in row[3:])) for row in answer_rows(record)]


def test_answers_are_counted_by_class():
    """Proves that right, unsure and wrong of each class, and of the classes without `neither`, are counted."""
    scores = np.array([[0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.4, 0.3, 0.3]])
    record = record_of(file_of("int8", KERAS))
    file = replace(record.files[0], check=replace(record.files[0].check, scores=scores))
    pictures = replace(record.pictures, targets=np.array([0, 0, 1, 2, 2]))
    source = replace(record.source, labels=("cat", "dog", "neither"))
    rows = rows_of(replace(record, files=(file,), pictures=pictures, source=source), 0.6)
    assert rows == [
        ("cat", "2", "100.00%", "50.00%", "100.00%", "0.00%"),
        ("dog", "1", "100.00%", "100.00%", "100.00%", "0.00%"),
        ("neither", "2", "0.00%", "0.00%", "50.00%", "50.00%"),
        ("all but neither", "3", "100.00%", "66.67%", "100.00%", "0.00%"),
    ]


@pytest.mark.parametrize(("threshold", "sure"), [(0.7, "75.00%"), (0.7000001, "50.00%")])
def test_an_answer_at_the_threshold_is_sure(threshold, sure):
    """Proves that the report counts as the device does: only less confidence than the threshold is unsure."""
    rows = rows_of(record_of(file_of("float32", KERAS)), threshold)
    assert [row[3] for row in rows] == [sure, sure]


def test_without_a_threshold_every_answer_is_sure():
    """Proves that right and sure is right, and right or unsure too."""
    for _, _, right, sure, either, wrong in rows_of(record_of(file_of("int8", CLOSE)), 0.0):
        assert right == sure == either == "75.00%"
        assert wrong == "25.00%"


def test_every_file_has_its_rows():
    """Proves that files stand in the order of the record, each with all classes and its own scores."""
    record = record_of(file_of("float32", KERAS), file_of("int8", 1 - KERAS))
    names = [row[0] for row in answer_rows(record)]
    assert names == ["`model.float32.tflite`"] * 2 + ["`model.int8.tflite`"] * 2
    assert [row[2] for row in rows_of(record, 0.0)] == ["75.00%", "100.00%", "25.00%", "0.00%"]


def test_a_class_without_test_pictures_has_no_share():
    """Proves that a label that no test picture has is told without a share of nothing."""
    record = record_of(file_of("int8", KERAS))
    record = replace(record, pictures=replace(record.pictures, targets=np.zeros_like(TARGETS)))
    assert rows_of(record, 0.5)[1] == ("dog", "0", *["no picture"] * 4)
