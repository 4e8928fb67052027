"""Large pictures take little memory and give the same pixels; files that only look like pictures are refused."""

import io
import mmap
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.bounded_file import MAX_PICTURE_BYTES
from edge_runtime.errors import PictureError
from edge_runtime.picture import decoding, source
from edge_runtime.picture.decoding import ORIENTATION, decode_picture
from edge_runtime.picture.preprocessing import Preprocessing, ResizeFilter, load_picture

TARGET = Preprocessing(20, 12)


def noise(*shape: int) -> np.ndarray:
    """Return reproducible noise, uint8."""
    return np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """Return the picture as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def reason(source: Any, **options: Any) -> str:
    """Return the reason for which a picture is refused."""
    with pytest.raises(PictureError) as caught:
        load_picture(source, TARGET, **options)
    return caught.value.reason


SIXTEEN_BITS = Image.fromarray(noise(53, 71).astype(np.uint16) * 257)
MODES = {
    "RGB": Image.fromarray(noise(53, 71, 3)),
    "RGBA": Image.fromarray(noise(53, 71, 4)),
    "LA": Image.fromarray(noise(53, 71, 4)).convert("LA"),
    "P": Image.fromarray(noise(53, 71, 3)).quantize(40),
    "CMYK": Image.fromarray(noise(53, 71, 4), "CMYK"),
    "I;16": SIXTEEN_BITS,
    "I dark but for one pixel": Image.fromarray(np.eye(53, 71, dtype=np.int32) * 60000 + 9),
    "F": Image.fromarray(noise(53, 71).astype(np.float32) * 200),
    "F with nan": Image.fromarray(np.where(np.eye(53, 71), np.nan, 700).astype(np.float32)),
}


@pytest.mark.parametrize("strip", [1, 400, 2000])
@pytest.mark.parametrize("mode", MODES)
def test_strips_give_the_same_pixels_in_every_mode(monkeypatch: pytest.MonkeyPatch, mode: str, strip: int) -> None:
    """Proves that a picture taken in strips, of one row too, is bit for bit the picture taken whole."""
    for resize_filter in ResizeFilter:
        target = Preprocessing(20, 12, resize_filter, (9, 99, 199))
        monkeypatch.setattr(decoding, "STRIP_PIXELS", 10_000)
        whole = load_picture(MODES[mode], target)
        monkeypatch.setattr(decoding, "STRIP_PIXELS", strip)
        assert decode_picture(MODES[mode], target).size == (20, 53)
        np.testing.assert_array_equal(load_picture(MODES[mode], target), whole)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_strips_give_the_same_pixels_in_every_orientation(
    monkeypatch: pytest.MonkeyPatch, orientation: int
) -> None:
    """Proves that a turned picture is put together from its strips in the right order."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(MODES["RGBA"], exif=exif)
    whole = load_picture(content, TARGET)
    for strip in (1, 500, 3000):
        monkeypatch.setattr(decoding, "STRIP_PIXELS", strip)
        np.testing.assert_array_equal(load_picture(content, TARGET), whole)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory is read from /proc")
def test_largest_png_with_transparency_stays_below_500_mib(tmp_path: Path) -> None:
    """Proves that turned RGBA pictures of 79 megapixels, 316 MB each when decoded, are read by three threads."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / "large.png"
    Image.new("RGBA", (8888, 8888), (200, 0, 0, 128)).save(path, exif=exif, compress_level=1)
    script = (
        "import sys\n"
        "from edge_runtime import Preprocessing, load_picture\n"
        "from edge_runtime.picture.preprocessing import load_pictures\n"
        "for pixels in load_pictures(sys.argv[1:] * 3, Preprocessing(), workers=3):\n"
        "    colour = pixels[5, 5].tolist()\n"
        "print(colour)\n"
        "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    colour, peak_mib = done.stdout.splitlines()
    assert colour == "[227, 127, 127]"
    assert int(peak_mib) < 500


@pytest.mark.parametrize(
    ("file_format", "options", "allowed"),
    [
        ("PNG", {}, 6000),
        ("JPEG", {}, 6000),
        ("JPEG", {"progressive": True}, 4000),
        ("JPEG, CMYK", {"progressive": True}, 3000),
        ("TIFF", {}, 2000),  # of one strip, which libtiff holds beside the picture
        ("WEBP", {}, 1500),
        ("AVIF", {}, 1500),
        ("JPEG2000", {}, 1000),
    ],
)
def test_limit_counts_what_the_decoder_takes(file_format: str, options: dict[str, Any], allowed: int) -> None:
    """Proves that formats whose decoders take more memory are refused at fewer pixels, by a limit one can set."""
    for width in (allowed // 10, allowed // 10 + 1):
        name, _, mode = file_format.partition(", ")
        content = encoded(Image.new(mode or "RGB", (width, 10)), name, **options)
        if width * 10 <= allowed:
            assert load_picture(content, TARGET, max_pixels=6000).shape == (12, 20, 3)
        else:
            words = reason(content, max_pixels=6000)
            assert words.startswith(f"too large: {width} x 10, at most {allowed:,} pixels")


def test_jpeg_of_one_scan_a_colour_counts_like_a_progressive_one() -> None:
    """Proves that a baseline JPEG whose decoder keeps all coefficients is found by its first scan."""
    content = encoded(Image.new("RGB", (16, 16)), "JPEG")
    frame = content.index(b"\xff\xc0") + 5
    content = content[:frame] + struct.pack(">HH", 3000, 3000) + content[frame + 4 :]
    whole, apart = bytes.fromhex("ffda000c03010002110311003f00"), bytes.fromhex("ffda000801010000 3f00")
    assert whole in content
    limit = {"max_pixels": 9_000_000}
    assert load_picture(content, TARGET, **limit).shape == (12, 20, 3)
    for filler in (b"", b"\xff\xff"):
        refused = reason(content.replace(whole, filler + apart), **limit)
        assert refused == "too large: 3000 x 3000, at most 6,000,000 pixels in JPEG of this kind"


@pytest.mark.parametrize("size", [(1, 65_536), (65_536, 1)])
def test_long_narrow_pictures_are_refused(size: tuple[int, int]) -> None:
    """Proves that a picture of few pixels that would take gigabytes at the target's width is refused undecoded."""
    words = reason(encoded(Image.new("L", size)))
    assert words == f"too large: {size[0]} x {size[1]}, at most 65,535 pixels a side"


