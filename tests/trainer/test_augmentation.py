"""Augmentation: seeded, mild, and never in place."""

import numpy as np
import pytest

from tests.trainer.conftest import draw_blocks
from trainer.augmentation import augment


@pytest.fixture
def pixels() -> np.ndarray:
    """A picture, uint8 (32, 48, 3) RGB, wider than high."""
    return np.asarray(draw_blocks((3,)).resize((48, 32))).copy()


def test_seed_decides(pixels: np.ndarray) -> None:
    """Proves that equal generators give equal pictures."""
    first, second = (augment(pixels, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_keeps_shape_and_type_and_input(pixels: np.ndarray) -> None:
    """Proves that the result is a new uint8 picture of the same shape and the input, even read-only, stays."""
    before = pixels.copy()
    pixels.flags.writeable = False
    result = augment(pixels, np.random.default_rng(0))
    assert (result.shape, result.dtype) == ((32, 48, 3), np.uint8)
    np.testing.assert_array_equal(pixels, before)


def test_varies(pixels: np.ndarray) -> None:
    """Proves that one generator gives a different picture each time, and both orientations."""
    generator = np.random.default_rng(1)
    results = [augment(pixels, generator) for _ in range(40)]
    assert len({result.tobytes() for result in results}) == 40
    alike = [np.corrcoef(result.ravel(), pixels.ravel())[0, 1] for result in results]
    mirrored = [np.corrcoef(result[:, ::-1].ravel(), pixels.ravel())[0, 1] for result in results]
    flipped = sum(b > a for a, b in zip(alike, mirrored, strict=True))
    assert 10 <= flipped <= 30


def test_is_mild(pixels: np.ndarray) -> None:
    """Proves that brightness stays within 30 of 255 and contrast within a fifth, so that the subject stays."""
    grey = np.full((32, 32, 3), 128, np.uint8)
    generator = np.random.default_rng(2)
    levels = [augment(grey, generator).mean() for _ in range(200)]
    assert 97 <= min(levels) < 110
    assert 146 < max(levels) <= 158


def test_extremes_are_clipped() -> None:
    """Proves that black and white never wrap around."""
    generator = np.random.default_rng(3)
    for _ in range(30):
        assert augment(np.zeros((16, 16, 3), np.uint8), generator).max() <= 30
        assert augment(np.full((16, 16, 3), 255, np.uint8), generator).min() >= 225
