"""A contract of one channel gives the grey that Pillow gives, before the resize."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.errors import BundleError
from edge_runtime.picture.contract import GREY_VERSION, Preprocessing
from edge_runtime.picture.decoding import STRIP_PIXELS
from edge_runtime.picture.preprocessing import load_picture
from edge_runtime.picture.sandbox import Sandbox

GREY = Preprocessing(24, 16, version=GREY_VERSION, channels=1)


def drawing(width: int, height: int) -> Image.Image:
    """Return colours of every kind."""
    noise = np.random.default_rng(0).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def png(image: Image.Image) -> bytes:
    """Return a picture as a PNG file."""
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize("size", [(90, 60), (1400, 900)], ids=["small", "in strips"])
def test_grey_is_that_of_pillow(size: tuple[int, int]) -> None:
    """Proves that RGB becomes ITU-R 601-2 luma and is then resized, in one go and in strips."""
    assert (size[0] * size[1] > STRIP_PIXELS) == (size == (1400, 900))
    image = drawing(*size)
    grey = image.convert("L").resize((24, size[1]), Image.Resampling.BILINEAR)
    expected = np.asarray(grey.resize((24, 16), Image.Resampling.BILINEAR))
    found = load_picture(png(image), GREY)
    assert (found.shape, found.dtype) == ((16, 24, 1), np.uint8)
    np.testing.assert_array_equal(found[..., 0], expected)


def test_a_grey_picture_keeps_its_values() -> None:
    """Proves that grey comes through RGB unchanged."""
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = load_picture(png(Image.fromarray(values)), replace(GREY, width=16))
    np.testing.assert_array_equal(found[..., 0], values)


def test_the_sandbox_gives_the_same(tmp_path: Path) -> None:
    """Proves that an untrusted picture has the same grey pixels."""
    path = tmp_path / "a.png"
    path.write_bytes(png(drawing(60, 40)))
    sandbox = Sandbox(memory_mib=600)
    np.testing.assert_array_equal(sandbox.load(path, GREY, max_pixels=10_000), load_picture(path, GREY))


def test_the_record_of_grey_is_version_2() -> None:
    """Proves that version 1 stays as it was, and that grey has the key `channels` and comes back equal."""
    assert "channels" not in Preprocessing().to_dict()
    assert GREY.to_dict()["channels"] == 1
    assert Preprocessing.from_dict(GREY.to_dict()) == GREY
    assert GREY.shape == (16, 24, 1)


@pytest.mark.parametrize(("width", "height"), [(0, 4), (4, 2049), (-1, 4)])
def test_the_limits_are_said(width: int, height: int) -> None:
    """Proves that a size out of bounds is refused with both bounds."""
    with pytest.raises(BundleError, match=r"from 1 to 2048 pixels"):
        Preprocessing(width, height)


@pytest.mark.parametrize(("width", "height"), [(4, 4), (1, 1), (2048, 1200)])
def test_small_and_large_inputs(width: int, height: int) -> None:
    """Proves that the bounds themselves work."""
    found = load_picture(png(drawing(30, 20)), Preprocessing(width, height))
    assert found.shape == (height, width, 3)
