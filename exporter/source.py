"""What an export starts from: a run folder with its pictures, or a Keras model of the user's own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bounded_file import is_refused, read_picture_file
from edge_runtime.bundle import MANIFEST, read_bundle
from edge_runtime.bundle.manifest import TAUGHT
from edge_runtime.errors import BundleError, PictureError, RunFolderError
from edge_runtime.parallel import map_in_order
from edge_runtime.picture.near_duplicates import difference_hash
from edge_runtime.picture.preprocessing import Pixels, Preprocessing, load_picture, load_pictures
from edge_runtime.run_folder import Side, read_run_folder
from edge_runtime.strict_json import unprintable
from exporter.errors import SourceError


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
    """

    folder: Path
    model_path: Path
    run: dict[str, Any]
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    sides: dict[str, tuple[SplitPicture, ...]]
    input_range: tuple[float, float] | None = None
    origin: Origin = Origin.RUN

    @property
    def name(self) -> str:
        """What a bundle is called by default."""
        return self.folder.resolve().name if self.origin is Origin.RUN else self.model_path.stem

    @property
    def is_sample(self) -> bool:
        """Whether its pictures are the drawings of catdog itself."""
        return bool(self.run["data"] == "sample")


def read_source(folder: Path) -> Source:
    """Read a run folder.

    Raises:
        SourceError: it is no finished run, is damaged, or of an unknown version.
    """
    refuse_taught(folder)
    try:
        found = read_run_folder(folder)
    except RunFolderError as error:
        raise SourceError(str(error)) from error
    run, splits = found.run, found.splits
    sides: dict[str, tuple[SplitPicture, ...]] = {
        side: tuple(
            SplitPicture(splits.path(file), run.labels.index(file.label), file.sha256, file.difference_hash)
            for file in splits.on(side)
        )
        for side in Side
    }
    return Source(folder, found.model_path, run.to_dict(), run.labels, run.preprocessing, sides)


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
        test: folder with a sub-folder of test pictures for each class. The labels are their sorted names in lower
            case.
        size: height and width of the model's input, pixels.
        input_range: what it takes for black and white, if it does not rescale 0-255 itself.

    Raises:
        SourceError: there are no two classes of pictures there, or a file is no picture.
    """
    refuse_taught(model_path)
    folders = sorted(path for path in test.glob("*/") if not path.name.startswith("."))
    if len(folders) < 2:
        raise SourceError(f"{test}: expected a sub-folder of pictures for each class, found {len(folders)}.")
    labels = tuple(os.fsencode(folder.name).decode("utf-8", "backslashreplace").lower() for folder in folders)
    if len(set(labels)) < len(labels):
        raise SourceError(f"{test}: two sub-folders differ only in upper and lower case. Merge or rename them.")
    if odd := next(filter(unprintable, labels), None):
        raise SourceError(
            f"{test}: the name of the sub-folder {odd!r} has a control character, a line break or a mark of "
            "direction. Rename it."
        )
    files = [
        (path, label)
        for label, folder in enumerate(folders)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    height, width = size
    preprocessing = Preprocessing(width=width, height=height)
    pictures = read_pictures(files, preprocessing, role="test")
    run: dict[str, Any] = {
        "name": model_path.stem,
        "architecture": "",
        "data": str(test),
        "seed": None,
        "versions": {},
    }
    sides: dict[str, tuple[SplitPicture, ...]] = {"train": (), "validation": (), "test": pictures}
    return Source(test, model_path, run, labels, preprocessing, sides, input_range, Origin.KERAS)


def read_pictures(
    files: Iterable[tuple[Path, int]], preprocessing: Preprocessing, *, role: str
) -> tuple[SplitPicture, ...]:
    """Describe picture files that are not a run's.

    Args:
        files: each file with its label's index.
        preprocessing: the contract to decode by.
        role: what their folder is for, `test` or `calibration`; an error names it.

    Raises:
        SourceError: a file cannot be read or decoded.
    """

    def describe(file: tuple[Path, int]) -> SplitPicture:
        path, label = file
        try:
            content = read_picture_file(path)
            digest = difference_hash(load_picture(content, preprocessing))
        except OSError as error:
            if is_refused(error):
                raise SourceError(f"{path}: {error.strerror}. Take it out of the {role} folder.") from error
            raise SourceError(
                f"{path}: cannot be read ({error.strerror}). Change its permissions, or take it out of the {role} "
                "folder."
            ) from error
        except PictureError as error:
            raise SourceError(f"{path}: {error.reason}. Take it out of the {role} folder.") from error
        return SplitPicture(path, label, hashlib.sha256(content).hexdigest(), digest)

    return tuple(map_in_order(describe, files, workers=os.cpu_count() or 1))


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
            "Bring the data folder back to where it was in training, or train again."
        ) from error
    if hashlib.sha256(content).hexdigest() != picture.sha256:
        raise SourceError(f"{picture.path}: has changed since training. Restore it, or train again.")
    return content
