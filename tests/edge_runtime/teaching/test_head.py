"""The last layer is fitted as it should be."""

import numpy as np
import pytest

from edge_runtime.teaching.head import Head, fit_head, fit_temperature, log_loss, softmax

NOISE = np.random.default_rng(0)
TARGETS = np.repeat([0, 1, 2], 20)
FEATURES = NOISE.normal(0, 1, (60, 12)) + np.eye(3, 12)[TARGETS] * 2
EVEN = np.full(60, 1 / 60)
NO_FIXED = np.zeros((60, 0))


def cost(head: Head, strength: float) -> float:
    """Return what the fit makes as small as it can, in the scale of the features that it uses."""
    deviation = FEATURES.std(axis=0)
    deviation = np.maximum(deviation, 0.25 * np.sqrt((deviation**2).mean()))
    return log_loss(head.logits(FEATURES), TARGETS) + strength / 2 * float(((head.weights * deviation) ** 2).sum())


def test_it_is_the_lowest_point() -> None:
    """Proves that no step away from the fitted layer makes the cost smaller."""
    head = fit_head(FEATURES, TARGETS, EVEN, labels=3, strength=0.1, fixed=NO_FIXED)
    lowest = cost(head, 0.1)
    for _ in range(50):
        step = NOISE.normal(0, 0.01, head.weights.shape)
        other = Head(head.weights + step, head.bias + NOISE.normal(0, 0.01, 3))
        assert cost(other, 0.1) > lowest


def test_it_is_the_same_each_time() -> None:
    """Proves that there is no chance in it."""
    heads = [fit_head(FEATURES, TARGETS, EVEN, labels=3, strength=0.1, fixed=NO_FIXED) for _ in range(2)]
    assert np.array_equal(heads[0].weights, heads[1].weights)


def test_fixed_labels_stay() -> None:
    """Proves that a new label is told from two fixed ones, and that only its row is returned."""
    fixed = Head(np.eye(2, 12) * 3, np.zeros(2))
    head = fit_head(FEATURES, TARGETS, EVEN, labels=1, strength=0.01, fixed=fixed.logits(FEATURES))
    assert head.weights.shape == (1, 12)
    logits = np.concatenate([fixed.logits(FEATURES), head.logits(FEATURES)], axis=1)
    assert (logits.argmax(axis=1) == TARGETS).mean() > 0.9


def test_a_feature_that_hardly_varies_gets_no_large_weight() -> None:
    """Proves that noise in a dead feature is not blown up, which int8 weights would pay for."""
    features = FEATURES.copy()
    features[:, 5] = 1e-6 * NOISE.normal(0, 1, 60)
    head = fit_head(features, TARGETS, EVEN, labels=3, strength=0.1, fixed=NO_FIXED)
    assert np.abs(head.weights[:, 5]).max() < np.abs(head.weights).max()


def test_the_same_features_everywhere_are_fitted() -> None:
    """Proves that pictures that are all the same give even scores and no error."""
    head = fit_head(np.ones((60, 12)), TARGETS, EVEN, labels=3, strength=0.1, fixed=NO_FIXED)
    assert np.allclose(softmax(head.logits(np.ones((1, 12)))), 1 / 3, atol=1e-3)


def test_a_temperature_undoes_what_was_multiplied() -> None:
    """Proves that the temperature of logits that come true is near 1, and grows as they are multiplied."""
    scores = softmax(NOISE.normal(0, 1.5, (4000, 3)))
    targets = (scores.cumsum(axis=1) < NOISE.random((4000, 1))).sum(axis=1)
    assert fit_temperature(np.log(scores), targets) == pytest.approx(1, abs=0.1)
    assert fit_temperature(3 * np.log(scores), targets) == pytest.approx(3, abs=0.3)
