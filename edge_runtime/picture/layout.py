"""Tell which sub-folders of a folder are classes, and which are the sides of a split."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import PictureFolderError
from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.picture.side import SIDE_OF, Side
from edge_runtime.picture.tree import scan, walk

NameKey = Callable[[str], str]


@dataclass(frozen=True)
class ClassFolder:
    """The folder of a class, on one side of a split or of the whole.

    Args:
        path: the folder.
        side: the side that the folder above it stands for; None when it stands for none.
    """

    path: Path
    side: Side | None = None


@dataclass(frozen=True)
class Layout:
    """How a folder is laid out.

    Args:
        folder: the folder.
        classes: the folders of the classes, sorted.
        left_out: what lies beside them and is not used.
        sides: the sides that direct sub-folders stand for, by their name.
        inside: whether each class folder is split into sides, as in `cat/train` and `cat/test`.
        bare: names of sides that hold pictures, but no folders of classes.
        inner: whether the first class folder has sub-folders that hold pictures.
    """

    folder: Path
    classes: tuple[ClassFolder, ...]
    left_out: tuple[LeftOut, ...]
    sides: dict[str, Side]
    inside: bool = False
    bare: tuple[str, ...] = ()
    inner: bool = False

    @property
    def links(self) -> frozenset[str]:
        """The sides and classes that are links to folders: these links are followed."""
        parts = {self.folder / name for name in self.sides} | {found.path for found in self.classes}
        return frozenset(os.fspath(path) for path in parts if path.is_symlink())

    def side_inside(self, path: Path, class_folder: Path) -> Side | None:
        """Return the side that the first folder inside a class folder stands for, where classes are split."""
        inner = path.relative_to(class_folder).parts
        return SIDE_OF.get(inner[0].lower()) if self.inside and len(inner) > 1 else None

    def side_of(self, path: Path) -> Side | None:
        """Return the side of a picture by the folders above it."""
        top, *_ = path.relative_to(self.folder).parts
        if top in self.sides:
            return self.sides[top]
        if self.sides and any(found.path.name == top and found.side for found in self.classes):
            return Side.TRAIN  # the classes lie beside a folder `test`
        return self.side_inside(path, self.folder / top) if self.inside else None


def find_layout(folder: Path, same: NameKey) -> Layout:
    """Return how a folder is laid out.

    Args:
        folder: the folder.
        same: gives the same text for two names that stand for one class.

    Raises:
        PictureFolderError: two sub-folders stand for the same side.
    """
    folders, left_out = _sub_folders(folder, folder)
    sides = {path: SIDE_OF[path.name.lower()] for path in folders if path.name.lower() in SIDE_OF}
    split = {path: side for path, side in sides.items() if _holds_classes(path)}
    others = [path for path in folders if path not in sides]
    if not split:
        return _of_classes(folder, folders, left_out, others)
    _refuse_twice(folder, split)
    if _beside(split, others, same):
        classes = [ClassFolder(path, Side.TRAIN) for path in others]
        return _of_sides(folder, split, classes, left_out)
    alone = not any(map(_has_picture, others))
    if alone or (Side.TRAIN in split.values() and len(split) > 1):
        unused = [path for path in folders if path not in split]
        left_out += [LeftOut(path.name, Cause.NO_SIDE, _unused(path)) for path in unused]
        return _of_sides(folder, split, [], left_out)
    return _of_classes(folder, folders, left_out, others)


def _of_classes(folder: Path, folders: list[Path], left_out: list[LeftOut], others: list[Path]) -> Layout:
    """Each sub-folder is a class. Folders `train` and `test` alone, with pictures in them, are no classes."""
    if folders and not others:
        return Layout(folder, (), tuple(left_out), {}, bare=tuple(path.name for path in folders))
    inner = bool(folders) and any(map(_has_picture, _sub_folders(folders[0], folder)[0]))
    classes = tuple(map(ClassFolder, folders))
    return Layout(folder, classes, tuple(left_out), {}, inside=_split_inside(folder, folders), inner=inner)


def _of_sides(folder: Path, split: dict[Path, Side], classes: list[ClassFolder], left_out: list[LeftOut]) -> Layout:
    """Each class has a folder on each side."""
    for path, side in split.items():
        inner, more = _sub_folders(path, folder)
        classes = classes + [ClassFolder(found, side) for found in inner]
        left_out = left_out + more
    return Layout(folder, tuple(classes), tuple(left_out), {path.name: side for path, side in split.items()})


def _sub_folders(folder: Path, root: Path) -> tuple[list[Path], list[LeftOut]]:
    """Return the folders in a folder, links to folders among them, and what else lies there."""
    found = scan(os.fspath(folder))
    above = folder.resolve()
    round_about = [path for path in found.linked if above.is_relative_to(Path(path).resolve())]
    left_out = [
        *found.left_out,
        *(LeftOut(path, Cause.LINK, "is a link to a folder that it lies in") for path in round_about),
        *(LeftOut(path, Cause.NO_CLASS, "lies in no class folder") for path in found.pictures),
    ]
    folders = sorted(Path(path) for path in (*found.folders, *found.linked) if path not in round_about)
    return folders, [item._replace(path=Path(item.path).relative_to(root).as_posix()) for item in left_out]


def _holds_classes(path: Path) -> bool:
    """Say whether a folder holds folders, and no more than a few pictures beside them."""
    found = scan(os.fspath(path))
    folders = len(found.folders) + len(found.linked)
    return folders > 1 or (folders == 1 and not found.pictures)


def _beside(split: dict[Path, Side], others: list[Path], same: NameKey) -> bool:
    """Say whether a folder such as `test` holds the classes that lie beside it: `cat`, `dog`, `test/cat`."""
    if Side.TRAIN in split.values() or len(others) < 2:
        return False
    beside = {same(path.name) for path in others}
    inside = {same(found.name) for path in split for found in _sub_folders(path, path)[0]}
    return bool(inside) and inside <= beside


def _split_inside(folder: Path, classes: list[Path]) -> bool:
    """Say whether every class folder is split into a training side and others, and holds nothing else."""
    for path in classes:
        names = [found.name.lower() for found in _sub_folders(path, folder)[0]]
        sides = {SIDE_OF.get(name) for name in names}
        if Side.TRAIN not in sides or len(sides) < 2 or None in sides or scan(os.fspath(path)).pictures:
            return False
    return bool(classes)


def _refuse_twice(folder: Path, split: dict[Path, Side]) -> None:
    first: dict[Side, str] = {}
    for path, side in split.items():
        if side in first:
            raise PictureFolderError(
                f"{folder}: {first[side]} and {path.name} are both the {side} side of a split. Merge them, or "
                "rename one."
            )
        first[side] = path.name


def _has_picture(path: Path) -> bool:
    return any(not isinstance(item, LeftOut) for item in walk(os.fspath(path)))


def _unused(path: Path) -> str:
    if path.name.lower() in SIDE_OF:
        return "holds no folder for each class"
    return "is no side of the split: expected a name such as train, val or test"
