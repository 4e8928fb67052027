"""Pictures that are nearly the same have nearly the same hashes."""

import io

import numpy as np
import pytest
from PIL import Image

from edge_runtime.picture.near_duplicates import MAX_DISTANCE, difference_hash, distances, hash_words

GENERATOR = np.random.default_rng(0)


def drawn(seed: int) -> Image.Image:
    """Return a picture of a few large blots, 160 x 120."""
    blots = np.random.default_rng(seed).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return Image.fromarray(blots).resize((160, 120), Image.Resampling.BICUBIC)


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content)


def distance(first: Image.Image, second: Image.Image) -> int:
    pytest.importorskip("imagehash", reason="training and export bring it")
    sides = (hash_words([difference_hash(np.asarray(image))]) for image in (first, second))
    return int(distances(*sides)[0, 0])


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_is_near_and_another_picture_far(seed: int) -> None:
    """Proves that a smaller, coarser copy is within the limit, and another picture far beyond it."""
    original = drawn(seed)
    assert distance(original, as_jpeg(original.resize((120, 90)), 60)) <= MAX_DISTANCE
    assert distance(original, drawn(seed + 10)) > 5 * MAX_DISTANCE


def test_a_hash_is_256_bits() -> None:
    """Proves that 64 hex digits become four words."""
    pytest.importorskip("imagehash", reason="training and export bring it")
    digest = difference_hash(np.asarray(drawn(0)))
    assert len(digest) == 64
    assert hash_words([digest, digest]).shape == (2, 4)


def test_distances_are_numbers_of_bits() -> None:
    """Proves that each pair of hashes is compared over all words. The same bits are counted by hand."""
    first, second = ([GENERATOR.bytes(32).hex() for _ in range(count)] for count in (5, 7))
    expected = [[(int(a, 16) ^ int(b, 16)).bit_count() for b in second] for a in first]
    np.testing.assert_array_equal(distances(hash_words(first), hash_words(second)), expected)
    opposite = distances(hash_words(["00" * 32]), hash_words(["ff" * 32]))
    assert opposite.tolist() == [[256]]  # more than a byte holds


def test_no_hashes_have_no_distances() -> None:
    """Proves that an empty set of hashes gives an empty table and no crash."""
    assert distances(hash_words([]), hash_words([])).shape == (0, 0)