def test_large_tiles_count() -> None:
    """Proves that a small TIFF file of one huge tile is refused by what the tile takes."""
    size = ((256, 100), (257, 100), (322, 16384), (323, 16384))
    tags = sorted((*size, (258, 8), (259, 1), (262, 1), (277, 1), (324, 8), (325, 9)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    content = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    assert Image.open(io.BytesIO(content)).size == (100, 100)
    assert reason(content).startswith("too large: 100 x 100, at most")


def test_progressive_jpegs_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a progressive JPEG counts what it is kept as, and not what it is decoded to."""
    sizes = []

    @contextmanager
    def noted(size_bytes: int) -> Iterator[None]:
        sizes.append(size_bytes)
        yield

    monkeypatch.setattr(decoding, "one_at_a_time", noted)
    for progressive in (False, True):
        load_picture(encoded(Image.new("RGB", (800, 800)), "JPEG", progressive=progressive), TARGET)
    assert sizes == [4 * 100 * 100, 6 * 800 * 800]


def test_limit_can_be_raised_and_holds_for_every_source() -> None:
    """Proves that a picture refused by one limit is read under a higher one, as an array and PIL image too."""
    sources = [noise(50, 50, 3), Image.fromarray(noise(50, 50, 3)), encoded(Image.fromarray(noise(50, 50, 3)))]
    for picture in sources:
        assert reason(picture, max_pixels=2499) == "too large: 50 x 50, at most 2,499 pixels"
        assert load_picture(picture, TARGET, max_pixels=2500).shape == (12, 20, 3)


def test_file_of_too_many_bytes_is_refused_unread(tmp_path: Path) -> None:
    """Proves that a file of more than 100 MiB is refused by its size alone."""
    path = tmp_path / "large.webp"
    path.write_bytes(b"RIFF")
    os.truncate(path, MAX_PICTURE_BYTES + 1)  # sparse: takes no disk
    refused = "too large: 104,857,601 bytes, at most 104,857,600"
    assert reason(path) == refused
    with path.open("rb") as file:
        assert reason(file) == refused


class Wrapped:
    """What has a file's methods and not all of its manners."""

    def __init__(self, content: bytes, most: int) -> None:
        """Hold bytes that are read a few at a time."""
        self._file, self._most = io.BytesIO(content), most

    def read(self, size: int = -1) -> bytes:
        """Return fewer bytes than asked for."""
        return self._file.read(min(size, self._most) if size >= 0 else self._most)

    def seek(self, place: int) -> None:
        """Take one argument and return nothing."""
        self._file.seek(place)


def test_what_is_not_quite_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    """Proves that short reads, and seeks that return nothing, give the same pixels as the file."""
    path = tmp_path / "picture.png"
    Image.fromarray(noise(90, 90, 3)).save(path)
    expected = load_picture(path, TARGET)
    np.testing.assert_array_equal(load_picture(Wrapped(path.read_bytes(), 1000), TARGET), expected)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        np.testing.assert_array_equal(load_picture(mapped, TARGET), expected)


def test_pipe_is_read_no_further_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a file object without a size is read up to the limit, and one within it is classified."""
    content = encoded(Image.fromarray(noise(50, 50, 3)))
    monkeypatch.setattr(source, "MAX_PICTURE_BYTES", len(content))
    for extra in (0, 1):
        reading, writing = os.pipe()
        os.write(writing, content + bytes(extra))
        os.close(writing)
        with open(reading, "rb") as pipe:
            if extra:
                assert reason(pipe) == f"too large: {len(content) + 1:,} bytes, at most {len(content):,}"
            else:
                np.testing.assert_array_equal(load_picture(pipe, TARGET), load_picture(content, TARGET))
    assert reason(bytes(MAX_PICTURE_BYTES + 1)).startswith("too large")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipe_and_device_are_refused_instead_of_waited_for(tmp_path: Path) -> None:
    """Proves that a pipe without a writer does not block, and an endless device is not read."""
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason(tmp_path / "pipe.jpg") == "is a pipe or device, not a picture"
    assert reason("/dev/zero") == "is a pipe or device, not a picture"


def test_format_that_runs_a_program_is_refused() -> None:
    """Proves that a PostScript file is named as such and no interpreter is started for it."""
    content = encoded(Image.new("RGB", (20, 20)), "EPS")
    assert reason(content).startswith("is a EPS file: expected one of JPEG, MPO, PNG")


def test_picture_of_the_caller_stays_open() -> None:
    """Proves that a PIL image can be classified twice and moved to another frame after it."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    image = Image.open(io.BytesIO(content))
    np.testing.assert_array_equal(load_picture(image, TARGET), load_picture(image, TARGET))
    image.seek(1)
    assert load_picture(image, TARGET)[5, 5].tolist() == [0, 0, 255]
