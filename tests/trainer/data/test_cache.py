"""The picture cache: decoded once, found by content, whole after every interruption."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

import trainer.data.cache
from edge_runtime.errors import PictureError
from edge_runtime.picture.decoders import decoders
from edge_runtime.picture.near_duplicates import difference_hash
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from tests.trainer.conftest import SMALL, draw_blocks, write_class
from trainer.data.cache import PictureCache, cache_folder, cache_pictures, default_cache
from trainer.errors import DataError

ROW_BYTES = 32 * 32 * 3


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Six pictures that a test may change."""
    write_class(tmp_path / "data" / "Cat", 6)
    return sorted((tmp_path / "data" / "Cat").iterdir())


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """An empty cache folder."""
    return tmp_path / "cache"


def folder_of(cache: Path, preprocessing: Preprocessing = SMALL) -> Path:
    return cache_folder(cache, preprocessing)


def assert_rows_are(cached: PictureCache, paths: list[Path]) -> None:
    """Fail unless each path's row holds the pixels of its file."""
    for entry, path in zip(cached.entries, paths, strict=True):
        np.testing.assert_array_equal(cached.pixels[entry.row], load_picture(path, SMALL))


def test_rows_hold_the_preprocessed_pixels(paths: list[Path], fresh: Path) -> None:
    """Proves that a row is what `load_picture` makes of the file, and the hash that of those pixels."""
    cached = cache_pictures(paths, SMALL, cache=fresh)
    assert_rows_are(cached, paths)
    assert cached.pixels.shape == (6, 32, 32, 3)
    assert [entry.difference_hash for entry in cached.entries] == [
        difference_hash(load_picture(path, SMALL)) for path in paths
    ]
    assert {len(entry.difference_hash) for entry in cached.entries} == {64}
    assert [entry.reason for entry in cached.entries] == [""] * 6


def test_second_call_decodes_nothing(paths: list[Path], fresh: Path) -> None:
    """Proves that rows are not made again: rows changed by hand in the file are what a second call returns."""
    first = cache_pictures(paths, SMALL, cache=fresh)
    pixels = folder_of(fresh) / "pixels.bin"
    marked = bytearray(pixels.read_bytes())
    marked[: 2 * ROW_BYTES] = bytes([7]) * 2 * ROW_BYTES
    pixels.write_bytes(marked)
    second = cache_pictures(paths, SMALL, cache=fresh)
    assert second.entries == first.entries
    assert pixels.stat().st_size == 6 * ROW_BYTES
    assert (second.pixels[:2] == 7).all()


def test_found_by_content_under_any_name(paths: list[Path], fresh: Path, tmp_path: Path) -> None:
    """Proves that a moved and renamed file costs no new row, and other content under an old name does."""
    first = cache_pictures(paths, SMALL, cache=fresh)
    moved = tmp_path / "elsewhere.bin"
    paths[0].rename(moved)
    draw_blocks((99,)).save(paths[0])
    second = cache_pictures([moved, paths[0]], SMALL, cache=fresh)
    assert second.entries[0] == first.entries[0]
    assert second.entries[1].row == 6
    assert_rows_are(second, [moved, paths[0]])


def test_copies_share_a_row(paths: list[Path], fresh: Path) -> None:
    """Proves that the same bytes twice in one call are kept once."""
    cached = cache_pictures([paths[0], paths[1], paths[0]], SMALL, cache=fresh)
    assert [entry.row for entry in cached.entries] == [0, 1, 0]
    assert len(cached.pixels) == 2


def test_other_preprocessing_has_a_cache_of_its_own(paths: list[Path], fresh: Path) -> None:
    """Proves that pixels of one size or background never pass for another's."""
    other = Preprocessing(40, 24)
    cache_pictures(paths, SMALL, cache=fresh)
    assert cache_pictures(paths[:2], other, cache=fresh).pixels.shape == (2, 24, 40, 3)
    assert len(list(fresh.iterdir())) == 2


def test_undecodable_files_keep_their_reason(paths: list[Path], fresh: Path, tmp_path: Path) -> None:
    """Proves that refused files get row -1 and a reason without a path in it, also from the cache."""
    broken, empty = tmp_path / "broken.jpg", tmp_path / "empty.png"
    broken.write_bytes(paths[0].read_bytes()[:300])
    empty.write_bytes(b"")
    for _ in range(2):
        cached = cache_pictures([broken, paths[0], empty], SMALL, cache=fresh)
        assert [entry.row for entry in cached.entries] == [-1, 0, -1]
        assert all(entry.reason and str(tmp_path) not in entry.reason for entry in cached.entries[::2])
        assert [entry.difference_hash == "" for entry in cached.entries] == [True, False, True]
    assert len(json.loads((folder_of(fresh) / "index.json").read_text())) == 3


