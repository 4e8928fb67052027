"""The preprocessing contract, value by value. Training, calibration and inference depend on it."""

import hashlib
import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.errors import PictureError
from edge_runtime.picture.preprocessing import (
    Preprocessing,
    ResizeFilter,
    decode_picture,
    load_picture,
    load_pictures,
)

SMALL = Preprocessing(16, 16)
ORIENTATION = 0x0112

# How an upright picture is stored, by EXIF orientation, written from the Exif specification.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


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


def turned(upright: np.ndarray, orientation: int, file_format: str = "PNG", **options: Any) -> bytes:
    """Return a file that stores the picture turned, with the EXIF orientation that turns it back."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(STORED[orientation](upright), file_format, exif=exif, **options)


@pytest.mark.parametrize("size", [(16, 16), (40, 30), (7, 90)])
def test_every_kind_of_source_gives_the_same_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    """Proves that a path, a string, bytes, an open file, a PIL image and an array give the same pixels."""
    pixels = gradient(*size)
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(pixels))
    expected = load_picture(path, SMALL)
    with path.open("rb") as file:
        sources = [str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), file, Image.open(path), pixels]
        for source in sources:
            np.testing.assert_array_equal(load_picture(source, SMALL), expected)
        assert not file.closed
    assert expected.dtype == np.uint8
    assert expected.shape == (16, 16, 3)


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "TIFF", "WEBP", "JPEG"])
def test_open_file_stays_open(file_format: str) -> None:
    """Proves that the caller's file is read and stays open, also when the picture must be converted."""
    file = io.BytesIO(encoded(Image.new("L", (40, 30), 77), file_format))
    assert load_picture(file, SMALL)[8, 8].tolist() == [77, 77, 77]
    assert not file.closed


def test_source_is_left_as_it_was(tmp_path: Path) -> None:
    """Proves that neither a PIL image nor an array is changed, and that the image can be used again."""
    pixels = gradient(60, 40)
    before = pixels.copy()
    image = Image.open(io.BytesIO(turned(pixels, 6, "JPEG")))
    size = image.size
    first = load_picture(image, SMALL)
    assert image.size == size
    np.testing.assert_array_equal(load_picture(image, SMALL), first)
    load_picture(pixels, SMALL)
    np.testing.assert_array_equal(pixels, before)


def test_target_is_width_by_height() -> None:
    """Proves that the result is (height, width, 3) for a picture of any aspect ratio."""
    assert load_picture(gradient(50, 20), Preprocessing(24, 8)).shape == (8, 24, 3)


