"""Find the pictures to measure with, their true labels and their Keras scores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from edge_runtime.bounded_file import read_picture_file
from edge_runtime.bundle import Bundle
from edge_runtime.bundle.keras_scores import read_keras_scores
from edge_runtime.errors import PictureError
from edge_runtime.parallel import map_in_order, usable_cores
from edge_runtime.picture.listing import list_pictures
from edge_runtime.picture.preprocessing import Preprocessing, load_pictures

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Pictures:
    """Pictures in a shuffled order, so that the first few are of every class.

    Args:
        folder: the folder that the user named, or the folder of the picture that the user named.
        paths: the files.
        sha256: hash of each file, hex.
        targets: index of the true label of each, `int (N,)`; None if they are unknown.
        keras: the Keras model's scores of each, `float64 (N, labels)`; None if the bundle has none.
        source: where labels and scores come from, for people. It follows the number of pictures.
    """

    folder: Path
    paths: tuple[Path, ...]
    sha256: tuple[str, ...]
    targets: NDArray[np.intp] | None
    keras: NDArray[np.float64] | None
    source: str

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.paths)

    @property
    def names(self) -> tuple[str, ...]:
        """The path of each picture inside the folder."""
        return tuple(path.relative_to(self.folder).as_posix() for path in self.paths)

    @property
    def digest(self) -> str:
        """A hash of all pictures in their order. It is equal if two reports measured the same pictures."""
        return hashlib.sha256(" ".join(self.sha256).encode()).hexdigest()[:16]

    def keep(self, rows: NDArray[np.intp]) -> Pictures:
        """Return the pictures of these rows."""
        return replace(
            self,
            paths=tuple(self.paths[row] for row in rows),
            sha256=tuple(self.sha256[row] for row in rows),
            targets=None if self.targets is None else self.targets[rows],
            keras=None if self.keras is None else self.keras[rows],
        )


def list_paths(data: Path) -> list[Path]:
    """Return a picture, or the pictures of a folder at any depth.

    Raises:
        BenchmarkError: there is no picture.
    """
    paths = [Path(path) for path in list_pictures([str(data)], recursive=True)]
    if not paths or (data.is_dir() and paths == [data]) or not data.exists():
        raise BenchmarkError(f"{data}: no picture there. Name a picture or a folder of pictures with --data.")
    return paths


def find_pictures(
    data: Path, bundle: Bundle, *, most: int = 0, report: Report = lambda done, total: None
) -> Pictures:
    """Find the test pictures of a bundle below a folder, or else the pictures in folders named after its labels.

    Args:
        data: a picture, or a folder of pictures at any depth.
        bundle: its `keras_scores.csv` has the hashes of its test pictures.
        most: the largest number of pictures to take, drawn from all; 0 takes all.
        report: called with the pictures that were read and the total.

    Raises:
        BenchmarkError: there is no picture.
    """
    paths = list_paths(data)
    folder = data if data.is_dir() else data.parent
    hashes = []
    for sha256 in map_in_order(_sha256, paths, workers=usable_cores()):
        hashes.append(sha256)
        report(len(hashes), len(paths))
    # A folder says one label, and pictures of such a bundle may show several.
    labels = bundle.labels if bundle.label_thresholds is None else ()
    found = _test_pictures(folder, dict(zip(hashes, paths, strict=True)), bundle) or _by_folder(
        folder, paths, hashes, labels
    )
    order = np.random.default_rng(0).permutation(len(found))
    return found.keep(order[:most] if most else order)


def load_all(
    pictures: Pictures, preprocessing: Preprocessing, path: Path, *, report: Report = lambda done, total: None
) -> Pictures:
    """Decode the pictures into a `.npy` file of `uint8 (N, height, width, 3)`. Return those that could be read.

    Raises:
        BenchmarkError: none of them can be read.
    """
    shape = (len(pictures), *preprocessing.shape)
    pixels = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    good: list[int] = []
    for row, loaded in enumerate(load_pictures(pictures.paths, preprocessing)):
        if not isinstance(loaded, PictureError):
            pixels[len(good)] = loaded
            good.append(row)
        report(row + 1, len(pictures))
    if not good:
        raise BenchmarkError(f"{pictures.folder}: none of the {len(pictures)} pictures there can be read.")
    return pictures.keep(np.array(good))


def _test_pictures(folder: Path, by_hash: dict[str, Path], bundle: Bundle) -> Pictures | None:
    scored = read_keras_scores(bundle.folder, bundle.labels)
    known = sorted(by_hash.keys() & scored.keys(), key=lambda sha256: by_hash[sha256])
    if not known:
        return None
    return Pictures(
        folder,
        tuple(by_hash[sha256] for sha256 in known),
        tuple(known),
        np.array([scored[sha256].label for sha256 in known], np.intp),
        np.array([scored[sha256].scores for sha256 in known]),
        f"of the {len(scored):,} test pictures of the bundle",
    )


def _by_folder(folder: Path, paths: list[Path], hashes: list[str], labels: tuple[str, ...]) -> Pictures:
    named = [label_of(path, labels) for path in paths]
    if all(label is None for label in named):
        return Pictures(folder, tuple(paths), tuple(hashes), None, None, "pictures without known labels")
    rows = [row for row, label in enumerate(named) if label is not None]
    return Pictures(
        folder,
        tuple(paths[row] for row in rows),
        tuple(hashes[row] for row in rows),
        np.array([named[row] for row in rows], np.intp),
        None,
        "pictures labelled by their folder (some may be training pictures)",
    )


def label_of(path: Path, labels: tuple[str, ...]) -> int | None:
    """Return the index of the label that the picture's folder is named after in any case, or None."""
    name = path.parent.name
    same = [index for index, label in enumerate(labels) if label.casefold() == name.casefold()]
    return labels.index(name) if name in labels else next(iter(same), None)


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(read_picture_file(path)).hexdigest()
    except OSError:  # decoding will say why
        return ""