def test_picture_without_a_decoder_is_tried_again(
    paths: list[Path], fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that a HEIC file is left out while its extra is missing, and that this is not remembered."""
    phone = tmp_path / "phone.heic"
    phone.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pillow_heif", None)
        first = cache_pictures([*paths, phone], SMALL, cache=fresh).entries[-1]
    assert "pip install 'catdog-edge[heic]'" in first.reason
    pytest.importorskip("pillow_heif")
    second = cache_pictures([*paths, phone], SMALL, cache=fresh).entries[-1]
    assert second.reason.startswith("cannot be decoded")


def test_only_undecodable_files(fresh: Path, tmp_path: Path) -> None:
    """Proves that a cache without a single row can be used."""
    (tmp_path / "x.jpg").write_bytes(b"x")
    assert cache_pictures([tmp_path / "x.jpg"], SMALL, cache=fresh).pixels.shape == (0, 32, 32, 3)
    assert cache_pictures([], SMALL, cache=fresh).entries == ()


def test_leftovers_of_an_interrupted_run_are_cut_off(paths: list[Path], fresh: Path) -> None:
    """Proves that bytes behind the last row in the index, whole rows or parts, do not shift the next rows."""
    cache_pictures(paths[:3], SMALL, cache=fresh)
    with (folder_of(fresh) / "pixels.bin").open("ab") as handle:
        handle.write(b"\x55" * (ROW_BYTES + 1000))
    cached = cache_pictures(paths, SMALL, cache=fresh)
    assert_rows_are(cached, paths)
    assert (folder_of(fresh) / "pixels.bin").stat().st_size == 6 * ROW_BYTES


def test_rows_being_added_by_another_are_not_seen(paths: list[Path], fresh: Path) -> None:
    """Proves that the mapped pixels end with the last row in the index."""
    cached = cache_pictures(paths, SMALL, cache=fresh)
    with (folder_of(fresh) / "pixels.bin").open("ab") as handle:
        handle.write(b"\x55" * 1000)
    assert_rows_are(cached, paths)
    assert cached.pixels.shape == (6, 32, 32, 3)


def test_lost_rows_are_an_error_and_never_black_pictures(paths: list[Path], fresh: Path) -> None:
    """Proves that a pixel file shorter than its index is refused, with the remedy."""
    cache_pictures(paths, SMALL, cache=fresh)
    os.truncate(folder_of(fresh) / "pixels.bin", 5 * ROW_BYTES)
    with pytest.raises(DataError, match=r"pixels\.bin: damaged, expected 18,432 bytes.*Delete its folder"):
        cache_pictures(paths, SMALL, cache=fresh)


@pytest.mark.parametrize("content", ['{"ab', "[]", '{"abc": 3}', '{"abc": {"row": 0}}', "\x00"])
def test_damaged_index_is_an_error_with_a_remedy(paths: list[Path], fresh: Path, content: str) -> None:
    """Proves that an index of any other shape is refused, naming the file and what to do."""
    cache_pictures(paths, SMALL, cache=fresh)
    (folder_of(fresh) / "index.json").write_text(content)
    with pytest.raises(DataError, match=r"index\.json: damaged .*Delete its folder"):
        cache_pictures(paths, SMALL, cache=fresh)


def test_file_that_vanishes_is_named(paths: list[Path], fresh: Path) -> None:
    """Proves that a picture that cannot be read from disk is told apart from a cache that cannot be written."""
    with pytest.raises(DataError, match=r"gone\.jpg: cannot be read"):
        cache_pictures([*paths, paths[0].with_name("gone.jpg")], SMALL, cache=fresh)


def test_folder_that_cannot_be_written(paths: list[Path], tmp_path: Path) -> None:
    """Proves that an unusable cache folder is an error with a remedy."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be used .*set XDG_CACHE_HOME"):
        cache_pictures(paths, SMALL, cache=tmp_path / "file")


def test_report_counts_files(paths: list[Path], fresh: Path) -> None:
    """Proves that progress ends with the number of files, cached or not."""
    for _ in range(2):
        done: list[int] = []
        cache_pictures(paths, SMALL, cache=fresh, report=done.append)
        assert done == [6]


