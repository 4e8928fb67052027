"""Files that may be anything: only a regular file of a bounded size is read, and nothing waits for a pipe."""

import errno
import os
import threading
from pathlib import Path

import pytest

from edge_runtime.bounded_file import MAX_PICTURE_BYTES, is_refused, read_bounded, read_picture_file, reason_of


def refusal(path: Path, most_bytes: int = 100) -> OSError:
    """Return the error of a file that is refused for what it is."""
    with pytest.raises(OSError) as caught:  # noqa: PT011
        read_bounded(path, most_bytes)
    assert is_refused(caught.value)
    return caught.value


def test_a_file_up_to_the_limit_comes_whole(tmp_path: Path) -> None:
    """Proves that a file of exactly the limit is read, and an empty one, and that one byte more is refused."""
    path = tmp_path / "a"
    for content in (b"", b"a", b"b" * 100):
        path.write_bytes(content)
        assert read_bounded(path, 100) == content
    path.write_bytes(b"c" * 101)
    assert reason_of(refusal(path)) == "too large: 101 bytes, at most 100"


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    """Proves that a pipe without a writer is no wait, and that an endless device is not read."""
    os.mkfifo(tmp_path / "pipe")
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(reason_of(refusal(tmp_path / "pipe"))), daemon=True)
    thread.start()
    thread.join(10)
    assert found == ["is a pipe, not a regular file"]
    (tmp_path / "endless").symlink_to("/dev/zero")
    assert reason_of(refusal(tmp_path / "endless")) == "is a device, not a regular file"


def test_a_sparse_file_is_refused_unread(tmp_path: Path) -> None:
    """Proves that three gigabytes of nothing are refused by their size."""
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(OSError, match=f"3,000,000,000 bytes, at most {MAX_PICTURE_BYTES:,}") as caught:
        read_picture_file(tmp_path / "sparse.jpg")
    assert caught.value.errno == errno.EFBIG


def test_files_that_do_not_know_their_size_are_bounded_too() -> None:
    """Proves that a file of /proc, which says 0 bytes, is read up to the limit and refused beyond it."""
    assert b"VmRSS" in read_bounded("/proc/self/status", 100_000)
    assert reason_of(refusal(Path("/proc/self/status"), 10)) == "too large: more than 10 bytes, at most 10"


def test_what_is_not_there_is_no_refusal(tmp_path: Path) -> None:
    """Proves that a missing file and a folder keep their own errors."""
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(OSError) as caught:  # noqa: PT011
            read_bounded(path, 10)
        assert not is_refused(caught.value)
