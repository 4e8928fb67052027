"""Pictures made to harm are refused early, within a budget of time and memory; large honest ones are not."""

import io
import json
import os
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
from edge_runtime.picture.limits import SCANNERS
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from edge_runtime.picture.signatures import FORMATS, JPEGS, format_of
from tests.edge_runtime.picture import harmful
from tests.edge_runtime.picture.harmful import HARMFUL, SMALL, encoded

TARGET = Preprocessing(20, 12)
ROOT = Path(__file__).parents[3]
BUDGET_SECONDS, BUDGET_MIB = 5, 500
MODEST_SECONDS = 1  # of processor time, for the modest files, most of which took longer or far more memory
slow = pytest.mark.skipif(os.environ.get("CATDOG_SLOW") != "1", reason="CATDOG_SLOW=1 makes the largest files")
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory and limits are those of Linux")

# Decodes each file that is named, under a limit of memory, and prints a line for it.
CHILD = f"""
import json, resource, sys, warnings
warnings.simplefilter("ignore")
from edge_runtime import PictureError, Preprocessing, load_picture
import numpy, PIL.Image
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + {BUDGET_MIB} * 2**20,) * 2)
used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
for path in sys.argv[1:]:
    resource.setrlimit(resource.RLIMIT_CPU, (int(used()) + {BUDGET_SECONDS} + 1, resource.RLIM_INFINITY))
    start, reason = used(), ""
    try:
        load_picture(path, Preprocessing())
    except PictureError as error:
        reason = error.reason
    print(json.dumps([path, reason, used() - start]), flush=True)
"""


def outcomes(paths: list[Path]) -> dict[str, tuple[str, float]]:
    """Return for each file, by its name, the reason of its refusal and the seconds that it took."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", CHILD, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr + done.stdout[-500:]
    lines = map(json.loads, done.stdout.splitlines())
    return {Path(path).stem: (reason, seconds) for path, reason, seconds in lines}


@pytest.fixture(scope="module")
def modest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    """What became of each harmful picture of a modest size, all named .jpg, in one child."""
    folder = tmp_path_factory.mktemp("harmful")
    paths = [folder / f"{name}.jpg" for name in HARMFUL]
    for path in paths:
        path.write_bytes(HARMFUL[path.stem].make(HARMFUL[path.stem].modest))
    return outcomes(paths)


@linux
@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_picture_is_refused_early(modest: dict[str, tuple[str, float]], name: str) -> None:
    """Proves that each harmful picture is one error that says what is too much, in time and memory."""
    reason, seconds = modest[name]
    assert HARMFUL[name].refused in reason
    assert "MemoryError" not in reason
    assert seconds < MODEST_SECONDS


@slow
@linux
@pytest.mark.parametrize("name", HARMFUL)
def test_worst_picture_stays_in_the_budget(tmp_path: Path, name: str) -> None:
    """Proves that the largest file of its kind takes at most 5 s and 500 MiB."""
    path = tmp_path / f"{name}.jpg"
    path.write_bytes(HARMFUL[name].make(HARMFUL[name].worst))
    reason, seconds = outcomes([path])[name]
    assert HARMFUL[name].refused in reason
    assert seconds < BUDGET_SECONDS


def read(content: bytes, **options: Any) -> tuple[int, ...]:
    """Return the shape of a picture's tensor, or fail."""
    return load_picture(content, TARGET, **options).shape


def reason(content: bytes, **options: Any) -> str:
    """Return the reason for which a picture is refused."""
    with pytest.raises(PictureError) as caught:
        load_picture(content, TARGET, **options)
    return caught.value.reason


NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (150, 200, 3)).astype(np.uint8))
FRAMES = [Image.new("P", (40, 40), value) for value in range(200)]
THUMBNAIL = harmful.EXIF + harmful.directory({0x927C: (7, 60_000, -1)}, bytes(60_000))
ANIMATED = {"save_all": True, "append_images": FRAMES[1:]}
DEPTH_MAP = harmful.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60_000)) * 200
TEXT = b"".join(harmful.chunk(b"tEXt", b"key%d\0" % one + b"text " * 200) for one in range(500))
ROWS = harmful.flat_tags(64) | {278: (4, 1, 1), 273: (4, 64, -1)}
LAYERS = {"quality_layers": [80, 40, 20, 10], "precinct_size": (64, 64), "codeblock_size": (16, 16)}
PALETTE = {"exif": THUMBNAIL, "icc_profile": bytes(100_000), "compression": "tiff_lzw"}
# Pictures as cameras and programs write them, near a limit.
HONEST = {
    "JPEG with a profile of 4 MB": lambda: encoded(NOISE, "JPEG", icc_profile=bytes(4_000_000)),
    "JPEG with thumbnail and depth map": lambda: harmful.after_start(
        encoded(NOISE, "JPEG", exif=THUMBNAIL), DEPTH_MAP
    ),
    "JPEG, progressive": lambda: encoded(NOISE, "JPEG", progressive=True, quality=95),
    "JPEG with fill bytes": lambda: harmful.after_start(encoded(NOISE, "JPEG"), b"\xff" * 500),
    "PNG of much text": lambda: harmful.before_data(encoded(NOISE, "PNG", icc_profile=bytes(900_000)), TEXT),
    "GIF of 200 frames": lambda: encoded(FRAMES[0], "GIF", comment=b"a" * 9000, **ANIMATED),
    "WebP of 200 frames": lambda: encoded(FRAMES[0], "WEBP", **ANIMATED),
    "APNG of 200 frames": lambda: encoded(FRAMES[0], "PNG", **ANIMATED),
    "AVIF with a profile and Exif": lambda: encoded(NOISE, "AVIF", icc_profile=bytes(100_000), exif=THUMBNAIL[6:]),
    "AVIF of 5 frames": lambda: encoded(NOISE, "AVIF", save_all=True, append_images=[NOISE.rotate(90)] * 4),
    "AVIF with transparency": lambda: encoded(NOISE.convert("RGBA"), "AVIF"),
    "JPEG 2000 of tiles": lambda: encoded(NOISE, "JPEG2000", tile_size=(64, 64), num_resolutions=4),
    "JPEG 2000 of layers and precincts": lambda: encoded(NOISE, "JPEG2000", **LAYERS),
    "JPEG 2000 codestream": lambda: encoded(NOISE, "JPEG2000", no_jp2=True),
    "TIFF of a strip a row": lambda: harmful.directory(ROWS, struct.pack("<64I", *range(8, 72))),
    "TIFF with palette, Exif and profile": lambda: encoded(NOISE.quantize(200), "TIFF", **PALETTE),
    "BMP of runs": lambda: harmful.bmp_runs(64, 64, b"\x40\x07\0\0" * 64 + b"\0\1"),
    "PGM, plain with comments": lambda: b"P2 # a picture\n# of ours\n40 30\n255\n# pixels\n" + b"7 " * 1200,
    "PPM of 16 bits": lambda: b"P6\n40 30\n65535\n" + bytes(7200),
    "TGA of runs": lambda: encoded(NOISE, "TGA", compression="tga_rle"),
    "TGA, old, without a footer": lambda: encoded(NOISE, "TGA")[:-26],
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_picture_is_read(name: str) -> None:
    """Proves that no limit stands in the way of what cameras and programs write."""
    assert read(HONEST[name]()) == (12, 20, 3)


@pytest.mark.parametrize("kind", FORMATS)
def test_format_is_told_from_its_first_bytes(kind: str) -> None:
    """Proves that each format that is read is told apart, and has a scanner or nothing to scan."""
    if kind == "HEIC":
        from tests.edge_runtime.picture.heic_files import heic

        content = heic(SMALL.resize((40, 30)))
        assert (format_of(io.BytesIO(content), len(content)), kind in SCANNERS) == (kind, True)
        return
    whole = SMALL.resize((40, 30))
    content = encoded(whole, "JPEG" if kind in JPEGS else kind)
    expected = "JPEG" if kind in JPEGS else kind
    assert format_of(io.BytesIO(content), len(content)) == expected
    assert expected in SCANNERS or expected == "TGA"


@pytest.mark.parametrize("size", [17, 18, 19, 200, 5000])
def test_noise_is_no_tga(size: int) -> None:
    """Proves that bytes without a signature are not handed to the one decoder of a format that has none."""
    dice = np.random.default_rng(size)
    for _ in range(300):
        content = dice.integers(0, 256, size).astype(np.uint8).tobytes()
        assert format_of(io.BytesIO(content), size) != "TGA"


def test_tga_that_is_too_short_is_refused() -> None:
    """Proves that a TGA header alone, which promises more pixels than the file holds, is no picture."""
    content = encoded(Image.new("RGB", (200, 100)), "TGA")[:-26]
    assert reason(content[:-1]).startswith("not a picture that can be read: expected one of JPEG, MPO, PNG")


def test_no_other_plugin_is_asked(tmp_path: Path) -> None:
    """Proves that the plugin of one format is imported and no other, whatever the file is called."""
    path = tmp_path / "picture.webp"
    path.write_bytes(encoded(SMALL, "TIFF"))
    script = (
        "import sys\n"
        "from edge_runtime import Preprocessing, load_picture\n"
        "load_picture(sys.argv[1], Preprocessing())\n"
        "print(sorted(name for name in sys.modules if name.endswith('ImagePlugin')))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, env=environment)
    assert done.stdout == "['PIL.TiffImagePlugin']\n", done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%!PS-Adobe-3.0", "is a EPS file"),
        (b"8BPS\0\1", "is a PSD file"),
        (b"%PDF-1.7", "is a PDF file"),
        (b"\0\0\0\x18ftypmp42", "is a MP4 file"),
    ],
)
def test_foreign_format_is_named(content: bytes, words: str) -> None:
    """Proves that a known format that is not read is told by its name."""
    assert reason(content.ljust(64, b"\0")).startswith(f"{words}: expected one of JPEG")