def test_two_processes_at_once(tmp_path: Path, fresh: Path) -> None:
    """Proves that processes that add overlapping pictures at the same time leave one whole cache."""
    write_class(tmp_path / "Dog", 40)
    paths = sorted((tmp_path / "Dog").iterdir())
    code = (
        "import sys; from pathlib import Path; from trainer.data.cache import cache_pictures; "
        "from edge_runtime.picture.preprocessing import Preprocessing; "
        "cache_pictures([Path(p) for p in sys.argv[2:]], Preprocessing(32, 32), cache=Path(sys.argv[1]))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(fresh), *map(str, part)])
        for part in (paths[:30], paths[10:], paths[::-1])
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    cached = cache_pictures(paths, SMALL, cache=fresh)
    assert sorted(entry.row for entry in cached.entries) == list(range(40))
    assert_rows_are(cached, paths)


def test_hash_is_blind_to_small_changes() -> None:
    """Proves that a re-encode moves few bits and another picture many."""
    picture = draw_blocks((1,)).resize((32, 32), Image.Resampling.BILINEAR)
    noisy = np.clip(np.asarray(picture, int) + np.random.default_rng(0).integers(-1, 2, (32, 32, 3)), 0, 255)

    def bits(a: str, b: str) -> int:
        return (int(a, 16) ^ int(b, 16)).bit_count()

    first = difference_hash(np.asarray(picture))
    assert bits(first, difference_hash(noisy.astype(np.uint8))) < 40
    assert bits(first, difference_hash(np.asarray(draw_blocks((2,)).resize((32, 32))))) > 60


def test_what_is_no_file_or_too_large_is_left_out_unread(paths: list[Path], fresh: Path) -> None:
    """Proves that a pipe, a device and a sparse file of 3 GB are refused with a reason."""
    odd = [paths[0].with_name(name) for name in ("pipe.jpg", "endless.jpg", "sparse.jpg")]
    os.mkfifo(odd[0])
    odd[1].symlink_to("/dev/zero")
    with odd[2].open("wb") as file:
        file.truncate(3_000_000_000)
    cached = cache_pictures([*odd, *paths], SMALL, cache=fresh)
    assert [entry.reason for entry in cached.entries[:3]] == [
        "is a pipe, not a regular file",
        "is a device, not a regular file",
        "too large: 3,000,000,000 bytes, at most 104,857,600",
    ]
    assert all(entry.row < 0 for entry in cached.entries[:3])
    assert [entry.row for entry in cached.entries[3:]] == list(range(len(paths)))
    assert cache_pictures([*odd, *paths], SMALL, cache=fresh).entries == cached.entries


def test_other_decoders_have_a_cache_of_their_own(
    paths: list[Path], fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that what one Pillow refused is looked at again by another, and that the first finds its own rows."""
    first = folder_of(fresh)
    with monkeypatch.context() as patched:
        patched.setattr("PIL.features.version", lambda name: "99" if name == "avif" else "1")
        decoders.cache_clear()
        older = folder_of(fresh)
        assert older != first
        patched.setattr("trainer.data.cache.load_picture", refuse)
        assert cache_pictures(paths, SMALL, cache=fresh).entries[0].row == -1
        assert cache_pictures(paths, SMALL, cache=fresh).entries[0].reason == "no decoder"
    decoders.cache_clear()
    assert folder_of(fresh) == first
    assert [entry.row for entry in cache_pictures(paths, SMALL, cache=fresh).entries] == list(range(6))
    assert {path.name for path in fresh.iterdir()} == {first.name, older.name}


def refuse(content: bytes, preprocessing: Preprocessing) -> None:
    raise PictureError("bytes", "no decoder")


def test_the_decoders_are_named_with_their_versions() -> None:
    """Proves that Pillow and the decoders of JPEG and AVIF are among what decides the cache."""
    found = decoders()
    assert found["pil"] == PIL.__version__
    assert found["jpg"]
    assert {"avif", "webp", "jpg_2000", "libtiff", "pillow-heif"} <= found.keys()


def test_a_file_without_permission_is_left_out(
    paths: list[Path], fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that one file that may not be read is left out with its reason, and read once it may be."""
    read = trainer.data.cache.read_picture_file

    def denied(path: Path) -> bytes:
        if path == paths[2]:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    with monkeypatch.context() as patched:
        patched.setattr("trainer.data.cache.read_picture_file", denied)
        entries = cache_pictures(paths, SMALL, cache=fresh).entries
    assert [entry.row for entry in entries] == [0, 1, -1, 2, 3, 4]
    assert entries[2].reason == "cannot be read (Permission denied)"
    assert cache_pictures(paths, SMALL, cache=fresh).entries[2].row == 5


def test_the_cache_is_where_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proves that XDG_CACHE_HOME decides, and then the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache() == tmp_path / ".cache" / "catdog-edge"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert default_cache() == tmp_path / "x" / "catdog-edge"
