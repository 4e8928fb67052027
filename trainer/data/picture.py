"""A picture of the data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A picture of the data set.

    Args:
        path: relative to the data folder, with forward slashes.
        label: index into the labels.
        sha256: hash of the file's bytes, hex.
        difference_hash: perceptual hash, hex.
        row: row of the picture cache.
    """

    path: str
    label: int
    sha256: str
    difference_hash: str
    row: int
