"""Read a folder of pictures: the class and the side of each picture, and what is left out.

All four packages read folders with this module. docs/reference/picture-folders.md explains the rules.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import PictureFolderError
from edge_runtime.picture.layout import Layout, find_layout
from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.picture.side import Side
from edge_runtime.picture.tree import walk
from edge_runtime.strict_json import unprintable

UNKNOWN = -1  # the label of a picture in no folder named after a label
_RESERVED = ("unsure",)  # what people see instead of a label when an answer is not sure


@dataclass(frozen=True)
class PictureFile:
    """A picture in a folder.

    Args:
        path: the file.
        label: index into the labels; -1 when no folder above it is named after one.
        side: the side of the split that its folder stands for; None when no folder does.
    """

    path: Path
    label: int
    side: Side | None = None


@dataclass(frozen=True)
class PictureFolder:
    """The pictures of a folder.

    Args:
        folder: the folder.
        labels: the labels, in the order of their indices.
        files: the pictures, by class, those of a class sorted by path.
        left_out: everything else in the folder.
    """

    folder: Path
    labels: tuple[str, ...]
    files: tuple[PictureFile, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that the folder is split into; none when it is not."""
        there = {file.side for file in self.files}
        return tuple(side for side in Side if side in there)

    def name_of(self, path: Path) -> str:
        """Return the path of a file inside the folder, with forward slashes."""
        return path.relative_to(self.folder).as_posix()

    def on(self, *sides: Side) -> PictureFolder:
        """Return the pictures of the first of these sides that is there; all pictures if the folder has no sides.

        The pictures of the other sides are left out.
        """
        wanted = next((side for side in sides if side in self.sides), None)
        if wanted is None:
            return self
        chosen = tuple(file for file in self.files if file.side is wanted)
        others = tuple(
            LeftOut(self.name_of(file.path), Cause.NO_SIDE, f"is on the side {file.side}, not on {wanted}")
            for file in self.files
            if file.side is not wanted
        )
        return PictureFolder(self.folder, self.labels, chosen, self.left_out + others)


def label_text(name: str) -> str:
    r"""Return the label that a folder's name stands for: in lower case, and a byte that is no UTF-8 as `\xe9`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").lower()


def same_label(name: str) -> str:
    """Return what two names have in common that differ only in case or in how their accents are stored."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", label_text(name)).casefold())


def read_classes(folder: Path, *, order: Callable[[str], str] = label_text) -> PictureFolder:
    """Return the pictures of a folder with one sub-folder per class, or with such folders for each side of a split.

    Args:
        folder: the folder.
        order: gives by the name of a class folder what the labels are sorted by. Default the label.

    Raises:
        PictureFolderError: the folder is missing, its sub-folders are no two classes, or a name cannot be a label.
    """
    layout = _layout(folder)
    labels = _labels(folder, layout, order)
    index = {same_label(name): number for number, name in enumerate(labels)}
    files: list[PictureFile] = []
    left_out = list(layout.left_out)
    for found in sorted(layout.classes, key=lambda found: (index[same_label(found.path.name)], found.path)):
        for item in _sorted(walk(os.fspath(found.path))):
            if isinstance(item, LeftOut):
                left_out.append(_relative(item, folder))
            else:
                label = index[same_label(found.path.name)]
                files.append(PictureFile(item, label, found.side or layout.side_inside(item, found.path)))
    return PictureFolder(folder, labels, tuple(files), tuple(left_out))


def read_labelled(folder: Path, labels: tuple[str, ...]) -> PictureFolder:
    """Return the pictures below a folder. The labels are known already.

    A picture has the label that the outermost folder above it is named after, in any case. The folder itself counts
    when none inside it is. A split is found as `read_classes` finds it.

    Args:
        folder: the folder.
        labels: the labels.

    Raises:
        PictureFolderError: the folder is missing, or two of its sub-folders stand for one side.
    """
    layout = _layout(folder)
    index = _Index(labels)
    files: list[PictureFile] = []
    left_out: list[LeftOut] = []
    for item in _sorted(walk(os.fspath(folder), into=layout.links)):
        if isinstance(item, LeftOut):
            left_out.append(_relative(item, folder))
            continue
        inside = item.relative_to(folder).parts[:-1]
        label = next(
            (index.of(part) for part in inside if index.of(part) != UNKNOWN), index.of(folder.resolve().name)
        )
        files.append(PictureFile(item, label, layout.side_of(item)))
    return PictureFolder(folder, labels, tuple(files), tuple(left_out))


class _Index:
    """Find labels by the names of folders. The very same name wins over one that differs in case."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._exact = {label: number for number, label in enumerate(labels)}
        self._alike = {same_label(label): number for number, label in reversed(list(enumerate(labels)))}

    def of(self, name: str) -> int:
        return self._exact.get(name, self._alike.get(same_label(name), UNKNOWN))


def _layout(folder: Path) -> Layout:
    if not folder.is_dir():
        raise PictureFolderError(
            f"{folder}: no such folder. Name one with a sub-folder of pictures for each class."
        )
    return find_layout(folder, same_label)


def _labels(folder: Path, layout: Layout, order: Callable[[str], str]) -> tuple[str, ...]:
    names: dict[str, str] = {}
    seen: set[tuple[Side | None, str]] = set()
    for found in sorted(
        layout.classes, key=lambda found: found.side is not Side.TRAIN
    ):  # a label is as in training
        same = same_label(found.path.name)
        if (found.side, same) in seen:
            raise PictureFolderError(
                f"{folder}: two sub-folders differ only in upper and lower case, or in how accents are stored: "
                f"{names[same]} and {found.path.name}. Merge or rename them."
            )
        seen.add((found.side, same))
        names.setdefault(same, found.path.name)
    labels = tuple(map(label_text, sorted(names.values(), key=order)))
    for name in labels:
        _refuse_name(folder, name)
    if len(labels) < 2:
        raise PictureFolderError(_too_few(folder, labels, layout))
    return labels


def _refuse_name(folder: Path, name: str) -> None:
    if unprintable(name):
        raise PictureFolderError(
            f"{folder}: the name of the sub-folder {name!r} has a control character, a line break or a mark of "
            "direction. Rename it."
        )
    if name in _RESERVED:
        raise PictureFolderError(
            f"{folder}: a class cannot be called {name}, which is the word for answers that are not sure. "
            "Rename its folder."
        )


def _too_few(folder: Path, names: tuple[str, ...], layout: Layout) -> str:
    """Say what was found instead of two classes, and where two may be."""
    text = (
        f"{folder}: expected a sub-folder of pictures for each of two or more classes, such as "
        f"{folder}/cat and {folder}/dog; found {', '.join(names) or 'none'}."
    )
    if layout.bare:
        return f"{text} {', '.join(layout.bare)} hold pictures, but no folder for each class."
    if len(names) == 1 and layout.inner:
        inner = layout.classes[0].path
        return f"{text} If the classes are the folders in {inner}, name that one."
    return text


def _sorted(items: Iterator[str | LeftOut]) -> Iterator[Path | LeftOut]:
    """Yield what is left out, then the pictures as sorted paths: an order that no file system changes."""
    pictures = []
    for item in items:
        if isinstance(item, LeftOut):
            yield item
        else:
            pictures.append(Path(item))
    yield from sorted(pictures)


def _relative(item: LeftOut, folder: Path) -> LeftOut:
    return item._replace(path=Path(item.path).relative_to(folder).as_posix())
