"""Augmentation: seeded, within its bounds, and never in place."""

import numpy as np
import pytest

from tests.trainer.conftest import draw_blocks
from trainer.augmentation import (
    MAX_GAIN,
    MAX_NOISE,
    MAX_TINT,
    MIN_ZOOM,
    NOISE_SHARE,
    TURN_SHARE,
    ZOOM_SHARE,
    augment,
    cut_and_mix,
    resize,
)


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
    generator = np.random.default_rng(2)
    middles = np.array([_middle(_augmented(128, generator)) for _ in range(300)])
    low, high = (1 - MAX_GAIN) * (1 - MAX_TINT), (1 + MAX_GAIN) * (1 + MAX_TINT)
    assert 128 * low - 5 <= middles.min() < 90
    assert 170 < middles.max() <= 128 * high + 5
    assert 5 < np.ptp(middles, axis=1).max() <= 128 * 2 * MAX_TINT * (1 + MAX_GAIN) + 8


def test_some_get_a_foreign_ground() -> None:
    """Proves that corners get another colour in about the share of pictures that is turned or shrunk."""
    generator = np.random.default_rng(4)
    results = [_augmented(250, generator) for _ in range(600)]
    ends = (slice(4), slice(-4, None))
    corners = np.array([[result[y, x].mean(axis=(0, 1)) for y in ends for x in ends] for result in results])
    foreign = np.abs(corners - np.array([_middle(result) for result in results])[:, None]).max(axis=2) > 25
    assert foreign.any(axis=1).mean() == pytest.approx(TURN_SHARE + ZOOM_SHARE, rel=0.4)


def test_some_are_shrunk() -> None:
    """Proves that some pictures are put on a ground, none smaller than half the side, anywhere in it."""
    generator = np.random.default_rng(6)
    results = [_augmented(250, generator) for _ in range(600)]
    results = [result for result in results if result[28:36, 28:36].std() < 40]  # no edge there, at most noise
    shares = [(np.abs(result - _middle(result)).mean(axis=2) < 40).mean() for result in results]
    assert 0.9 * MIN_ZOOM**2 < min(shares) < 0.4
    assert max(shares) == 1


def test_some_are_noisy() -> None:
    """Proves that about the share of pictures that should has noise, up to its largest."""
    generator = np.random.default_rng(5)
    spreads = np.array([_augmented(128, generator)[28:36, 28:36].std(axis=(0, 1)).mean() for _ in range(600)])
    assert (spreads > 2).mean() == pytest.approx(NOISE_SHARE, rel=0.4)
    largest = np.quantile(spreads, 0.99)  # the edge of a foreign ground may cross the middle of a few
    assert 0.7 * MAX_NOISE < largest < 1.3 * MAX_NOISE


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
        assert _middle(_augmented(0, generator)).max() < 60
        assert _middle(_augmented(255, generator)).min() > 80


def test_cut_and_mix_is_one_box_and_its_share() -> None:
    """Proves that answers are mixed by the very share of pixels that comes from another picture of the batch."""
    generator = np.random.default_rng(7)
    pixels = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None, None, None], (8, 20, 20, 3)).copy()
    shares = []
    for _ in range(100):
        mixed, expected = cut_and_mix(pixels, np.eye(8, dtype=np.float32), generator)
        for number, picture in enumerate(mixed):
            counts = np.bincount(picture[..., 0].ravel(), minlength=8) / 400
            np.testing.assert_allclose(expected[number], counts, atol=1e-6)
        foreign = (mixed != pixels)[..., 0].any(axis=0)
        rows, columns = np.nonzero(foreign)
        if rows.size:
            assert foreign[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
        shares.append(foreign.mean())
    assert min(shares) < 0.05
    assert max(shares) > 0.5
    assert (pixels[..., 0] == np.arange(8)[:, None, None]).all()


def _augmented(level: int, generator: np.random.Generator) -> np.ndarray:
    """Augment a plain grey, float (64, 64, 3)."""
    return augment(np.full((64, 64, 3), level, np.uint8), generator, 64).astype(float)


def _middle(picture: np.ndarray) -> np.ndarray:
    """Return the colour of the middle, 0-255; noise evens out in it."""
    return picture[28:36, 28:36].mean(axis=(0, 1))
