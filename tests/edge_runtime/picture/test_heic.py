"""HEIC files are read with their extra, upright and to the right colours, and refused where they would do harm."""

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.errors import PictureError
from edge_runtime.picture.decoding import decode_whole
from edge_runtime.picture.limits.heic import scan
from edge_runtime.picture.limits.limit import LimitError
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from edge_runtime.picture.sandbox import Sandbox
from edge_runtime.picture.signatures import format_of
from tests.edge_runtime.picture.heic_files import HeicFile, box, heic, noise, pillow_heif

CONTRACT = Preprocessing()
ROOT = Path(__file__).parents[3]


def reason(content: bytes) -> str:
    """Return why a picture is refused."""
    with pytest.raises(PictureError) as caught:
        load_picture(content, CONTRACT)
    return caught.value.reason


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_picture_is_that_of_a_png(mode: str) -> None:
    """Proves that a lossless HEIC is within 3 of 255 of the same picture as PNG, in each kind of colours."""
    image, png = noise(mode=mode), io.BytesIO()
    image.save(png, "PNG")
    expected, found = load_picture(png.getvalue(), CONTRACT), load_picture(heic(image), CONTRACT)
    assert np.abs(expected.astype(int) - found).max() <= 3


def test_picture_of_ten_bits_keeps_its_high_bits() -> None:
    """Proves that a picture of 10 bits a channel, as HDR photographs are, gives its 8 high bits."""
    image = noise()
    wide = (np.asarray(image).astype(np.uint16) * 257).astype("<u2")
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", image.size, wide.tobytes()).save(file, quality=-1, chroma=444)
    assert np.abs(decode_whole(file.getvalue()).astype(int) - np.asarray(image)).max() <= 3


@pytest.mark.parametrize("angle", [0, 1, 2, 3])
def test_turned_picture_is_upright_once(angle: int) -> None:
    """Proves that a turn of the file is made once, and is not made again for the EXIF data that repeat it."""
    parts = HeicFile()
    exif = b"\0\0\0\6Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    items = [(b"hvc1", parts.tile, []), (b"Exif", exif, [])]
    plain = decode_whole(parts.build(items))
    turned = parts.build(items, more=[box(b"irot", bytes([angle]))], properties=[1, 3, 4])
    np.testing.assert_array_equal(decode_whole(turned), np.rot90(plain, angle))


def test_grid_of_tiles_is_one_picture() -> None:
    """Proves that a picture of tiles, as telephones write it, is put together from them."""
    parts = HeicFile()
    tile = decode_whole(parts.build([(b"hvc1", parts.tile, [])]))
    np.testing.assert_array_equal(decode_whole(parts.grid(2, 3, tiles=6)), np.tile(tile, (2, 3, 1)))


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"heic", "HEIC"),
        (b"heix", "HEIC"),
        (b"hevc", "HEIC"),
        (b"mif1mif1heic", "HEIC"),
        (b"msf1hevcmsf1", "HEIC"),
        (b"mif1mif1avif", "AVIF"),
        (b"mif1avifheic", "AVIF"),
        (b"mif1", "HEIC"),
        (b"isommp42", None),
    ],
)
def test_format_is_told_by_its_brands(brands: bytes, kind: str | None) -> None:
    """Proves that a file of the brand mif1, which tells no codec, is told by its further brands."""
    parts = HeicFile()
    content = parts.build([(b"hvc1", parts.tile, [])], brands=brands)
    assert format_of(io.BytesIO(content), len(content)) == kind


def test_large_tile_is_seen_in_its_header() -> None:
    """Proves that the size in the decoder's header counts, and not only the one that the file tells people."""
    parts = HeicFile(128)
    content = parts.build([(b"hvc1", parts.tile, [])], sides=(8, 8))
    with pytest.raises(LimitError, match=r"too large: 128 x 128, .* in its sequence parameter set"):
        scan(io.BytesIO(content), len(content), 10_000)
    scan(io.BytesIO(content), len(content), 128 * 128)


def test_size_hidden_in_the_picture_is_seen() -> None:
    """Proves that a sequence parameter set among the slices, where the decoder reads it too, counts as well."""
    small, large = HeicFile(64), HeicFile(256)
    place = large.header.index(b"\x42\x01")
    size = int.from_bytes(large.header[place - 2 : place])
    hidden = struct.pack(">I", size) + large.header[place : place + size]
    content = small.build([(b"hvc1", hidden + small.tile, [])])
    with pytest.raises(LimitError, match="too large: 256 x 256"):
        scan(io.BytesIO(content), len(content), 10_000)


def too_deep(parts: HeicFile) -> bytes:
    chain = [(b"iden", b"", [number + 2]) for number in range(12)]
    return parts.build([*chain, (b"hvc1", parts.tile, [])])


def overlay(parts: HeicFile, count: int) -> bytes:
    canvas = bytes(2) + bytes(8) + struct.pack(">HH", 64, 64)
    return parts.build([(b"iovl", canvas, [2] * count), (b"hvc1", parts.tile, [])])


def sequence(count: int) -> bytes:
    content = box(b"stsz", struct.pack(">III", 0, 1, count))
    for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        content = box(kind, content)
    return content


def circle(parts: HeicFile) -> bytes:
    return parts.build([(b"iden", b"", [2]), (b"iden", b"", [1])])