def test_resize_goes_across_first() -> None:
    """Proves that a tall picture too is resized across first and then down, whatever order Pillow would choose."""
    noise = np.random.default_rng(1).integers(0, 256, (90, 20, 3)).astype(np.uint8)
    across = Image.fromarray(noise).resize((16, 90), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(load_picture(noise, SMALL), across.resize((16, 16), Image.Resampling.BILINEAR))


def test_picture_of_the_target_size_is_untouched() -> None:
    """Proves that a picture of the target size keeps every bit."""
    pixels = gradient(16, 16)
    np.testing.assert_array_equal(load_picture(encoded(pixels), SMALL), pixels)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_orientation_of_lossless_files_is_exact(file_format: str, orientation: int) -> None:
    """Proves that each EXIF orientation gives exactly the upright pixels."""
    upright = gradient(24, 18)
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = turned(upright, orientation, file_format, **options)
    wide = Preprocessing(24, 18)
    np.testing.assert_array_equal(load_picture(content, wide), upright)
    np.testing.assert_array_equal(load_picture(Image.open(io.BytesIO(content)), wide), upright)


@pytest.mark.parametrize("orientation", STORED)
def test_orientation_of_a_jpeg_decoded_smaller(orientation: int) -> None:
    """Proves that a large turned JPEG comes upright and close to the exact pixels. The target is not square."""
    upright, target = gradient(800, 400), Preprocessing(90, 40)
    content = turned(upright, orientation, "JPEG", quality=95)
    assert decode_picture(content, target).size == (100, 50)
    exact = load_picture(upright, target).astype(int)
    difference = np.abs(load_picture(content, target) - exact)
    assert difference.mean() < 1.5
    assert difference.max() <= 8


@pytest.mark.parametrize(("side", "decoded"), [(100, 100), (101, 200), (201, 400), (401, 800), (801, 800)])
def test_jpeg_is_decoded_at_the_smallest_scale_that_covers_the_target(side: int, decoded: int) -> None:
    """Proves the steps 1/8, 1/4, 1/2 and 1/1, and that a PNG is always decoded at full size."""
    target = Preprocessing(side, side)
    pixels = gradient(800, 800)
    assert decode_picture(encoded(pixels, "JPEG"), target).size == (decoded, decoded)
    assert decode_picture(encoded(pixels), target).size == (800, 800)


@pytest.mark.parametrize("value", [0, 9, 60000])
def test_unknown_orientation_counts_as_upright(value: int) -> None:
    """Proves that an orientation outside 1-8 leaves the picture as it is stored."""
    exif, pixels = Image.Exif(), gradient(16, 16)
    exif[ORIENTATION] = value
    np.testing.assert_array_equal(load_picture(encoded(pixels, exif=exif), SMALL), pixels)


PALETTE = Image.new("P", (8, 8), 1)
PALETTE.putpalette([0, 0, 0, 10, 20, 30])


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param(Image.new("1", (8, 8), 1), (255, 255, 255), id="1"),
        pytest.param(Image.new("L", (8, 8), 77), (77, 77, 77), id="L"),
        pytest.param(PALETTE, (10, 20, 30), id="P"),
        pytest.param(PALETTE.convert("PA"), (10, 20, 30), id="PA"),
        pytest.param(Image.new("RGB", (8, 8), (1, 2, 3)), (1, 2, 3), id="RGB"),
        pytest.param(Image.new("RGBX", (8, 8), (1, 2, 3, 0)), (1, 2, 3), id="RGBX"),
        pytest.param(Image.new("RGBA", (8, 8), (1, 2, 3, 255)), (1, 2, 3), id="RGBA opaque"),
        pytest.param(Image.new("RGBA", (8, 8), (1, 2, 3, 0)), (255, 255, 255), id="RGBA transparent"),
        pytest.param(Image.new("RGBA", (8, 8), (0, 0, 255, 51)), (204, 204, 255), id="RGBA one fifth"),
        pytest.param(Image.new("LA", (8, 8), (9, 255)), (9, 9, 9), id="LA opaque"),
        pytest.param(Image.new("LA", (8, 8), (9, 0)), (255, 255, 255), id="LA transparent"),
        pytest.param(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), (255, 0, 0), id="CMYK"),
        pytest.param(Image.new("YCbCr", (8, 8), (150, 128, 128)), (150, 150, 150), id="YCbCr"),
        pytest.param(Image.new("HSV", (8, 8), (0, 255, 255)), (255, 0, 0), id="HSV"),
        pytest.param(Image.new("I;16", (8, 8), 0xABFF), (0xAB, 0xAB, 0xAB), id="I;16"),
        pytest.param(Image.new("I;16", (8, 8), 200), (0, 0, 0), id="I;16 dark"),
        pytest.param(Image.new("I", (8, 8), 0xABFF), (0xAB, 0xAB, 0xAB), id="I as 16 bit"),
        pytest.param(Image.new("I", (8, 8), 200), (200, 200, 200), id="I as 8 bit"),
        pytest.param(Image.new("I", (8, 8), -5), (0, 0, 0), id="I negative"),
        pytest.param(Image.new("I", (8, 8), 2**31 - 1), (255, 255, 255), id="I beyond 16 bit"),
        pytest.param(Image.new("F", (8, 8), 44031.0), (0xAB, 0xAB, 0xAB), id="F as 16 bit"),
        pytest.param(Image.new("F", (8, 8), 200.0), (200, 200, 200), id="F as 8 bit"),
    ],
)
def test_known_colour_in_every_mode(image: Image.Image, expected: tuple[int, int, int]) -> None:
    """Proves the result for each mode of Pillow: transparency lies over white, 16 bits keep their high byte."""
    pixels = load_picture(image, SMALL)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    assert {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()} == {expected}


def test_lab_picture_comes_near_its_colour() -> None:
    """Proves that a CIELAB picture comes within one step of its colour. LittleCMS converts it."""
    pixels = load_picture(Image.new("LAB", (8, 8), (255, 128, 128)), SMALL)
    assert pixels.min() >= 254


@pytest.mark.filterwarnings("error")
def test_float_picture_with_nan_is_black_there() -> None:
    """Proves that a NaN gives black, without a warning and without harm to the values around it."""
    values = np.full((16, 16), 51400, np.float32)
    values[0, 0] = np.nan
    pixels = load_picture(Image.fromarray(values), SMALL)
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[1, 1].tolist() == [200, 200, 200]


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [("1", "PNG"), ("L", "GIF"), ("P", "PNG"), ("RGBA", "WEBP"), ("LA", "PNG"), ("CMYK", "TIFF"), ("CMYK", "JPEG")],
)
def test_modes_in_files(mode: str, file_format: str) -> None:
    """Proves that a grey file reads the same in every mode that can store it, within the bound of JPEG."""
    grey = Image.new("L", (16, 16), 255 if mode == "1" else 120)
    image = grey.convert("RGB").convert("CMYK") if mode == "CMYK" else grey.convert(mode)
    options = {"lossless": True} if file_format == "WEBP" else {}
    pixels = load_picture(encoded(image, file_format, **options), SMALL).astype(int)
    assert np.abs(pixels - grey.getpixel((0, 0))).max() <= (3 if file_format == "JPEG" else 0)


