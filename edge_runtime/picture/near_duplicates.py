"""Find pictures that are nearly the same, by their hashes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.source import Pixels

# At most this many of 256 bits may differ. Every listed pair of PetImages differs in 6 or fewer
# (docs/decisions/0004-splits.md).
MAX_DISTANCE = 10
HASH_SIZE = 16  # rows and columns of differences; they make 256 bits


def difference_hash(pixels: Pixels) -> str:
    """Return the perceptual hash of a picture: 256 bits as 64 hex digits.

    Args:
        pixels: `uint8 (H, W, 3) RGB 0-255`, or `(H, W, 1)` of grey.

    Source: imagehash's `dhash`, after Neal Krawetz, "Kind of Like That".
    """
    import imagehash
    from PIL import Image

    return str(
        imagehash.dhash(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), hash_size=HASH_SIZE)
    )


def hash_words(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """Return hashes as numbers.

    Args:
        hashes: hashes in hex, all of the same length.

    Returns:
        `uint64 (len(hashes), words)`.
    """
    if not hashes:
        return np.zeros((0, 1), np.uint64)
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64).reshape(len(hashes), -1)


def distances(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Return how many bits differ between each hash of one set and each hash of another.

    Args:
        first: the first set, as `hash_words` returns it, `uint64 (N, words)`.
        second: the second set, `uint64 (M, words)`.

    Returns:
        `uint16 (N, M)`.
    """
    bits = np.zeros((len(first), len(second)), np.uint16)
    for word in range(first.shape[1]):  # word by word: all words at once would take several times the memory
        bits += np.bitwise_count(first[:, word, None] ^ second[None, :, word])
    return bits
