"""Negatives drawn by code: every kind is a picture of the right form that shows what its name says."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.conftest import draw_blocks
from trainer.data import drawn_negatives
from trainer.data.drawn_negatives import draw_negative

KINDS = ("noise", "surface", "stripes", "shapes", "text", "shuffled")
PICTURE = np.asarray(draw_blocks((1,), side=40))


def kind(name: str) -> Callable[..., np.ndarray]:
    function: Callable[..., np.ndarray] = getattr(drawn_negatives, f"_{name}")
    return function


def test_drawn_pictures_differ() -> None:
    """Proves that drawn negatives are pictures of the size given, all different, and the same by seed."""
    picture = np.asarray(draw_blocks((1,), side=40))
    first, again = (
        [draw_negative(picture, generator) for _ in range(60)]
        for generator in (np.random.default_rng(0), np.random.default_rng(0))
    )
    assert {(drawn.shape, drawn.dtype) for drawn in first} == {((40, 40, 3), np.dtype(np.uint8))}
    assert len({drawn.tobytes() for drawn in first}) == 60
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not any(np.array_equal(drawn, picture) for drawn in first)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [(40, 40), (33, 57), (96, 32)])
def test_every_kind_has_the_size_of_the_picture(name: str, size: tuple[int, int]) -> None:
    """Proves that each kind gives height x width RGB bytes for any picture, and leaves the picture as it was."""
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    before = picture.copy()
    for seed in range(20):
        drawn = kind(name)(picture, np.random.default_rng(seed))
        assert (drawn.shape, drawn.dtype) == (picture.shape, np.uint8)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_varies_with_the_seed(name: str) -> None:
    """Proves that no kind draws one picture again and again, and the same seed draws the same."""
    drawn = [kind(name)(PICTURE, np.random.default_rng(seed)).tobytes() for seed in (*range(10), 0)]
    assert len(set(drawn)) == 10
    assert drawn[-1] == drawn[0]


def test_every_kind_is_drawn() -> None:
    """Proves that the choice reaches all kinds: each is what some seed draws."""
    generators = [np.random.default_rng(seed) for seed in range(60)]
    chosen = {int(generator.integers(len(KINDS))) for generator in generators}
    assert chosen == set(range(len(KINDS)))
    for seed in range(60):
        generator = np.random.default_rng(seed)
        expected = kind(KINDS[generator.integers(len(KINDS))])(PICTURE, generator)
        np.testing.assert_array_equal(draw_negative(PICTURE, np.random.default_rng(seed)), expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_shuffled_picture_has_its_pixels(seed: int) -> None:
    """Proves that shuffling keeps every pixel, so that textures and colours stay."""
    drawn = kind("shuffled")(PICTURE, np.random.default_rng(seed))
    flat = [np.sort(values.reshape(-1, 3), axis=0) for values in (drawn, PICTURE)]
    np.testing.assert_array_equal(*flat)


def test_a_plain_surface_is_nearly_one_colour_or_a_ramp() -> None:
    """Proves that a surface has no shapes: each channel is a plane and a little noise."""
    across, down = np.meshgrid(np.arange(40), np.arange(40))
    plane = np.stack([across.ravel(), down.ravel(), np.ones(1600)], axis=1)
    for seed in range(20):
        drawn = kind("surface")(PICTURE, np.random.default_rng(seed)).reshape(-1, 3).astype(float)
        inside = ((drawn > 25) & (drawn < 230)).all(axis=0)  # clipped channels bend
        for channel in drawn.T[inside]:
            rest = channel - plane @ np.linalg.lstsq(plane, channel, rcond=None)[0]
            assert rest.std() < 9


def test_text_is_ink_on_paper() -> None:
    """Proves that every colour of a text lies on the line between two, those of ink and paper."""
    for seed in range(20):
        drawn = kind("text")(PICTURE, np.random.default_rng(seed)).reshape(-1, 3)
        colours, counts = np.unique(drawn, axis=0, return_counts=True)
        mixed = drawn.astype(float) - colours[counts.argmax()]
        along, across, _ = np.linalg.svd(mixed, compute_uv=False)
        assert across < 0.05 * along
