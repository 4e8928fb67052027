"""Read and write `features.bin` of a bundle: what its network makes of the pictures that its last layer knows.

`catdog-edge teach --add` fits the last layer anew with them, so it needs no old picture. A taught bundle has a row
for each picture. An exported one has a few typical rows for each label, each the mean of several pictures.

A row is the features of the picture in int8, those of its mirror image, and 32 bytes of perceptual hash. Rows are
in the order of the labels. `extra.features` in the manifest says how many rows each label has.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bounded_file import read_bounded, reason_of
from edge_runtime.bundle.folder import Bundle
from edge_runtime.errors import BundleError

FEATURES = "features.bin"
KEY = "features"  # in the manifest's `extra`
VIEWS = 2  # the picture and its mirror image
HASH_BYTES = 32
_MOST_BYTES = 500_000_000


@dataclass(frozen=True)
class Examples:
    """Rows of features, in the order of their labels.

    Args:
        features: `int8 (N, VIEWS, width)`, as the network stores them.
        hashes: `uint8 (N, HASH_BYTES)`, perceptual hashes; zeros in typical rows.
        targets: label of each row, `int (N,)`, ascending.
    """

    features: NDArray[np.int8]
    hashes: NDArray[np.uint8]
    targets: NDArray[np.intp]

    @classmethod
    def unpacked(cls, content: bytes, width: int, targets: NDArray[np.intp]) -> Examples:
        """Return the rows that `packed` bytes hold, for networks of so many features."""
        rows = np.frombuffer(content, np.uint8).reshape(len(targets), VIEWS * width + HASH_BYTES)
        features = np.ascontiguousarray(rows[:, : VIEWS * width]).view(np.int8).reshape(-1, VIEWS, width)
        return cls(features, rows[:, VIEWS * width :], targets)

    def packed(self) -> list[bytes]:
        """Return the bytes of each row."""
        features = self.features.reshape(len(self.targets), -1).view(np.uint8)
        return [row.tobytes() for row in np.concatenate([features, self.hashes], axis=1)]

    def counts(self, labels: int) -> list[int]:
        """Return the number of rows of each label."""
        return [int(count) for count in np.bincount(self.targets, minlength=labels)]

    def chosen(self, places: NDArray[Any]) -> Examples:
        """Return the rows at these places."""
        return Examples(self.features[places], self.hashes[places], self.targets[places])

    def joined(self, other: Examples) -> Examples:
        """Return these rows and others, in the order of their labels."""
        targets = np.concatenate([self.targets, other.targets])
        both = Examples(
            np.concatenate([self.features, other.features]), np.concatenate([self.hashes, other.hashes]), targets
        )
        return both.chosen(np.argsort(targets, kind="stable"))


def write_examples(folder: Path, examples: Examples, labels: int) -> dict[str, Any]:
    """Write `features.bin` into a bundle folder that is being made, and return its record for `extra`."""
    content = b"".join(examples.packed())
    (folder / FEATURES).write_bytes(content)
    return {
        "path": FEATURES,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "width": examples.features.shape[2],
        "rows": examples.counts(labels),
    }


def read_examples(bundle: Bundle, width: int) -> Examples:
    """Read `features.bin` of a bundle.

    Args:
        bundle: the bundle.
        width: number of features of its network.

    Raises:
        BundleError: the bundle keeps none, or the file is not the one that was written.
    """
    record = bundle.manifest.extra.get(KEY)
    if record is None:
        raise BundleError(
            f"{bundle.folder}: keeps no features of its pictures, so a label cannot be added. Teach all labels "
            "anew: catdog-edge teach FOLDER"
        )
    path = bundle.folder / FEATURES
    counts, size, sha256 = _checked(path, record, len(bundle.labels), width)
    try:
        content = read_bounded(path, size)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({reason_of(error)}). Copy the bundle again.") from error
    if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
        raise BundleError(f"{path}: not the file that was written with the bundle. Copy the bundle again.")
    return Examples.unpacked(content, width, np.repeat(np.arange(len(counts)), counts))


def _checked(path: Path, record: Any, labels: int, width: int) -> tuple[list[int], int, str]:
    """Return the rows of each label, the size and the hash that the manifest tells of."""
    try:
        counts, size, sha256, known = (record[key] for key in ("rows", "size_bytes", "sha256", "width"))
        whole = type(size) is int and len(counts) == labels and all(type(n) is int and n > 0 for n in counts)
        fits = whole and known == width and sum(counts) * (VIEWS * width + HASH_BYTES) == size <= _MOST_BYTES
    except (KeyError, TypeError):
        fits = False
    if not fits:
        raise BundleError(f"{path}: its record in the manifest does not fit the bundle. Copy the bundle again.")
    return counts, size, sha256
