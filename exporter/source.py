"""What an export starts from: a run folder with its pictures, or a Keras model of the user's own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bounded_file import is_refused, read_picture_file
from edge_runtime.bundle import MANIFEST, read_bundle
from edge_runtime.bundle.manifest import TAUGHT
from edge_runtime.errors import BundleError, PictureError, PictureFolderError, RunFolderError
from edge_runtime.parallel import map_in_order
from edge_runtime.picture.copies import find_copies
from edge_runtime.picture.folder import PictureFile, PictureFolder, read_classes
from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.picture.near_duplicates import difference_hash
from edge_runtime.picture.preprocessing import Pixels, Preprocessing, load_picture, load_pictures
from edge_runtime.run_folder import Side, read_run_folder
from exporter.errors import SourceError
from exporter.moved import find_pictures


@dataclass(frozen=True)
class SplitPicture:
    """A picture of the run's data set, or of a folder of the user's own.

    Args:
        path: the file.
        label: index into the labels; -1 when unknown.
        sha256: hash of its bytes when it was first read, hex; for a picture of a run, that was in training.
        difference_hash: 256-bit perceptual hash of its preprocessed pixels, 64 hex digits.
    """

    path: Path
    label: int
    sha256: str
    difference_hash: str


class Origin(StrEnum):
    """Where a model comes from."""

    RUN = "run"
    KERAS = "keras"


@dataclass(frozen=True)
class Source:
    """A trained model, the pictures that it was trained on, and those that it is judged on.

    Args:
        folder: the run folder, or the folder of the test pictures.
        model_path: the Keras model.
        run: the content of `run.json`, or what is known of a model of the user's own.
        labels: label of each output, in order.
        preprocessing: what the model was trained on.
        sides: the pictures of `train`, `validation` and `test`.
        input_range: what the model takes for black and white; None if it takes 0 and 255.
        origin: a run of catdog-train, or a Keras model of the user's own.
        left_out: what is not used of a folder of test pictures, or of a run's pictures that have moved.
    """

    folder: Path
    model_path: Path
    run: dict[str, Any]
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    sides: dict[str, tuple[SplitPicture, ...]]
    input_range: tuple[float, float] | None = None
    origin: Origin = Origin.RUN
    left_out: tuple[LeftOut, ...] = ()

    @property
    def name(self) -> str:
        """What a bundle is called by default."""
        return self.folder.resolve().name if self.origin is Origin.RUN else self.model_path.stem

    @property
    def is_sample(self) -> bool:
        """Whether its pictures are the drawings of catdog itself."""
        return bool(self.run["data"] == "sample")


def read_source(folder: Path, data: Path | None = None) -> Source:
    """Read a run folder.

    Args:
        folder: the run folder.
        data: where the run's pictures are now. They are found by their content, under any name. Default: where they
            were in training, or where the data folder of the same name is now.

    Raises:
        SourceError: it is no finished run, is damaged, or of an unknown version. Or a test picture is not in
            `data`.
    """
    refuse_taught(folder)
    try:
        found = read_run_folder(folder)
    except RunFolderError as error:
        raise SourceError(str(error)) from error
    run, splits = found.run, found.splits
    place = find_pictures(found, data)
    sides: dict[str, tuple[SplitPicture, ...]] = {
        side: tuple(
            SplitPicture(path, run.labels.index(file.label), file.sha256, file.difference_hash)
            for file in splits.on(side)
            if (path := place(file)) is not None
        )
        for side in Side
    }
    absent = tuple(
        LeftOut(file.path, Cause.UNREADABLE, f"is not in {data}") for file in splits.files if place(file) is None
    )
    return Source(folder, found.model_path, run.to_dict(), run.labels, run.preprocessing, sides, left_out=absent)


def refuse_taught(path: Path) -> None:
    """Refuse a bundle that `catdog-edge teach` made, or a file in it: there is no Keras model of its last layer.

    Raises:
        SourceError: it is one.
    """
    folder = path if path.is_dir() else path.parent
    if not (folder / MANIFEST).is_file():
        return
    try:
        taught = TAUGHT in read_bundle(folder).manifest.extra
    except BundleError:
        return
    if taught:
        raise SourceError(
            f"{folder}: was taught on a device, and no other format can be made of it. Use it as it is, or train "
            "with catdog-train on the same pictures."
        )


def read_keras_source(
    model_path: Path, test: Path, *, size: tuple[int, int], input_range: tuple[float, float] | None = None
) -> Source:
    """Return a source for a Keras image classifier that catdog-train did not make.

    Args:
        model_path: a `.keras` file.
        test: folder with a sub-folder of test pictures for each class. The labels are their names in lower case,
            sorted as Keras sorts the folders: capitals first. Of a folder that is split into sides, the
            test side is taken, or else the validation side.
        size: height and width of the model's input, pixels.
        input_range: what it takes for black and white, if it does not rescale 0-255 itself.

    Raises:
        SourceError: there are no two classes of pictures there, or none of the files is a picture.
    """
    refuse_taught(model_path)
    try:
        found = read_classes(test, order=str).on(Side.TEST, Side.VALIDATION)
    except PictureFolderError as error:
        raise SourceError(str(error)) from error
    height, width = size
    preprocessing = Preprocessing(width=width, height=height)
    pictures, left_out = describe_pictures(found, preprocessing, role="test")
    run: dict[str, Any] = {
        "name": model_path.stem,
        "architecture": "",
        "data": str(test),
        "seed": None,
        "versions": {},
    }
    sides: dict[str, tuple[SplitPicture, ...]] = {"train": (), "validation": (), "test": pictures}
    return Source(test, model_path, run, found.labels, preprocessing, sides, input_range, Origin.KERAS, left_out)


def describe_pictures(
    found: PictureFolder, preprocessing: Preprocessing, *, role: str
) -> tuple[tuple[SplitPicture, ...], tuple[LeftOut, ...]]:
    """Describe the pictures of a folder that are not a run's. Return them, and all that is left out.

    Args:
        found: the folder.
        preprocessing: the contract to decode by.
        role: what the folder is for, `test` or `calibration`; an error names it.

    Raises:
        SourceError: the disk does not give a file.
    """

    def describe(file: PictureFile) -> SplitPicture | str:
        try:
            content = read_picture_file(file.path)
            digest = difference_hash(load_picture(content, preprocessing))
        except OSError as error:
            if is_refused(error):
                return str(error.strerror)
            if isinstance(error, PermissionError):
                return f"cannot be read ({error.strerror})"
            raise SourceError(
                f"{file.path}: cannot be read ({error.strerror}). Look at the disk, or take it out of the {role} "
                "folder."
            ) from error
        except PictureError as error:
            return error.reason
        return SplitPicture(file.path, file.label, hashlib.sha256(content).hexdigest(), digest)

    described = list(map_in_order(describe, found.files, workers=os.cpu_count() or 1))
    names = [found.name_of(file.path) for file in found.files]
    hashes = ["" if isinstance(item, str) else item.sha256 for item in described]
    copies = find_copies(names, hashes, [file.label for file in found.files], found.labels)
    left_out = [*found.left_out, *filter(None, copies)]
    left_out += [
        LeftOut(name, Cause.UNREADABLE, item)
        for name, item in zip(names, described, strict=True)
        if isinstance(item, str)
    ]
    kept = (item for item, copy in zip(described, copies, strict=True) if not copy and not isinstance(item, str))
    return tuple(kept), tuple(left_out)


def load_split_pictures(
    pictures: tuple[SplitPicture, ...],
    preprocessing: Preprocessing,
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Pixels, NDArray[np.intp]]:
    """Decode pictures of a split, if they have not changed.

    Args:
        pictures: one or more pictures.
        preprocessing: the contract to decode by.
        report: called with pictures done and in all.

    Returns:
        `uint8 (N, height, width, 3) RGB 0-255` and label indices `int (N,)`.

    Raises:
        SourceError: a file is missing, has changed, or cannot be decoded.
    """
    contents = (_read_unchanged(picture) for picture in pictures)
    pixels = np.empty((len(pictures), preprocessing.height, preprocessing.width, 3), np.uint8)
    for index, loaded in enumerate(load_pictures(contents, preprocessing)):
        if isinstance(loaded, PictureError):
            raise SourceError(
                f"{pictures[index].path}: {loaded.reason}. The file has not changed since training. "
                "Install the Pillow that it was trained with, or train again."
            )
        pixels[index] = loaded
        report(index + 1, len(pictures))
    return pixels, np.array([picture.label for picture in pictures], np.intp)


def _read_unchanged(picture: SplitPicture) -> bytes:
    try:
        content = read_picture_file(picture.path)
    except OSError as error:
        raise SourceError(
            f"{picture.path}: the training run's picture cannot be read ({error.strerror}). "
            "Name the folder that has it now with --data, or train again."
        ) from error
    if hashlib.sha256(content).hexdigest() != picture.sha256:
        raise SourceError(f"{picture.path}: has changed since training. Restore it, or train again.")
    return content
