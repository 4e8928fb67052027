"""Result folders: the newest one is found, and a folder appears whole or not at all."""

import os
from pathlib import Path

import pytest

from edge_runtime.atomic_folder import partial_folder, plain_name, replace_folder, require_replaceable, whole_folder
from edge_runtime.errors import OutputError
from edge_runtime.folders import newest_folder


def marked(parent: Path, name: str, age_s: int) -> Path:
    """Make a folder with a marker file that was written `age_s` seconds ago."""
    folder = parent / name
    folder.mkdir(parents=True)
    (folder / "marker").write_text(name)
    os.utime(folder / "marker", (1_700_000_000 - age_s,) * 2)
    return folder


def write_and_raise(target: Path, error: type[BaseException]) -> None:
    """Fail while a folder is half written."""
    with whole_folder(target, marker="marker") as partial:
        (partial / "file").write_text("new")
        raise error


def test_newest_folder_is_the_one_written_last(tmp_path: Path) -> None:
    """Proves that the time of the marker decides and not the name, and that only folders with a marker count."""
    marked(tmp_path, "z", 20)
    newest = marked(tmp_path, "a", 10)
    (tmp_path / "empty").mkdir()
    assert newest_folder(tmp_path, "marker") == newest


def test_unfinished_folder_is_never_the_newest(tmp_path: Path) -> None:
    """Proves that a hidden folder does not count: it may be unfinished."""
    done = marked(tmp_path, "done", 10)
    marked(tmp_path, ".next.1.partial", 0)
    assert newest_folder(tmp_path, "marker") == done


def test_no_folder(tmp_path: Path) -> None:
    """Proves that an empty parent and a missing parent both give None."""
    assert newest_folder(tmp_path, "marker") is None
    assert newest_folder(tmp_path / "none", "marker") is None


def test_whole_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    """Proves that the target appears only when the block ends, with its parents, and that nothing else stays."""
    target = tmp_path / "deep" / "target"
    with whole_folder(target, marker="marker") as partial:
        (partial / "file").write_text("new")
        assert partial.parent == target.parent
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    assert (target / "file").read_text() == "new"


def test_whole_folder_replaces_an_old_one(tmp_path: Path) -> None:
    """Proves that no file of the old folder stays in the new one or beside it."""
    marked(tmp_path, "target", 0)
    with whole_folder(tmp_path / "target", marker="marker") as partial:
        (partial / "file").write_text("new")
        assert (tmp_path / "target" / "marker").exists()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["target", "target/file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failed_block_leaves_the_old_folder(tmp_path: Path, error: type[BaseException]) -> None:
    """Proves that the old folder stays after a failure or Ctrl-C, and that nothing else stays."""
    old = marked(tmp_path, "target", 0)
    with pytest.raises(error):
        write_and_raise(old, error)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert (old / "marker").read_text() == "target"


def test_remains_of_a_killed_process_are_no_hindrance(tmp_path: Path) -> None:
    """Proves that folders of a killed process are deleted, even if it had the same process number."""
    marked(tmp_path, f".target.{os.getpid()}.partial", 0)
    marked(tmp_path, f".target.{os.getpid()}.old", 0)
    marked(tmp_path, "target", 0)
    with whole_folder(tmp_path / "target", marker="marker") as partial:
        assert list(partial.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_old_folder_comes_back_when_its_replacement_was_killed(tmp_path: Path) -> None:
    """Proves that the old folder comes back if a process was killed after moving it away.

    Where the system cannot exchange two folders, no folder has the name at that moment.
    """
    marked(tmp_path, ".target.999999999.partial", 0)
    marked(tmp_path, ".target.999999999.old", 0)
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(tmp_path / "target", KeyboardInterrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert (tmp_path / "target" / "marker").read_text() == ".target.999999999.old"


def test_old_folder_comes_back_when_the_new_one_cannot_be_moved(tmp_path: Path) -> None:
    """Proves that the old folder comes back when the rename of the new one fails."""
    old = marked(tmp_path, "target", 0)
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "none", old, marker="marker")
    assert (old / "marker").read_text() == "target"


@pytest.mark.parametrize("content", ["a file of mine", "sub/another"])
def test_a_folder_of_the_user_is_never_replaced(tmp_path: Path, content: str) -> None:
    """Proves that a folder without the marker is refused before the block runs, and keeps every byte."""
    mine = tmp_path / "holiday" / content
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    for write in (whole_folder, partial_folder):
        with (
            pytest.raises(OutputError, match="holds other files and no marker"),
            write(tmp_path / "holiday", marker="marker"),
        ):
            pytest.fail("work was done before it was refused")
    assert mine.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["holiday"]


def test_a_folder_that_became_the_users_meanwhile_is_kept(tmp_path: Path) -> None:
    """Proves that the target is checked again when the new folder is ready."""
    target = tmp_path / "target"

    def write_while_the_user_does() -> None:
        with whole_folder(target, marker="marker") as partial:
            (partial / "marker").touch()
            target.mkdir()
            (target / "mine").write_text("mine")

    with pytest.raises(OutputError, match="holds other files"):
        write_while_the_user_does()
    assert (target / "mine").read_text() == "mine"


def test_what_may_be_replaced(tmp_path: Path) -> None:
    """Proves that a new name, an empty folder and a marked folder may be replaced, but no file and no dead link."""
    (tmp_path / "empty").mkdir()
    marked(tmp_path, "ours", 0)
    for name in ("new", "deep/new", "empty", "ours"):
        require_replaceable(tmp_path / name, "marker")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "odd" / "marker").mkdir(parents=True)  # a folder is no marker
    for name in ("file", "link", "odd"):
        with pytest.raises(OutputError, match=name):
            require_replaceable(tmp_path / name, "marker")


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/etc", "a\\b", "a\nb", "a\x1b[2Jb"])
def test_a_name_that_is_no_plain_name_is_refused(name: str) -> None:
    """Proves that a name cannot climb, hide or write on the terminal, and that the error names the option."""
    with pytest.raises(OutputError, match=r"--name: expected one folder name.*, received"):
        plain_name(name, "--name")


@pytest.mark.parametrize("name", ["pets", "pets 2", "猫", "v1.2"])
def test_a_plain_name_is_returned(name: str) -> None:
    """Proves that ordinary names in any script are accepted."""
    assert plain_name(name, "--name") == name
