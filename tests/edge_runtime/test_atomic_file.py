"""A file appears whole or not at all."""

import os
from pathlib import Path

import pytest

from edge_runtime.atomic_file import write_whole


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    """Proves that the file has the new content, and that nothing lies beside it."""
    for content in (b"old", b"new and longer"):
        write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    """Proves that if the new file cannot get its name, the old file stays and no part is left."""
    target = tmp_path / "target"
    (target / "inside").mkdir(parents=True)  # a folder cannot be replaced by a file
    with pytest.raises(OSError, match="target"):
        write_whole(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.skipif(os.getuid() != 0, reason="a small disk of its own needs root")
def test_a_full_disk_leaves_the_old_file(small_disk: Path) -> None:
    """Proves that a file that does not fit is an error, and that the old file and the free space stay."""
    write_whole(small_disk / "file", b"old")
    free = os.statvfs(small_disk).f_bavail
    with pytest.raises(OSError, match="No space left"):
        write_whole(small_disk / "file", bytes(128 * 2**20))
    assert (small_disk / "file").read_bytes() == b"old"
    assert [path.name for path in small_disk.iterdir() if path.name != "lost+found"] == ["file"]
    assert os.statvfs(small_disk).f_bavail == free
