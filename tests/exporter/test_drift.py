"""Drift figures against numbers worked out by hand."""

import numpy as np
import pytest

from exporter.drift import measure_drift


def scores(second: list[float]) -> np.ndarray:
    return np.array([[1 - value, value] for value in second])


def test_flips_agreement_and_differences():
    """Five pictures: one flips to wrong, two flip to right."""
    keras = scores([0.9, 0.9, 0.1, 0.4, 0.2])
    exported = scores([0.9, 0.4, 0.6, 0.6, 0.2])
    drift = measure_drift(keras, exported, np.array([1, 1, 1, 1, 0]))
    assert (drift.right_to_wrong, drift.wrong_to_right) == (1, 2)
    assert drift.agreement == pytest.approx(2 / 5)
    assert (drift.keras_accuracy, drift.accuracy) == pytest.approx((3 / 5, 4 / 5))
    assert drift.mean_difference == pytest.approx((0.5 + 0.5 + 0.2) / 5)
    assert drift.largest_difference == pytest.approx(0.5)


def test_exact_mcnemar():
    """Ten flips, one of them to right: p is 2 x (C(10,0) + C(10,1)) / 2^10 = 22 / 1024."""
    keras = scores([0.9] * 9 + [0.1] + [0.9] * 30)
    exported = scores([0.1] * 9 + [0.9] + [0.9] * 30)
    assert measure_drift(keras, exported, np.ones(40, int)).mcnemar_p == pytest.approx(22 / 1024)


def test_identical_scores_do_not_drift():
    """The same scores: full agreement, no flips, p = 1."""
    same = scores([0.2, 0.8, 0.6])
    drift = measure_drift(same, same, np.array([0, 1, 0]))
    assert (drift.agreement, drift.mcnemar_p, drift.largest_difference) == (1.0, 1.0, 0.0)


def test_wilson_interval():
    """8 of 10 right gives [0.4902, 0.9433] by Wilson's score method."""
    keras = scores([0.9] * 8 + [0.1] * 2)
    assert measure_drift(keras, keras, np.ones(10, int)).interval == pytest.approx((0.4902, 0.9433), abs=1e-4)
