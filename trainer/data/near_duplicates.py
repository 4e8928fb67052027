"""Find pictures that are nearly the same, so that they stay on one side of the split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from edge_runtime.picture.near_duplicates import MAX_DISTANCE, distances, hash_words

_CHUNK = 512


def group_near_duplicates(
    hashes: list[str], classes: NDArray[np.intp] | None = None, *, max_distance: int = MAX_DISTANCE
) -> NDArray[np.intp]:
    """Number the pictures so that near-duplicates have the same number.

    Two pictures also have the same number if a third one is a near-duplicate of both.

    Args:
        hashes: difference hashes of equal length, hex.
        classes: `int (len(hashes),)`; pictures of different classes never have the same number. Default: one class.
        max_distance: largest number of bits in which near-duplicates differ.

    Returns:
        `int (len(hashes),)`, the group of each picture, from 0.
    """
    first, second = close_pairs(hashes, max_distance)
    if classes is not None:
        same = classes[first] == classes[second]
        first, second = first[same], second[same]
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(hashes), len(hashes)))
    return np.asarray(connected_components(links, directed=False)[1], np.intp)


def close_pairs(hashes: list[str], max_distance: int = MAX_DISTANCE) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of the pictures that are nearly the same, two by two, each with itself too.

    Some pairs come twice, in both orders.

    Args:
        hashes: difference hashes of equal length, hex.
        max_distance: largest number of bits in which near-duplicates differ.

    Returns:
        The first and the second of each pair, both `int (pairs,)`.
    """
    if not hashes:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    packed = hash_words(hashes)
    pairs = []
    for start in range(0, len(packed), _CHUNK):
        bits = distances(packed[start : start + _CHUNK], packed[start:])
        pairs.append(np.stack(np.nonzero(bits <= max_distance)) + start)
    first, second = np.concatenate(pairs, axis=1)
    return first, second
