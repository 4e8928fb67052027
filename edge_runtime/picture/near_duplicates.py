"""Tell pictures that are nearly the same by their hashes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.source import Pixels

# Bits of 256 that may differ; every pair listed for PetImages differs in 6 or fewer (docs/decisions/0004).
MAX_DISTANCE = 10
HASH_SIZE = 16  # rows and columns of differences, so 256 bits


def difference_hash(pixels: Pixels) -> str:
    """Return the 256-bit perceptual hash of a picture's `uint8 (H, W, 3) RGB`, as 64 hex digits.

    Source: imagehash's `dhash`, after Neal Krawetz, "Kind of Like That".
    """
    import imagehash
    from PIL import Image

    return str(imagehash.dhash(Image.fromarray(pixels), hash_size=HASH_SIZE))


def hash_words(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """Return hashes of equal length, hex, as `uint64 (len(hashes), words)`."""
    if not hashes:
        return np.zeros((0, 1), np.uint64)
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64).reshape(len(hashes), -1)


def distances(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Return the number of bits that differ between each hash of one side and each of the other.

    Args:
        first: what `hash_words` returned, `(N, words)`.
        second: the same of others, `(M, words)`.

    Returns:
        `uint16 (N, M)`.
    """
    bits = np.zeros((len(first), len(second)), np.uint16)
    for word in range(first.shape[1]):  # all words at once would take as many times the memory
        bits += np.bitwise_count(first[:, word, None] ^ second[None, :, word])
    return bits
