"""Drift figures are compared with numbers worked out by hand, other implementations and simulations."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest, norm

from edge_runtime.proof.drift import (
    DriftReport,
    brier_score,
    calibration_error,
    measure_drift,
    measure_drift_by_class,
)
from edge_runtime.proof.shares import mcnemar_p, paired_interval, wilson_interval

Z = float(norm.ppf(0.975))


def scores(second: list[float]) -> np.ndarray:
    return np.array([[1 - value, value] for value in second])


def test_flips_agreement_and_differences():
    """Proves the figures of five pictures: one flips to wrong, two flip to right."""
    keras = scores([0.9, 0.9, 0.1, 0.4, 0.2])
    exported = scores([0.9, 0.4, 0.6, 0.6, 0.2])
    drift = measure_drift(keras, exported, np.array([1, 1, 1, 1, 0]))
    assert (drift.right_to_wrong, drift.wrong_to_right) == (1, 2)
    assert drift.agreement == pytest.approx(2 / 5)
    assert (drift.keras_accuracy, drift.accuracy) == pytest.approx((3 / 5, 4 / 5))
    assert drift.difference == pytest.approx(1 / 5)
    assert drift.mean_difference == pytest.approx((0.5 + 0.5 + 0.2) / 5)
    assert drift.largest_difference == pytest.approx(0.5)


def test_a_label_changed_among_wrong_ones_is_no_flip():
    """Proves that a change from one wrong label to another lowers the agreement and nothing else."""
    keras, exported = np.eye(3)[[0, 1, 2]], np.eye(3)[[0, 1, 1]]
    drift = measure_drift(keras, exported, np.array([0, 1, 0]))
    assert (drift.right_to_wrong, drift.wrong_to_right, drift.mcnemar_p) == (0, 0, 1.0)
    assert drift.agreement == pytest.approx(2 / 3)
    assert drift.accuracy == drift.keras_accuracy == pytest.approx(2 / 3)


def test_exact_mcnemar():
    """Proves p for ten flips, one of them to right: 2 x (C(10,0) + C(10,1)) / 2^10 = 22 / 1024."""
    keras = scores([0.9] * 9 + [0.1] + [0.9] * 30)
    exported = scores([0.1] * 9 + [0.9] + [0.9] * 30)
    assert measure_drift(keras, exported, np.ones(40, int)).mcnemar_p == pytest.approx(22 / 1024)


def test_identical_scores_do_not_drift():
    """Proves that equal scores give full agreement, no flips and p = 1."""
    same = scores([0.2, 0.8, 0.6])
    drift = measure_drift(same, same, np.array([0, 1, 0]))
    assert (drift.agreement, drift.mcnemar_p, drift.largest_difference) == (1.0, 1.0, 0.0)


def test_wilson_interval():
    """Proves that 8 of 10 right gives [0.4902, 0.9433] by Wilson's score method, for the file and for Keras."""
    eight, nine = scores([0.9] * 8 + [0.1] * 2), scores([0.9] * 9 + [0.1])
    drift = measure_drift(nine, eight, np.ones(10, int))
    assert drift.interval == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert drift.keras_interval == pytest.approx((0.5958, 0.9821), abs=1e-4)


def test_confidence_figures_are_those_of_each_side():
    """Proves that Keras, sure and right, has error 0, and a file at 0.75 error 0.25 and Brier score 2 / 16."""
    drift = measure_drift(scores([1.0, 1.0]), scores([0.75, 0.75]), np.array([1, 1]))
    assert (drift.keras_calibration_error, drift.keras_brier) == (0, 0)
    assert (drift.calibration_error, drift.brier) == pytest.approx((0.25, 0.125))


def test_the_json_object_has_every_field():
    """Proves that the JSON object for the manifest has every field, as plain numbers."""
    drift = measure_drift(scores([0.9, 0.2]), scores([0.8, 0.6]), np.array([1, 0]))
    stored = json.loads(json.dumps(drift.to_dict()))
    assert stored.keys() == set(DriftReport.__dataclass_fields__)
    assert stored == {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(drift).items()
    }


def test_per_class():
    """Proves that the figures of a label count only its own pictures. A label without pictures has none."""
    keras, exported = scores([0.1, 0.2, 0.9, 0.8]), scores([0.1, 0.7, 0.9, 0.8])
    targets = np.array([0, 0, 1, 1])
    found = measure_drift_by_class(keras, exported, targets, ("cat", "dog", "hamster"))
    assert found.keys() == {"cat", "dog"}
    assert found["cat"] == measure_drift(keras[:2], exported[:2], targets[:2])
    assert (found["cat"].right_to_wrong, found["cat"].pictures) == (1, 2)
    assert (found["dog"].right_to_wrong, found["dog"].accuracy) == (0, 1.0)


@pytest.mark.parametrize("pictures", [1, 24, 381, 4662])
def test_paired_interval_without_flips(pictures):
    """Proves that no flips in N pictures give +- z^2 / (N + z^2). Wald's method would give a width of 0."""
    end = Z**2 / (pictures + Z**2)
    assert paired_interval(0, 0, pictures) == pytest.approx((-end, end), abs=1e-9)


@pytest.mark.parametrize(("lost", "won", "pictures"), [(0, 5, 50), (3, 11, 100), (40, 0, 60), (1, 1, 2), (0, 9, 9)])
def test_paired_interval_mirrors_and_holds_the_estimate(lost, won, pictures):
    """Proves that swapping the sides mirrors the interval, and that the estimate lies within, also at +-1."""
    low, high = paired_interval(lost, won, pictures)
    assert paired_interval(won, lost, pictures) == pytest.approx((-high, -low), abs=1e-9)
    assert -1 <= low <= (won - lost) / pictures <= high <= 1
    assert low < high


