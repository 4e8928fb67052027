"""Files, folders and patterns become picture paths in a fixed order."""

import os
from pathlib import Path

import pytest

from edge_runtime.errors import PictureError
from edge_runtime.picture.listing import list_pictures
from edge_runtime.picture.preprocessing import Preprocessing, load_picture


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures, other files, sub-folders, and a link that leads back up."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "a.PNG", "notes.txt", "deep/c.webp", "deep/er/d.gif", "none/x.txt"):
        path = tmp_path / "top" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "top" / "loop").symlink_to(tmp_path, target_is_directory=True)
    return tmp_path


def test_folder_gives_its_own_pictures_sorted(tree: Path) -> None:
    """Proves that a folder gives only its own pictures, sorted, and no other files."""
    assert list(list_pictures(["top"])) == ["top/a.PNG", "top/b.jpg"]


def test_recursive_goes_down_but_not_round(tree: Path) -> None:
    """Proves that every sub-folder is visited once, in order, and that a link to a folder is not followed."""
    expected = ["top/a.PNG", "top/b.jpg", "top/deep/c.webp", "top/deep/er/d.gif"]
    assert list(list_pictures(["top"], recursive=True)) == expected


def test_patterns_are_expanded_and_sorted(tree: Path) -> None:
    """Proves that patterns work where no shell expands them, and that `**` works at any depth."""
    assert list(list_pictures(["top/*.jpg", "top/deep/**/*.gif"])) == ["top/b.jpg", "top/deep/er/d.gif"]


def test_folders_that_a_pattern_matches_are_looked_into(tree: Path) -> None:
    """Proves that a quoted pattern gives the same as the shell's, and that `**` gives no path twice."""
    assert list(list_pictures(["t*"])) == ["top/a.PNG", "top/b.jpg"]
    found = list(list_pictures(["top/*"], recursive=True))
    assert [path for path in found if not path.startswith("top/loop")] == [
        "top/a.PNG", "top/b.jpg", "top/deep/c.webp", "top/deep/er/d.gif", "top/none", "top/notes.txt"
    ]  # fmt: skip
    deep = ["top/deep/c.webp", "top/deep/er/d.gif"]
    assert list(list_pictures(["top/deep/**"])) == deep
    assert list(list_pictures(["top/deep/**/"])) == deep
    assert list(list_pictures(["top/d*/**/e*"])) == ["top/deep/er/d.gif"]
    for nothing in ("top/none/**", "top/none/**/"):
        assert len(list(list_pictures([nothing]))) == 1


def test_folder_that_cannot_be_read_is_passed_on(tree: Path) -> None:
    """Proves that a folder that cannot be read becomes an error and is not left out silently."""
    name = "x" * 200
    for _ in range(25):  # longer than a path may be
        os.mkdir(name)
        os.chdir(name)
    os.chdir(tree)
    found = list(list_pictures([name, "top"], recursive=True))
    assert found[1:] == ["top/a.PNG", "top/b.jpg", "top/deep/c.webp", "top/deep/er/d.gif"]
    assert found[0].startswith(f"{name}/{name}")
    with pytest.raises(PictureError, match=r"cannot be read \(File name too long\)"):
        load_picture(found[0], Preprocessing())


def test_what_names_nothing_is_passed_on(tree: Path) -> None:
    """Proves that missing files, empty folders and patterns without a match are yielded, to be reported later."""
    paths = ["none.jpg", "top/none", "*.bmp", "-"]
    assert list(list_pictures(paths)) == paths


def test_file_whose_name_is_a_pattern_is_a_file(tree: Path) -> None:
    """Proves that a file with brackets in its name, as cameras write, is a file and no pattern."""
    Path("photo[1].jpg").touch()
    assert list(list_pictures(["photo[1].jpg"])) == ["photo[1].jpg"]


def test_named_file_needs_no_suffix(tree: Path) -> None:
    """Proves that a named file is yielded whatever its name is, even if it is not UTF-8."""
    odd = os.fsdecode(b"\xff")
    assert list(list_pictures(["top/notes.txt", odd])) == ["top/notes.txt", odd]
