"""Recalibration: the statistics that numpy finds in the layer's input, and nothing else changed."""

import numpy as np
import pytest

from trainer.network.batch_norm import recalibrate

pytestmark = pytest.mark.usefixtures("keras_started")


@pytest.fixture
def pixels() -> np.ndarray:
    """Two batches of 64 pictures, uint8 (128, 12, 12, 3), the second brighter than the first."""
    generator = np.random.default_rng(0)
    return np.concatenate(
        [
            generator.integers(0, 100, (64, 12, 12, 3), np.uint8),
            generator.integers(100, 256, (64, 12, 12, 3), np.uint8),
        ]
    )


def small_model() -> object:
    """Build dropout, convolution with ReLU and batch normalisation, then a second of each on top."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    image = keras.Input((12, 12, 3))
    x = layers.Dropout(0.5)(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name="first")(x)
    x = layers.Dense(5, activation="relu")(layers.Dropout(0.25)(layers.Flatten()(x)))
    return keras.Model(image, layers.BatchNormalization(name="second")(x))


def convolve(pixels: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return ReLU of the convolution without padding, in plain numpy."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels / 255.0, (3, 3), axis=(1, 2))
    return np.maximum(np.einsum("nhwcij,ijcf->nhwf", windows, kernel) + bias, 0)


def test_statistics_are_those_of_the_data(pixels: np.ndarray) -> None:
    """Proves that moving mean and variance become the averages over the batches, with dropout off."""
    model = small_model()
    recalibrate(model, pixels)  # type: ignore[arg-type]
    values = convolve(pixels, *model.get_layer("conv").get_weights())  # type: ignore[attr-defined]
    batches = values.reshape(2, 64, *values.shape[1:])
    layer = model.get_layer("first")  # type: ignore[attr-defined]
    np.testing.assert_allclose(layer.moving_mean, batches.mean(axis=(1, 2, 3)).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, batches.var(axis=(1, 2, 3)).mean(axis=0), rtol=1e-4)


def test_old_statistics_leave_no_trace(pixels: np.ndarray) -> None:
    """Proves that recalibrating twice, or from absurd statistics, gives the same as once."""
    model, other = small_model(), small_model()
    recalibrate(model, pixels)  # type: ignore[arg-type]
    for name in ("first", "second"):
        layer = other.get_layer(name)  # type: ignore[attr-defined]
        layer.moving_mean.assign(np.full(layer.moving_mean.shape, 1e6))
        recalibrate(other, pixels)  # type: ignore[arg-type]
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):  # type: ignore[attr-defined]
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_weights_and_settings_stay(pixels: np.ndarray) -> None:
    """Proves that trainable weights, momentum and dropout rates are as before, also after an error."""
    model = small_model()
    before = [weight.numpy() for weight in model.trainable_weights]  # type: ignore[attr-defined]
    recalibrate(model, pixels)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected shape"):
        recalibrate(model, pixels[:, :5])  # type: ignore[arg-type]
    for old, weight in zip(before, model.trainable_weights, strict=True):  # type: ignore[attr-defined]
        np.testing.assert_array_equal(old, weight.numpy())
    rates = [layer.rate for layer in model.layers if type(layer).__name__ == "Dropout"]  # type: ignore[attr-defined]
    momenta = [model.get_layer(name).momentum for name in ("first", "second")]  # type: ignore[attr-defined]
    assert (rates, momenta) == ([0.5, 0.25], [0.9, 0.99])


def test_model_without_batch_norm_is_left_alone(pixels: np.ndarray) -> None:
    """Proves that a network that has nothing to recalibrate passes through."""
    import keras

    model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    before = model.get_weights()
    recalibrate(model, pixels)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