@pytest.mark.parametrize("grey", [200, 40000])
def test_16_bit_png_keeps_high_byte_and_transparent_grey(grey: int) -> None:
    """Proves that the transparent grey of a 16-bit PNG becomes background, and other values keep the high byte."""
    values = np.full((16, 16), grey, np.uint16)
    values[:, 8:] = 0x5678
    pixels = load_picture(encoded(Image.fromarray(values), transparency=grey), SMALL)
    assert set(pixels[:, :8].ravel().tolist()) == {255}
    assert set(pixels[:, 8:].ravel().tolist()) == {0x56}


@pytest.mark.parametrize(("channels", "colour_type"), [(3, 2), (4, 6)], ids=["RGB", "RGBA"])
def test_16_bit_colour_png_keeps_high_byte(channels: int, colour_type: int) -> None:
    """Proves that a 16-bit colour PNG, which Pillow can read but not write, keeps the high byte."""
    pixel = struct.pack(">4H", 0x12FF, 0x3400, 0x5680, 0xFFFF)[: 2 * channels]
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, colour_type, 0, 0, 0)),
        (b"IDAT", zlib.compress((b"\0" + pixel * 16) * 16)),
        (b"IEND", b""),
    ]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    assert load_picture(content, SMALL)[8, 8].tolist() == [0x12, 0x34, 0x56]


def test_palette_with_transparency_lies_over_the_background() -> None:
    """Proves that a transparent palette colour of a GIF or PNG shows the chosen background."""
    tinted = Preprocessing(16, 16, background=(1, 2, 3))
    for file_format in ("GIF", "PNG"):
        content = encoded(PALETTE, file_format, transparency=1)
        assert load_picture(content, tinted)[8, 8].tolist() == [1, 2, 3]


def test_colour_profile_is_ignored() -> None:
    """Proves that a colour profile does not change the stored values."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    pixels = gradient(16, 16)
    np.testing.assert_array_equal(load_picture(encoded(pixels, icc_profile=profile), SMALL), pixels)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(file_format: str) -> None:
    """Proves that the first of several frames is taken."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 0, 255), (0, 255, 0))]
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(content)).n_frames == 3
    assert load_picture(content, SMALL)[8, 8].tolist() == [255, 0, 0]


def test_many_pictures_come_in_order_with_errors_as_values() -> None:
    """Proves that parallel loading keeps the order, and that one bad picture does not stop the others."""
    sources: list[Any] = [np.full((4, 4, 3), value, np.uint8) for value in range(100)]
    sources[7] = b"damaged"
    results = list(load_pictures(sources, SMALL, workers=4))
    assert [index for index, result in enumerate(results) if isinstance(result, PictureError)] == [7]
    assert [int(result[0, 0, 0]) for result in results if isinstance(result, np.ndarray)] == [
        value for value in range(100) if value != 7
    ]


def test_many_pictures_are_taken_lazily() -> None:
    """Proves that an endless source works: only a few pictures are taken ahead."""
    taken = itertools.count()

    def endless() -> Iterator[np.ndarray]:
        while True:
            next(taken)
            yield gradient(8, 8)

    results = load_pictures(endless(), SMALL, workers=2)
    assert len(list(itertools.islice(results, 3))) == 3
    results.close()  # type: ignore[attr-defined]
    assert next(taken) <= 3 + 4 * 2 + 1


def test_no_pictures() -> None:
    """Proves that no pictures give no results."""
    assert list(load_pictures([], SMALL)) == []


def test_golden_tensors() -> None:
    """Proves that the pixels of the contract are still those that every trained model has seen.

    A failure means that the contract changed: raise CONTRACT_VERSION, or undo the change.
    """
    down, across = np.mgrid[0:211, 0:333]
    channels = [across * 7 + down * 3, across ^ down, (across * down) // 5, 255 - across // 4]
    picture = np.stack([channel % 256 for channel in channels], axis=2).astype(np.uint8)
    digests = {
        "rgb": load_picture(encoded(picture[..., :3]), Preprocessing()),
        "rgba turned": load_picture(turned(picture, 6), Preprocessing(96, 64)),
        "bicubic": load_picture(encoded(picture[..., :3]), Preprocessing(resize_filter=ResizeFilter.BICUBIC)),
    }
    assert {name: hashlib.sha256(pixels.tobytes()).hexdigest()[:16] for name, pixels in digests.items()} == {
        "rgb": "2d584e6de3dc53dc",
        "rgba turned": "6e9b128eb12ba9ce",
        "bicubic": "073d39f895777cf9",
    }
