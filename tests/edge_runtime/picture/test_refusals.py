"""What is refused as a picture: with one PictureError, early, and nothing else."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.errors import PictureError
from edge_runtime.picture.preprocessing import MAX_PIXELS, Preprocessing, load_picture, load_pictures

SMALL = Preprocessing(16, 16)
ODD = Path(__file__).parents[4] / "shared/data/odd"
ORIENTATION = 0x0112
UNKNOWN = (
    "not a picture that can be read: "
    "expected one of JPEG, MPO, PNG, WEBP, GIF, BMP, DIB, TIFF, AVIF, HEIC, JPEG2000, PPM, TGA"
)

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, of damaged metadata and large pictures


def gradient(width: int, height: int) -> np.ndarray:
    """Return a smooth picture without any symmetry, uint8 (height, width, 3)."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([255 * across, 200 * down, 120 * across * down + 60], axis=2).astype(np.uint8)


def encoded(picture: Image.Image | np.ndarray, file_format: str = "PNG", **options: Any) -> bytes:
    """Return the picture as the bytes of a file."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(np.ascontiguousarray(picture))
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds no pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def jpeg_header(width: int, height: int) -> bytes:
    """Return a small JPEG whose frame header claims another size."""
    content = bytearray(encoded(gradient(16, 16), "JPEG"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def refusal(source: Any) -> str:
    """Return the reason for which a picture is refused."""
    with pytest.raises(PictureError) as caught:
        load_picture(source, SMALL)
    return caught.value.reason


@pytest.mark.parametrize(
    "array",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32)],
    ids=["grey", "four channels", "float32"],
)
def test_array_of_another_kind_is_refused(array: np.ndarray) -> None:
    """Proves that an array that is not uint8 RGB is refused rather than guessed at."""
    assert "expected uint8 (H, W, 3)" in refusal(array)


@pytest.mark.parametrize(
    "source", [np.zeros((0, 5, 3), np.uint8), Image.new("RGB", (0, 4))], ids=["array", "image"]
)
def test_picture_without_pixels_is_refused(source: Any) -> None:
    """Proves that an empty picture is an error, not a black one."""
    assert refusal(source) == "has no pixels"


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_truncated_file_is_refused(file_format: str) -> None:
    """Proves that half a file is an error and never half a picture."""
    content = encoded(gradient(120, 90), file_format)
    assert refusal(content[: len(content) // 2])


def test_damage_anywhere_is_a_picture_error_or_pixels() -> None:
    """Proves that no flipped byte brings another exception out."""
    dice = np.random.default_rng(1)
    for file_format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        whole = encoded(gradient(40, 30), file_format)
        for _ in range(40):
            damaged = bytearray(whole)
            for place in dice.integers(0, len(whole), 3):
                damaged[place] = dice.integers(0, 256)
            [result] = load_pictures([bytes(damaged)], SMALL, workers=1)
            if isinstance(result, PictureError):
                assert "\n" not in str(result)
            else:
                assert result.shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"hello", UNKNOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UNKNOWN),
    ],
    ids=["empty", "text", "svg"],
)
def test_file_that_is_no_picture(tmp_path: Path, content: bytes, reason: str) -> None:
    """Proves that other files are refused in words, and that the message names the file."""
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    with pytest.raises(PictureError) as caught:
        load_picture(path, SMALL)
    assert (caught.value.name, caught.value.reason) == (str(path), reason)
    assert str(caught.value) == f"{path}: {reason}"


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """Proves that a path to nothing and a path to a folder each have their own words."""
    assert refusal(tmp_path / "none.jpg") == "no such file"
    assert refusal(tmp_path) == "is a folder without a picture in it"


def test_what_a_folder_holds_decides_the_words(tmp_path: Path) -> None:
    """Proves that --recursive is proposed where it helps, and that a folder with pictures is told apart."""
    (tmp_path / "inside").mkdir()
    assert refusal(tmp_path) == "is a folder without a picture in it; --recursive also looks in its sub-folders"
    (tmp_path / "a.JPG").touch()
    assert refusal(tmp_path) == "is a folder, not a picture"


@pytest.mark.parametrize("source", [None, 5, "a\0b", [1, 2]], ids=["None", "number", "zero byte", "list"])
def test_nonsense_source_is_a_picture_error(source: Any) -> None:
    """Proves that what is no source at all still gives the one error a caller catches."""
    assert refusal(source)


@pytest.mark.parametrize("make", [png_header, jpeg_header])
@pytest.mark.parametrize("size", [(10000, 8001), (60000, 60000)])
def test_too_many_pixels_are_refused(make: Any, size: tuple[int, int]) -> None:
    """Proves that the size a file claims is judged before its pixels, also in a PIL image not yet loaded."""
    assert refusal(make(*size)).startswith("too large")
    if size[0] * size[1] < 2 * MAX_PIXELS:  # beyond, Pillow itself does not open it
        assert refusal(Image.open(io.BytesIO(make(*size)))).startswith("too large")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory is read from /proc")
def test_refusing_a_huge_picture_costs_no_memory(tmp_path: Path) -> None:
    """Proves that a decompression bomb is refused within 150 MiB and a second."""
    (tmp_path / "bomb.png").write_bytes(png_header(12000, 12000))
    (tmp_path / "bomb.jpg").write_bytes(jpeg_header(12000, 12000))
    script = (
        "import sys, time\n"
        "from edge_runtime import Preprocessing, PictureError, load_picture\n"
        "start = time.perf_counter()\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        load_picture(path, Preprocessing())\n"
        "    except PictureError as error:\n"
        "        assert 'too large' in str(error)\n"
        "    else:\n"
        "        raise SystemExit('accepted')\n"
        "seconds = time.perf_counter() - start\n"
        "status = open('/proc/self/status').read()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]) // 1024, seconds)"
    )
    paths = [str(tmp_path / "bomb.png"), str(tmp_path / "bomb.jpg")]
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak_mib, seconds = done.stdout.split()
    assert int(peak_mib) < 150
    assert float(seconds) < 1


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "JPEG"])
def test_damaged_exif_does_not_make_a_picture_unreadable(file_format: str) -> None:
    """Proves that pixels survive any damage to the metadata beside them."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010F], exif[0x829A] = 1, "Maker", 0.5
    whole, dice = exif.tobytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in dice.integers(6, len(whole), 4):
            damaged[place] = dice.integers(0, 256)
        content = encoded(gradient(20, 20), file_format, exif=bytes(damaged))
        assert load_picture(content, SMALL).shape == (16, 16, 3)


def test_odd_files_give_pixels_or_one_picture_error() -> None:
    """Proves on 82 odd and broken files that nothing but pixels or a PictureError comes out."""
    if not ODD.is_dir():
        pytest.skip(f"the folder of odd pictures is not there: {ODD}")
    paths = sorted(ODD.iterdir())
    results = list(load_pictures(paths, SMALL))
    refused = {str(path) for path, result in zip(paths, results, strict=True) if isinstance(result, PictureError)}
    assert refused == {result.name for result in results if isinstance(result, PictureError)}
    kinds = {(result.shape, result.dtype) for result in results if not isinstance(result, PictureError)}
    assert kinds == {((16, 16, 3), np.dtype(np.uint8))}
    assert len(refused) <= 12, refused  # another Pillow may read one more or less
