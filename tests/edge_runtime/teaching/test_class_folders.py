"""Class folders are read as labels, and what cannot be learned from is told."""

from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import TeachingError
from edge_runtime.picture.near_duplicates import difference_hash as library_hash
from edge_runtime.picture.preprocessing import load_picture
from edge_runtime.teaching.base import Base
from edge_runtime.teaching.class_folders import class_folders, difference_hash, pictures_below, read_pictures
from tests.edge_runtime.teaching.drawings import draw, write_walls


def test_each_folder_is_a_label(tmp_path: Path) -> None:
    """Proves that folders are labels at any depth, that `_x` is one too, and that hidden folders are none."""
    write_walls(tmp_path, ("grass",), count=1)
    write_walls(tmp_path / "_old", ("deep/er",), count=2)
    for litter in (".ipynb_checkpoints", "__MACOSX"):
        write_walls(tmp_path, (litter,), count=1)
    found = class_folders(tmp_path)
    assert {label: len(paths) for label, paths in found.items()} == {"_old": 2, "grass": 1}


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        ((), "received none"),
        (("a",), "received the folder a alone"),
        (("a", "b"), "b: has no picture in it"),
    ],
)
def test_too_few_folders_are_refused(folders: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """Proves that a folder with no class folder, with one, and with an empty one are refused, each in its words."""
    for name in folders:
        (tmp_path / name).mkdir()
    if folders:
        draw("grass", 0).save(tmp_path / "a/0.jpg")
    with pytest.raises(TeachingError, match=words):
        class_folders(tmp_path)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    """Proves that a missing folder is named."""
    for read in (class_folders, pictures_below):
        with pytest.raises(TeachingError, match="nothing: no such folder"):
            read(tmp_path / "nothing")


def test_damaged_pictures_and_copies_are_left_out(base: Base, tmp_path: Path) -> None:
    """Proves that a damaged picture and a copy are left out with a reason, and that the others are in order."""
    folder = write_walls(tmp_path, ("grass",), count=3) / "grass"
    (folder / "01.jpg").write_bytes((folder / "01.jpg").read_bytes()[:900])
    (folder / "03.jpg").write_bytes((folder / "00.jpg").read_bytes())
    told = list[tuple[int, int]]()
    examples, left_out = read_pictures(base, {4: pictures_below(folder)}, None, report=lambda *at: told.append(at))
    assert examples.targets.tolist() == [4, 4]
    assert [Path(picture.path).name for picture in left_out] == ["01.jpg", "03.jpg"]
    assert "decoded" in left_out[0].reason
    assert "the same picture as" in left_out[1].reason
    assert told == [(4, 1), (4, 2), (4, 3), (4, 4)]
    again, left_out = read_pictures(base, {0: pictures_below(folder)}, examples, report=lambda *_: None)
    assert len(again.targets) == 0
    assert "in the bundle" in left_out[0].reason


def test_a_row_is_the_picture_and_its_mirror_image(base: Base, tmp_path: Path) -> None:
    """Proves what the two views are."""
    folder = write_walls(tmp_path, ("grass",), count=1) / "grass"
    examples, _ = read_pictures(base, {0: pictures_below(folder)}, None, report=lambda *_: None)
    pixels = load_picture(folder / "00.jpg", base.bundle.preprocessing)
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    assert np.array_equal(examples.features[0], [base.features(pixels), base.features(mirrored)])


def test_the_hash_is_that_of_the_library(base: Base, tmp_path: Path) -> None:
    """Proves that the hash without imagehash has the same bits as with it."""
    pytest.importorskip("imagehash")
    for number in range(5):
        draw("pebbles", number).save(tmp_path / "x.png")
        pixels = load_picture(tmp_path / "x.png", base.bundle.preprocessing)
        assert difference_hash(pixels).tobytes().hex() == library_hash(pixels)
