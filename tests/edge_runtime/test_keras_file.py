"""Keras files are judged by their sizes before Keras reads them."""

import os
import zipfile
from pathlib import Path

import pytest

from edge_runtime.keras_file import MAX_KERAS_BYTES, require_bounded


def write_archive(path: Path, size_bytes: int, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write an archive whose weights are so many zeros."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("config.json", "{}")
        with archive.open("model.weights.h5", "w", force_zip64=True) as file:
            for _ in range(size_bytes // 2**20):
                file.write(bytes(2**20))
    return path


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    """Proves that a small file that unpacks to 64 MiB is refused in one line that says both sizes."""
    bomb = write_archive(tmp_path / "bomb.keras", 64 * 2**20)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ValueError, match=r"'model\.weights\.h5' has .* bytes and becomes 67,108,864") as caught:
        require_bounded(bomb)
    assert "\n" not in str(caught.value)


def test_real_archives_pass(tmp_path: Path) -> None:
    """Proves that stored weights of any size pass, and compressed ones that are small."""
    require_bounded(write_archive(tmp_path / "stored.keras", 32 * 2**20, zipfile.ZIP_STORED))
    require_bounded(write_archive(tmp_path / "small.keras", 8 * 2**20))


def test_large_files_and_pipes_are_refused(tmp_path: Path) -> None:
    """Proves that a sparse file of 5 GiB is refused by its size whatever its kind, and a pipe without a wait."""
    for name in ("large.h5", "large.keras"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(5 * 2**30)
        with pytest.raises(ValueError, match=f"too large: 5,368,709,120 bytes .*at most {MAX_KERAS_BYTES:,}"):
            require_bounded(tmp_path / name)
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(ValueError, match="is a pipe or device"):
        require_bounded(tmp_path / "pipe.keras")


def test_what_others_complain_about_passes(tmp_path: Path) -> None:
    """Proves that a missing file, a folder, a damaged archive and an HDF5 file are left to Keras."""
    whole = write_archive(tmp_path / "whole.keras", 2**20).read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    broken = bytearray(whole)
    broken[-22:-18] = b"PK\5\6"
    broken[-10:-6] = b"\xff\xff\xff\x7f"
    (tmp_path / "broken.keras").write_bytes(broken)
    for name in ("gone.keras", "", "cut.keras", "other.h5", "broken.keras"):
        require_bounded(tmp_path / name)