def test_exif_that_decoders_put_together_is_limited_as_one() -> None:
    """Proves that Exif metadata of a JPEG in many segments counts as what Pillow makes of them."""
    whole = encoded(SMALL, "JPEG")
    part = harmful.segment(0xE1, harmful.EXIF + bytes(65_000))
    assert read(harmful.after_start(whole, part * 16)) == (12, 20, 3)
    assert "1,048,576 bytes of Exif" in reason(harmful.after_start(whole, part * 17))


def test_scans_are_counted_by_what_they_cover() -> None:
    """Proves that a small picture may have many scans, and a large one few."""
    few = encoded(Image.new("L", (3000, 3000), 90), "JPEG", progressive=True)
    last = few[few.rindex(b"\xff\xda") : -2]
    assert read(few[:-2] + last * 190 + b"\xff\xd9") == (12, 20, 3)
    assert "more than 222 scans of 3000 x 3000" in reason(few[:-2] + last * 250 + b"\xff\xd9")


def test_gif_blocks_are_read_as_pillow_reads_them() -> None:
    """Proves that a block that looks like the picture to others does not end the count."""
    content = encoded(SMALL.convert("P"), "GIF")
    place = content.index(b",")
    hidden = b"\x21\x01\0" + (b"\x2c" + bytes(44)) + b"\1a" * 70_000 + b"\0"
    assert "65,536 blocks" in reason(content[:place] + hidden + content[place:])


def test_text_in_a_cut_png_is_an_error_of_its_decoder() -> None:
    """Proves that a damaged length is told as damage and not as too much metadata."""
    content = harmful.before_data(encoded(SMALL, "PNG"), harmful.chunk(b"tEXt", b"a\0b"))
    place = content.index(b"tEXt") - 4
    assert reason(content[:place] + b"\x7f" + content[place + 1 :]).startswith("cannot be decoded")


@pytest.mark.parametrize("side", [400, 1000])
def test_avif_is_judged_by_its_bitstream(side: int) -> None:
    """Proves that the size in the sequence header counts, also where `ispe` tells of a smaller one."""
    content = harmful.avif_extents(side)
    limit = side * side * 4
    assert reason(content, max_pixels=limit - 4) == (
        f"too large: {side} x {side}, at most {side * side - 1:,} pixels in its sequence header"
    )
    whole = encoded(Image.new("L", (side, side), 128), "AVIF", speed=10, quality=10)
    assert read(whole, max_pixels=limit) == (12, 20, 3)


def test_compressed_text_is_counted_not_unpacked() -> None:
    """Proves that few chunks of packed text are read, and that many are refused before they are unpacked."""
    packed = harmful.chunk(b"zTXt", b"key\0\0" + zlib.compress(b"a" * 1000))
    whole = encoded(SMALL, "PNG")
    assert read(harmful.before_data(whole, packed * 256)) == (12, 20, 3)
    assert "256 compressed chunks" in reason(harmful.before_data(whole, packed * 257))
