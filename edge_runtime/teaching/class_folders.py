"""Read the pictures of class folders as features."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.bundle.labels import UNSURE
from edge_runtime.errors import PictureError, TeachingError
from edge_runtime.picture.listing import list_pictures
from edge_runtime.picture.preprocessing import load_pictures
from edge_runtime.picture.source import Pixels
from edge_runtime.strict_json import unprintable
from edge_runtime.teaching.base import Base
from edge_runtime.teaching.examples import Examples

LEAST = 5  # pictures of a label
_HASH_SIDE = 16
_ARCHIVE = "__MACOSX"  # what macOS adds to archives


class LeftOut(NamedTuple):
    """A picture that was not learned from, and why."""

    path: str
    reason: str


def class_folders(folder: Path) -> dict[str, list[str]]:
    """Return the pictures of each class folder, at any depth, by the name of that folder.

    Raises:
        TeachingError: it is no folder, holds fewer than two folders, or one has no picture.
    """
    if not folder.is_dir():
        raise TeachingError(
            f"{folder}: no such folder. Expected a folder with a folder of pictures for each label."
        )
    names = sorted(
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir() and not (entry.name.startswith(".") or entry.name == _ARCHIVE)
    )
    if len(names) < 2:
        received = f"the folder {names[0]} alone" if names else "none"
        raise TeachingError(
            f"{folder}: expected a folder of pictures for each of two or more labels, received {received}."
        )
    return {name: pictures_below(folder / name) for name in names}


def pictures_below(folder: Path) -> list[str]:
    """Return the paths of the pictures in a folder, at any depth, sorted.

    Raises:
        TeachingError: it is no folder, or has no picture.
    """
    if not folder.is_dir():
        raise TeachingError(f"{folder}: no such folder. Expected a folder of pictures.")
    paths = sorted(path for path in list_pictures([str(folder)], recursive=True) if not os.path.isdir(path))
    if not paths:
        raise TeachingError(f"{folder}: has no picture in it. Expected {LEAST} or more.")
    return paths


def refuse_name(label: str) -> None:
    """Refuse a label that a bundle cannot have.

    Raises:
        TeachingError: it is empty, cannot be printed, or is the word for an answer that is none.
    """
    if not label or unprintable(label) or label == UNSURE:
        raise TeachingError(
            f"{label!r}: expected a label that can be printed and is not {UNSURE!r}. Choose another name."
        )


def read_pictures(
    base: Base, paths: dict[int, list[str]], known: Examples | None, *, report: Callable[[int, int], None]
) -> tuple[Examples, list[LeftOut]]:
    """Run the network on pictures and on their mirror images.

    Args:
        base: the network.
        paths: the pictures of each label, by its number.
        known: the rows that the bundle has already, or None.
        report: is told the number of the label and the pictures done, after each picture.

    Returns:
        The features of the pictures, and those that could not be read or are copies of another one.
    """
    rows, targets, left_out = list[bytes](), list[int](), list[LeftOut]()
    seen = {} if known is None else dict.fromkeys(known.packed(), "one in the bundle")
    for number, pictures in paths.items():
        loaded = load_pictures(pictures, base.bundle.preprocessing)
        for done, (path, pixels) in enumerate(zip(pictures, loaded, strict=True), 1):
            report(number, done)
            if isinstance(pixels, PictureError):
                left_out.append(LeftOut(path, pixels.reason))
            elif (same := seen.setdefault(row := _row(base, pixels), path)) is not path:
                left_out.append(LeftOut(path, f"is the same picture as {same}"))
            else:
                rows.append(row)
                targets.append(number)
    read = Examples.unpacked(b"".join(rows), base.network.tail.width, np.array(targets, np.intp))
    return read.chosen(np.argsort(read.targets, kind="stable")), left_out


def _row(base: Base, pixels: Pixels) -> bytes:
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    views = (base.features(pixels), base.features(mirrored))
    return b"".join((*(view.tobytes() for view in views), difference_hash(pixels).tobytes()))


def difference_hash(pixels: Pixels) -> NDArray[np.uint8]:
    """Return the perceptual hash of a picture, `uint8 (32,)`: where it grows brighter from left to right.

    It is that of `edge_runtime.picture.near_duplicates`, whose library a device need not have.
    """
    size = (_HASH_SIDE + 1, _HASH_SIDE)
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.LANCZOS))
    return np.packbits(grey[:, 1:] > grey[:, :-1])
