"""Weights are rounded so that a layer's sums stay near, and no further than a file's number format allows."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from exporter.formats.weight_rounding import (
    NotRoundedWarning,
    Window,
    _debts,
    _layers_at_once,
    input_powers,
    noted,
    round_kernel,
    round_kernels,
    round_together,
)

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


@settings(max_examples=30, deadline=None)
@given(
    sides=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_same_padding_is_that_of_tensorflow(sides, kernel, strides) -> None:
    """Proves of any size, filter and stride that the zeros lie where TensorFlow's convolution has them."""
    import tensorflow as tf

    tensor = np.random.default_rng(0).normal(size=(*sides, 2)).astype(np.float32)
    weights = np.random.default_rng(1).normal(size=(*kernel, 2, 3)).astype(np.float32)
    windows = Window(kernel, strides, None).over(tensor)
    found = np.einsum("yxcij,ijco->yxo", windows, weights)
    expected = tf.nn.conv2d(tensor[None], weights, strides, "SAME")[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


@given(st.lists(st.integers(-64, 64), min_size=4, max_size=12), st.floats(0.001, 10))
def test_weights_on_a_step_stay_there(steps, scale) -> None:
    """Proves that nothing moves where nothing is lost, whatever the inputs have in common."""
    weights = np.array([steps]) * scale
    seen = np.random.default_rng(0).normal(size=(50, len(steps))).cumsum(axis=1) + 2
    found = round_together(weights, np.array([scale]), seen.T @ seen / 50, 64)
    assert found.tolist() == [steps]


@given(st.integers(1, 127))
def test_no_step_is_beyond_the_limit(limit) -> None:
    """Proves that weights far too large, and all that is owed to the others, end at the limit."""
    generator = np.random.default_rng(limit)
    seen = generator.normal(size=(40, 20)) + 5
    found = round_together(generator.normal(size=(3, 20)) * 10, np.full(3, 0.01), seen.T @ seen / 40, limit)
    assert found.dtype == np.int8
    assert np.abs(found.astype(int)).max() == limit


def test_a_second_weight_repays_the_first() -> None:
    """Proves the method on two inputs that are always equal: 0.4 and 0.4 become 0 and 1, and not 0 and 0."""
    found = round_together(np.array([[0.4, 0.4]]), np.ones(1), np.ones((2, 2)), 127)
    assert sorted(found[0].tolist()) == [0, 1]
    apart = round_together(np.array([[0.4, 0.4]]), np.ones(1), np.eye(2), 127)
    assert apart[0].tolist() == [0, 0]


def test_a_kernel_keeps_the_limit_of_its_file() -> None:
    """Proves that the largest step of the quantiser's own weights is the largest here, and the shape stays."""
    weights = GENERATOR.normal(size=(4, 2, 3, 3)).astype(np.float32)
    scales = np.abs(weights).reshape(4, -1).max(axis=1) / 40
    nearest = np.round(weights / scales[:, None, None, None]).astype(np.int8)
    found = round_kernel(weights, nearest, scales, np.eye(18))
    np.testing.assert_array_equal(found, nearest)
    found = round_kernel(weights, np.clip(nearest, -20, 20), scales, np.eye(18))
    assert np.abs(found.astype(int)).max() == 20


def test_debts_are_a_root_of_the_inverse() -> None:
    """Proves that the factor is upper triangular and that its square is the inverse of the powers."""
    seen = GENERATOR.normal(size=(30, 6))
    powers = seen.T @ seen
    debts = _debts(powers)
    np.testing.assert_allclose(debts.T @ debts @ powers, np.eye(6), atol=1e-9)
    np.testing.assert_array_equal(debts, np.triu(debts))


def test_layers_rounded_at_once_are_those_rounded_alone() -> None:
    """Proves that the order of layers and their bits do not depend on which thread rounds which layer."""
    kernels = []
    for inputs in (3, 40, 7, 300, 12):
        weights = GENERATOR.normal(size=(6, inputs, 1, 1)).astype(np.float32)
        seen = GENERATOR.normal(size=(400, inputs)).cumsum(axis=1)
        scales = np.abs(weights).reshape(6, -1).max(axis=1) / 64
        nearest = np.round(weights / scales[:, None, None, None]).astype(np.int8)
        kernels.append((weights, nearest, scales, seen.T @ seen / 400))
    for kernel, found in zip(kernels, round_kernels(iter(kernels)), strict=True):
        np.testing.assert_array_equal(found, round_kernel(*kernel))


def test_no_product_waits_for_a_second_thread() -> None:
    """Proves that the linear algebra of each layer stays on one thread, and that others get theirs back."""

    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    with _layers_at_once():
        assert set(threads()) == {1}
    assert threads() == before


def test_a_note_is_of_rounding_alone() -> None:
    """Proves that warnings of others in the block still come out, once, and that notes keep their order."""
    with warnings.catch_warnings(record=True) as heard, noted() as notes:
        for kind, text in ((NotRoundedWarning, "first"), (UserWarning, "old"), (NotRoundedWarning, "second")):
            warnings.warn(kind(text), stacklevel=1)
    assert notes == ["first", "second"]
    assert [str(warning.message) for warning in heard] == ["old"]
