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
from edge_runtime.errors import PictureError, PictureFolderError
from edge_runtime.parallel import map_in_order, usable_cores
from edge_runtime.picture.copies import find_copies
from edge_runtime.picture.folder import UNKNOWN, PictureFile, PictureFolder, read_labelled, same_label
from edge_runtime.picture.left_out import Cause, LeftOut, is_fault
from edge_runtime.picture.listing import list_pictures
from edge_runtime.picture.preprocessing import Preprocessing, load_pictures
from edge_runtime.picture.side import Side

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
        left_out: what is not used of the folder.
    """

    folder: Path
    paths: tuple[Path, ...]
    sha256: tuple[str, ...]
    targets: NDArray[np.intp] | None
    keras: NDArray[np.float64] | None
    source: str
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.paths)

    @property
    def names(self) -> tuple[str, ...]:
        """The path of each picture inside the folder."""
        return tuple(map(self.name_of, range(len(self))))

    def name_of(self, row: int) -> str:
        """Return the path of a picture inside the folder."""
        return self.paths[row].relative_to(self.folder).as_posix()

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

    Of a folder that is split into sides, and holds no test picture of the bundle, the test side is taken, or else
    the validation side.

    Args:
        data: a picture, or a folder of pictures at any depth.
        bundle: its `keras_scores.csv` has the hashes of its test pictures.
        most: the largest number of pictures to take, drawn from all; 0 takes all.
        report: called with the pictures that were read and the total.

    Raises:
        BenchmarkError: there is no picture.
    """
    there = _read(data, bundle.labels)
    hashes = []
    for sha256 in map_in_order(_sha256, [file.path for file in there.files], workers=usable_cores()):
        hashes.append(sha256)
        report(len(hashes), len(there.files))
    found = _test_pictures(there, hashes, bundle) or _by_folder(there, hashes, bundle.labels)
    order = np.random.default_rng(0).permutation(len(found))
    return found.keep(order[:most] if most else order)


def _read(data: Path, labels: tuple[str, ...]) -> PictureFolder:
    """Return the pictures of a folder, or a single picture, with the labels of the folders above them."""
    if data.exists() and not data.is_dir():
        same = [
            index
            for index, label in enumerate(labels)
            if same_label(label) == same_label(data.resolve().parent.name)
        ]
        return PictureFolder(data.parent, labels, (PictureFile(data, next(iter(same), UNKNOWN)),), ())
    try:
        found = read_labelled(data, labels)
    except PictureFolderError:
        found = PictureFolder(data, labels, (), ())
    if not found.files:
        first = next(filter(is_fault, found.left_out), None)
        why = f" {first.path}: {first.reason}." if first else ""
        raise BenchmarkError(f"{data}: no picture there.{why} Name a picture or a folder of pictures with --data.")
    return found


def load_all(
    pictures: Pictures, preprocessing: Preprocessing, path: Path, *, report: Report = lambda done, total: None
) -> Pictures:
    """Decode the pictures into a `.npy` file of `uint8 (N, height, width, 3)`. Return those that could be read.

    Raises:
        BenchmarkError: none of them can be read.
    """
    shape = (len(pictures), preprocessing.height, preprocessing.width, 3)
    pixels = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    good: list[int] = []
    refused: list[LeftOut] = []
    for row, loaded in enumerate(load_pictures(pictures.paths, preprocessing)):
        if isinstance(loaded, PictureError):
            refused.append(LeftOut(pictures.name_of(row), Cause.UNREADABLE, loaded.reason))
        else:
            pixels[len(good)] = loaded
            good.append(row)
        report(row + 1, len(pictures))
    if not good:
        raise BenchmarkError(f"{pictures.folder}: none of the {len(pictures)} pictures there can be read.")
    return replace(pictures.keep(np.array(good)), left_out=(*pictures.left_out, *refused))


def _test_pictures(there: PictureFolder, hashes: list[str], bundle: Bundle) -> Pictures | None:
    scored = read_keras_scores(bundle.folder, bundle.labels)
    by_hash = dict(zip(hashes, (file.path for file in there.files), strict=True))
    known = sorted(by_hash.keys() & scored.keys(), key=lambda sha256: by_hash[sha256])
    if not known:
        return None
    return Pictures(
        there.folder,
        tuple(by_hash[sha256] for sha256 in known),
        tuple(known),
        np.array([scored[sha256].label for sha256 in known], np.intp),
        np.array([scored[sha256].scores for sha256 in known]),
        f"of the {len(scored):,} test pictures of the bundle",
        there.left_out,
    )


def _by_folder(there: PictureFolder, hashes: list[str], labels: tuple[str, ...]) -> Pictures:
    sha256_of = dict(zip((file.path for file in there.files), hashes, strict=True))
    chosen = there.on(Side.TEST, Side.VALIDATION)
    files = [file for file in chosen.files if file.label != UNKNOWN]
    left_out = chosen.left_out
    if not files:
        paths = tuple(sha256_of)
        source = "pictures without known labels"
        return Pictures(there.folder, paths, tuple(hashes), None, None, source, there.left_out)
    names = [chosen.name_of(file.path) for file in files]
    copies = find_copies(names, [sha256_of[file.path] for file in files], [file.label for file in files], labels)
    left_out += tuple(copy for copy in copies if copy)
    left_out += tuple(
        LeftOut(chosen.name_of(file.path), Cause.NO_CLASS, "lies in no folder named after a label")
        for file in chosen.files
        if file.label == UNKNOWN
    )
    kept = [file for file, copy in zip(files, copies, strict=True) if not copy]
    return Pictures(
        there.folder,
        tuple(file.path for file in kept),
        tuple(sha256_of[file.path] for file in kept),
        np.array([file.label for file in kept], np.intp),
        None,
        "pictures labelled by their folder (some may be training pictures)",
        left_out,
    )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(read_picture_file(path)).hexdigest()
    except OSError:  # decoding will say why
        return ""