def test_paired_interval_narrows_with_pictures_and_widens_with_confidence():
    """Proves that ten times the pictures narrow the interval, and that 99 % widens it."""
    wide, narrow = paired_interval(5, 3, 100), paired_interval(50, 30, 1000)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    sure = paired_interval(5, 3, 100, confidence=0.99)
    assert sure[0] < wide[0] < wide[1] < sure[1]


def interval_by_likelihood(lost: int, won: int, pictures: int) -> tuple[float, float]:
    """Return Tango's interval by another method: a numerical search of the restricted maximum likelihood.

    The parameters are the shares of the two kinds of flip, `won = lost share + delta`. The likelihood is maximised
    numerically for every delta of a grid, instead of by Tango's closed form, and the deltas with a score statistic
    within z make the interval.
    """
    inside = []
    for delta in np.linspace(-0.9995, 0.9995, 3999):
        least, most = max(0.0, -delta), (1 - delta) / 2

        def loss(share, delta=delta):
            parts = [(lost, share), (won, share + delta), (pictures - lost - won, 1 - 2 * share - delta)]
            return -sum(count * np.log(max(chance, 1e-300)) for count, chance in parts if count)

        share = minimize_scalar(loss, bounds=(least, most), method="bounded", options={"xatol": 1e-10}).x
        variance = (2 * share + delta - delta**2) / pictures
        statistic = ((won - lost) / pictures - delta) / np.sqrt(max(variance, 1e-300))
        if abs(statistic) <= Z:
            inside.append(delta)
    return inside[0], inside[-1]


@pytest.mark.parametrize(("lost", "won", "pictures"), [(9, 3, 40), (2, 12, 44), (0, 3, 30), (20, 25, 60)])
def test_paired_interval_agrees_with_a_search_of_the_likelihood(lost, won, pictures):
    """Proves that Tango's closed form and the numerical search agree within the step of the grid."""
    expected = interval_by_likelihood(lost, won, pictures)
    assert paired_interval(lost, won, pictures) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(("loses", "wins"), [(0.02, 0.01), (0.05, 0.05), (0.10, 0.02)])
def test_paired_interval_covers_the_truth_in_95_of_100(loses, wins):
    """Proves on 3,000 simulated splits of 200 pictures that 93.5-98 % hold the true difference."""
    generator = np.random.default_rng(0)
    draws = generator.multinomial(200, [loses, wins, 1 - loses - wins], 3000)
    known = {}
    covered = 0
    for lost, won, _ in draws.tolist():
        if (lost, won) not in known:
            known[lost, won] = paired_interval(lost, won, 200)
        low, high = known[lost, won]
        covered += low <= wins - loses <= high
    assert 0.935 <= covered / 3000 <= 0.98


def test_mcnemar_agrees_with_the_binomial_distribution():
    """Proves that p is twice the smaller tail of a fair coin, summed here from the distribution itself."""
    keras = scores([0.9] * 7 + [0.1] * 2 + [0.9] * 11)
    exported = scores([0.1] * 7 + [0.9] * 2 + [0.9] * 11)
    tail = sum(binom.pmf(count, 9, 0.5) for count in range(3))
    assert measure_drift(keras, exported, np.ones(20, int)).mcnemar_p == pytest.approx(2 * tail)


@pytest.mark.parametrize(("right", "count"), [(0, 5), (1, 1), (37, 100), (2370, 2922), (2922, 2922)])
def test_wilson_interval_is_scipys(right, count):
    """Proves that the interval of an accuracy is that of SciPy's Wilson method, also at 0 and 1."""
    expected = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson_interval(right, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (0, 10), (11, 10), (3, 1), (900, 1100)])
def test_mcnemar_is_scipys_exact_test(lost, won):
    """Proves that p is that of SciPy's exact binomial test, and 1 without flips."""
    expected = binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert mcnemar_p(lost, won) == pytest.approx(expected, rel=1e-9)


def test_calibration_error_of_one_bin():
    """Proves that ten answers at 0.8, of which six are right, have an error of 0.2."""
    assert calibration_error(scores([0.8] * 10), np.array([1] * 6 + [0] * 4)) == pytest.approx(0.2)


def test_calibration_error_weighs_bins():
    """Proves that bins are weighed: (3 x 0.05 + 1 x 0.6) / 4 for three right at 0.95 and one wrong at 0.6."""
    assert calibration_error(scores([0.95] * 3 + [0.6]), np.array([1, 1, 1, 0])) == pytest.approx(0.1875)


def test_calibration_error_lets_gaps_within_a_bin_cancel():
    """Proves that half right at 0.5 has no error, and that a confidence of 1 counts in the last bin."""
    assert calibration_error(scores([0.5, 0.5]), np.array([0, 1])) == pytest.approx(0)
    assert calibration_error(scores([1.0, 0.0]), np.array([1, 1])) == pytest.approx(0.5)


def test_brier_score():
    """Proves (0.2^2 + 0.2^2 + 0.7^2 + 0.7^2) / 2 by hand, 0 at best, 2 at worst, and three labels."""
    assert brier_score(scores([0.8, 0.7]), np.array([1, 0])) == pytest.approx(0.53)
    assert brier_score(scores([1.0]), np.array([1])) == 0
    assert brier_score(scores([1.0]), np.array([0])) == 2
    assert brier_score(np.array([[0.5, 0.3, 0.2]]), np.array([0])) == pytest.approx(0.25 + 0.09 + 0.04)