HARMFUL = {
    "one tile 4,000 times": (lambda parts: overlay(parts, 4000), "pixels in its parts"),
    "one tile 5,000 times": (
        lambda parts: overlay(parts, 5000), "4,096 parts of pictures",
    ),
    "pictures within pictures": (too_deep, "8 pictures within pictures"),
    "a circle": (circle, "8 pictures within pictures"),
    "turns": (
        lambda parts: parts.build([(b"hvc1", parts.tile, [])], more=[box(b"irot", b"\1")],
                                  properties=[1, 3, *[4] * 200]),
        "8 turns of one picture",
    ),
    "pictures in one part": (
        lambda parts: parts.build([(b"hvc1", parts.tile * 17, [])]), "16 pictures in one part",
    ),
    "units": (
        lambda parts: parts.build([(b"hvc1", b"\0\0\0\1\x7e" * 5000 + parts.tile, [])]), "4,096 units of HEVC",
    ),
    "packed metadata": (
        lambda parts: parts.build([(b"hvc1", parts.tile, []), (b"mime", b"x", [])], words=b"\0text/xml\0deflate\0"),
        "compressed metadata",
    ),
    "metadata": (
        lambda parts: parts.build([(b"hvc1", parts.tile, []), (b"mime", bytes(33 * 2**20), [])]),
        "bytes of metadata",
    ),
    "a part in a part": (
        lambda parts: parts.build([(b"hvc1", parts.tile, [])], method=2), "a part lies in another part",
    ),
    "a long sequence": (
        lambda parts: parts.build([(b"hvc1", parts.tile, [])]) + sequence(200_000),
        "100,000 pictures in a sequence",
    ),
    "a large canvas": (
        lambda parts: parts.build([(b"grid", struct.pack(">BBBBHH", 0, 0, 0, 0, 60_000, 60_000), [2]),
                                   (b"hvc1", parts.tile, [])]),
        "too large: 60000 x 60000",
    ),
    "many items": (lambda parts: parts.build([(b"hvc1", parts.tile, [])] * 1030), "1,024 items"),
    "another codec": (
        lambda parts: parts.build([(b"unci", parts.tile, [])]), "of the kind 'unci', and HEVC alone is read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_file_is_refused(name: str) -> None:
    """Proves that what would cost the decoder minutes or gigabytes is refused before it is asked."""
    make, words = HARMFUL[name]
    content = make(HeicFile())
    allowed = 2_000_000 if name == "one tile 4,000 times" else 30_000_000
    with pytest.raises(LimitError, match=words.replace("(", r"\(")):
        scan(io.BytesIO(content), len(content), allowed)
    if allowed == 30_000_000:
        assert words in reason(content)


def test_usual_picture_of_a_telephone_passes() -> None:
    """Proves that 48 tiles beside a short sequence pass up to the limit of pixels, and not above it."""
    content = HeicFile(64).grid(6, 8, tiles=48) + sequence(50)
    scan(io.BytesIO(content), len(content), 6 * 8 * 64 * 64)
    with pytest.raises(LimitError, match="too large: 512 x 384"):
        scan(io.BytesIO(content), len(content), 6 * 8 * 64 * 64 - 1)


def test_damaged_file_is_one_clear_error() -> None:
    """Proves that a file that is cut or changed gives a picture or a PictureError, and nothing else."""
    whole, dice = heic(noise(), tile_size=64), np.random.default_rng(4)
    for round_ in range(150):
        content = bytearray(whole[: dice.integers(20, len(whole))] if round_ % 3 else whole)
        for place in dice.integers(12, len(content), 4):
            content[place] = dice.integers(256)
        try:
            load_picture(bytes(content), CONTRACT)
        except PictureError as error:
            assert "\n" not in error.reason  # noqa: PT017


def test_sandbox_gives_the_same_pixels() -> None:
    """Proves that a HEIC file decodes to the same bits in the child with limits, and that its limits hold there."""
    sandbox = Sandbox()
    try:
        for content in (heic(noise()), HeicFile().grid(2, 3, tiles=6)):
            np.testing.assert_array_equal(sandbox.load(content, CONTRACT), load_picture(content, CONTRACT))
        with pytest.raises(PictureError, match="8 turns of one picture"):
            sandbox.load(HARMFUL["turns"][0](HeicFile()), CONTRACT)
    finally:
        sandbox.close()


def test_caller_keeps_its_own_pillow(tmp_path: Path) -> None:
    """Proves that reading HEIC registers nothing with Pillow, and that nothing is imported for other pictures."""
    (tmp_path / "x.heic").write_bytes(heic(noise()))
    noise().save(tmp_path / "x.png")
    script = (
        "import sys\n"
        "from PIL import Image\n"
        "from edge_runtime import Preprocessing, load_picture\n"
        "for name in sys.argv[1:]:\n"
        "    load_picture(name, Preprocessing())\n"
        "    print('pillow_heif' in sys.modules, 'HEIF' in Image.OPEN)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    names = [str(tmp_path / "x.png"), str(tmp_path / "x.heic")]
    done = subprocess.run([sys.executable, "-c", script, *names], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["False", "False", "True", "False"], done.stderr


def test_image_of_the_caller_is_taken() -> None:
    """Proves that a HEIC picture that the caller opened with pillow-heif is classified like its file."""
    pillow_heif.register_heif_opener()
    try:
        content = heic(noise())
        image = Image.open(io.BytesIO(content))
        np.testing.assert_array_equal(load_picture(image, CONTRACT), load_picture(content, CONTRACT))
    finally:
        for table in (Image.OPEN, Image.SAVE, Image.SAVE_ALL):
            table.pop("HEIF", None)
        Image.ID.remove("HEIF")
