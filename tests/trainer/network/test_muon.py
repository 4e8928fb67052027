"""Muon for convolutions."""

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from trainer.network.muon import ConvolutionMuon  # noqa: E402


def network() -> "keras.Model":
    """A convolution, batch normalisation and a dense layer, with weights that do not change."""
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(16, 3, use_bias=False)(image)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))


def trained(model: "keras.Model", steps: int) -> "keras.Model":
    """Train on the same batch of noise."""
    generator = np.random.default_rng(2)
    pictures = generator.normal(size=(12, 8, 8, 3)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[generator.integers(0, 3, 12)]
    for _ in range(steps):
        model.train_on_batch(pictures, targets)
    return model


def compiled(**options: float) -> "keras.Model":
    """The network with the optimiser."""
    model = network()
    model.compile(ConvolutionMuon(0.01, **options), "categorical_crossentropy")
    return model


def test_kernel_moves_in_all_directions_alike() -> None:
    """Proves that the step of a convolution, taken as a matrix, has singular values that are nearly equal."""
    model = compiled(weight_decay=None)
    before = model.layers[1].kernel.numpy()
    trained(model, 1)
    moved = (model.layers[1].kernel.numpy() - before).reshape(27, 16)
    singular = np.linalg.svd(moved, compute_uv=False)
    assert singular.max() / singular.min() < 3
    # Five Newton-Schulz steps bring each to 0.7-1.2; Keras scales by 0.2 times the root of the longer side.
    assert 0.6 < singular.mean() / (0.01 * 0.2 * np.sqrt(27)) < 1.3


def test_the_rest_moves_as_with_adamw() -> None:
    """Proves that the first step of the dense layer is the learning rate in each weight, as Adam's is."""
    model = compiled(weight_decay=None, adam_weight_decay=None)
    before = model.layers[-1].kernel.numpy()
    trained(model, 1)
    moved = np.abs(model.layers[-1].kernel.numpy() - before)
    assert np.median(moved) == pytest.approx(0.01, rel=0.01)
    assert moved.max() < 0.0101


def test_a_saved_run_goes_on_alike(tmp_path: Path) -> None:
    """Proves that optimiser and momentum are in a checkpoint: six steps are two and, after loading, four more."""
    whole = trained(compiled(), 6)
    trained(compiled(), 2).save(tmp_path / "half.keras")
    resumed = trained(keras.saving.load_model(tmp_path / "half.keras"), 4)
    for expected, received in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
