"""Weights are rounded so that a layer's sums stay near, and no further than a file's number format allows."""

import numpy as np
import pytest

from exporter.formats.weight_rounding import Window, input_powers, round_together

GENERATOR = np.random.default_rng(0)


def test_uncorrelated_inputs_are_rounded_to_nearest() -> None:
    """Proves that nothing is repaid where inputs know nothing of each other."""
    weights, scales = GENERATOR.normal(size=(4, 30)), np.full(4, 0.05)
    steps = round_together(weights, scales, np.diag(GENERATOR.uniform(1, 2, 30)), 127)
    np.testing.assert_array_equal(steps, np.round(weights / 0.05))


@pytest.mark.parametrize("inputs", [9, 300])
def test_correlated_inputs_lose_error(inputs: int) -> None:
    """Proves that the expected square of the error falls to less than half, in one block and in several."""
    seen = GENERATOR.normal(size=(2000, inputs)).cumsum(axis=1) + 3
    powers = seen.T @ seen / len(seen)
    weights = GENERATOR.normal(size=(8, inputs))
    scales = np.abs(weights).max(axis=1) / 64
    steps = round_together(weights, scales, powers, 64)
    nearest = np.round(weights / scales[:, None])
    assert _error(steps * scales[:, None] - weights, powers) < 0.5 * _error(
        nearest * scales[:, None] - weights, powers
    )
    assert np.abs(steps.astype(int)).max() <= 64


def test_dead_inputs_are_no_obstacle() -> None:
    """Proves that inputs that are always zero leave no infinite weight."""
    steps = round_together(GENERATOR.normal(size=(3, 6)), np.full(3, 0.1), np.zeros((6, 6)), 64)
    assert np.abs(steps.astype(int)).max() <= 64


def test_powers_are_of_every_window_at_first() -> None:
    """Proves that few windows are all seen, each as often as it is read, over several pictures and two layers."""
    tensors = [[GENERATOR.normal(size=(5, 4, 2)).astype(np.float32)] * 2 for _ in range(40)]
    windows = [Window((3, 3), padding=(1, 1, 1, 1)), Window((2, 1), (2, 1))]
    for window, found in zip(windows, input_powers(tensors, windows, 40), strict=True):
        rows = np.concatenate([window.over(pair[0]).reshape(-1, found.shape[0]) for pair in tensors])
        np.testing.assert_allclose(found, rows.T @ rows / len(rows), rtol=1e-4, atol=1e-4)


def _error(difference: np.ndarray, powers: np.ndarray) -> float:
    return float(np.einsum("oi,ij,oj->", difference, powers, difference))
