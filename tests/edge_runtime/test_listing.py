"""Files, folders and patterns become picture paths, in an order that one can rely on."""

import os
from pathlib import Path

import pytest

from edge_runtime.listing import list_pictures


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
    """Proves that other files and folders below are left alone unless asked for."""
    assert list(list_pictures(["top"])) == ["top/a.PNG", "top/b.jpg"]


def test_recursive_goes_down_but_not_round(tree: Path) -> None:
    """Proves that every folder below is visited once, in order, and a link to a folder is not followed."""
    expected = ["top/a.PNG", "top/b.jpg", "top/deep/c.webp", "top/deep/er/d.gif"]
    assert list(list_pictures(["top"], recursive=True)) == expected


def test_patterns_are_expanded_and_sorted(tree: Path) -> None:
    """Proves that patterns work where no shell expands them, with `**` at any depth."""
    assert list(list_pictures(["top/*.jpg", "top/deep/**/*.gif"])) == ["top/b.jpg", "top/deep/er/d.gif"]


def test_what_names_nothing_is_passed_on(tree: Path) -> None:
    """Proves that missing files, empty folders and patterns without a match are left to be reported."""
    paths = ["none.jpg", "top/none", "*.bmp", "-"]
    assert list(list_pictures(paths)) == paths


def test_file_whose_name_is_a_pattern_is_a_file(tree: Path) -> None:
    """Proves that a name with brackets, which cameras write, is taken as it is."""
    Path("photo[1].jpg").touch()
    assert list(list_pictures(["photo[1].jpg"])) == ["photo[1].jpg"]


def test_named_file_needs_no_suffix(tree: Path) -> None:
    """Proves that a file named by the user is passed on whatever it is called, also in bytes that are not UTF-8."""
    odd = os.fsdecode(b"\xff")
    assert list(list_pictures(["top/notes.txt", odd])) == ["top/notes.txt", odd]
