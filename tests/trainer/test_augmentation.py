"""Augmentation: seeded, within its bounds, and never in place."""

import numpy as np
import pytest

from tests.trainer.conftest import draw_blocks
from trainer.augmentation import MAX_GAIN, MAX_TINT, TURN_SHARE, augment, resize


@pytest.fixture
def pixels() -> np.ndarray:
    """A picture, uint8 (32, 48, 3) RGB, wider than high."""
    return np.asarray(draw_blocks((3,)).resize((48, 32))).copy()


def test_seed_decides(pixels: np.ndarray) -> None:
    """Proves that equal generators give equal pictures."""
    first, second = (augment(pixels, np.random.default_rng(5), 32) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_keeps_shape_and_type_and_input(pixels: np.ndarray) -> None:
    """Proves that the result is a new uint8 picture of the side asked for and the input, even read-only, stays."""
    before = pixels.copy()
    pixels.flags.writeable = False
    for seed in range(40):
        result = augment(pixels, np.random.default_rng(seed), 40)
        assert (result.shape, result.dtype) == ((40, 40, 3), np.uint8)
    np.testing.assert_array_equal(pixels, before)


def test_varies(pixels: np.ndarray) -> None:
    """Proves that one generator gives a different picture each time, and both orientations."""
    generator = np.random.default_rng(1)
    square = resize(pixels, 32)
    results = [augment(square, generator, 32).astype(float) for _ in range(60)]
    assert len({result.tobytes() for result in results}) == 60
    alike = [np.corrcoef(result.ravel(), square.ravel())[0, 1] for result in results]
    mirrored = [np.corrcoef(result[:, ::-1].ravel(), square.ravel())[0, 1] for result in results]
    flipped = sum(b > a for a, b in zip(alike, mirrored, strict=True))
    assert 15 <= flipped <= 45


def test_colours_stay_near() -> None:
    """Proves that brightness and tint of a grey stay within their shares, and reach most of them."""
    grey = np.full((32, 32, 3), 128, np.uint8)
    generator = np.random.default_rng(2)
    middles = np.array([augment(grey, generator, 32)[16, 16] for _ in range(300)], float)
    low, high = (1 - MAX_GAIN) * (1 - MAX_TINT), (1 + MAX_GAIN) * (1 + MAX_TINT)
    assert 128 * low - 2 <= middles.min() < 90
    assert 170 < middles.max() <= 128 * high + 2
    assert 5 < np.ptp(middles, axis=1).max() <= 128 * 2 * MAX_TINT * (1 + MAX_GAIN) + 4


def test_some_are_turned_blurred_or_compressed() -> None:
    """Proves that corners get a foreign colour in about the share of pictures that is turned."""
    white = np.full((64, 64, 3), 250, np.uint8)
    generator = np.random.default_rng(4)
    results = [augment(white, generator, 64).astype(int) for _ in range(300)]
    turned = sum(np.abs(result[0, 0] - result[32, 32]).max() > 20 for result in results)
    assert 0.4 * TURN_SHARE * 300 < turned < 1.6 * TURN_SHARE * 300


def test_resize_is_the_whole_picture() -> None:
    """Proves that a plain resize keeps the picture, and returns it as it is when nothing is to be done."""
    picture = np.asarray(draw_blocks((3,), side=64))
    assert resize(picture, 64) is picture
    small = resize(picture, 32)
    np.testing.assert_allclose(small[2::4, 2::4], picture[4::8, 4::8], atol=40)


def test_extremes_are_clipped() -> None:
    """Proves that black stays black and white never wraps around."""
    generator = np.random.default_rng(3)
    for _ in range(60):
        assert augment(np.zeros((16, 16, 3), np.uint8), generator, 16)[8, 8].max() < 60
        assert augment(np.full((16, 16, 3), 255, np.uint8), generator, 16)[8, 8].min() > 80
