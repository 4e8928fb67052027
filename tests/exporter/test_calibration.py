"""Calibration pictures come from the training split alone."""

from dataclasses import replace

import pytest

from exporter.calibration import draw_calibration
from exporter.errors import SourceError


def test_draw_is_balanced_seeded_and_from_training(source):
    """Half of each class, the same for the same seed, all on the training side."""
    drawn = draw_calibration(source, count=20, seed=3)
    assert sorted(picture.label for picture in drawn) == [0] * 10 + [1] * 10
    assert set(drawn) <= set(source.sides["train"])
    assert drawn == draw_calibration(source, count=20, seed=3)
    assert drawn != draw_calibration(source, count=20, seed=4)


def test_order_mixes_the_classes(source):
    """Quantisers that average as they go need shuffled classes, so labels do not come in two blocks."""
    labels = [picture.label for picture in draw_calibration(source, count=40)]
    assert labels != sorted(labels)


def test_fewer_pictures_than_asked_for_are_all_taken(source):
    """A small training split gives what it has."""
    assert len(draw_calibration(source, count=10_000)) == len(source.sides["train"])


def test_a_test_picture_is_refused(source):
    """A training picture that is in the test split too stops the export."""
    leaked = source.sides | {"test": source.sides["train"]}
    with pytest.raises(SourceError, match="in the test split too"):
        draw_calibration(replace(source, sides=leaked), count=8)


def test_a_class_without_training_pictures_is_an_error(source):
    """A class that cannot be drawn from is named."""
    cats = tuple(picture for picture in source.sides["train"] if picture.label == 0)
    with pytest.raises(SourceError, match="no picture of class dog"):
        draw_calibration(replace(source, sides=source.sides | {"train": cats}))
