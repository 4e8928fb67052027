"""A frame is turned, mirrored and cut to exactly the pixels of the picture file that is made in the same way."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime import Classifier
from edge_runtime.camera import settings as settings_module
from edge_runtime.camera import view as view_module
from edge_runtime.camera.view import Crop, Flip, View
from edge_runtime.commands import camera_options
from edge_runtime.errors import CameraError
from edge_runtime.picture.preprocessing import load_picture

TURNED = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
FLIPPED = {Flip.HORIZONTAL: Image.Transpose.FLIP_LEFT_RIGHT, Flip.VERTICAL: Image.Transpose.FLIP_TOP_BOTTOM}


def noise(width: int = 200, height: int = 150) -> Image.Image:
    """Return a picture in which every pixel is another one."""
    dice = np.random.default_rng(1)
    return Image.fromarray(dice.integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize(("rotate", "flip"), list(itertools.product((0, 90, 180, 270), Flip)))
@pytest.mark.parametrize("crop", [None, Crop(10, 20, 100, 77), Crop(0.1, 0.2, 0.5, 0.55)], ids=str)
def test_frame_equals_the_picture_file(
    onnx_bundle: Path, tmp_path: Path, rotate: int, flip: Flip, crop: Crop | None
) -> None:
    """Proves to the bit that a frame is the file that Pillow turned, mirrored and cut, and has its scores."""
    image = noise()
    expected = image.transpose(TURNED[rotate]) if rotate else image
    expected = expected.transpose(FLIPPED[flip]) if flip in FLIPPED else expected
    if crop is not None:
        across, down = expected.size if crop.in_shares else (1, 1)
        left, top = crop.x * across, crop.y * down
        box = (left, top, left + crop.width * across, top + crop.height * down)
        expected = expected.crop(tuple(int(side + 0.5) for side in box))  # type: ignore[arg-type]
    expected.save(tmp_path / "picture.png")
    seen = View(rotate, flip, crop).apply(np.asarray(image))
    np.testing.assert_array_equal(seen, np.asarray(Image.open(tmp_path / "picture.png")))
    assert seen.flags.c_contiguous
    classifier = Classifier.open(onnx_bundle)
    contract = classifier.bundle.preprocessing
    np.testing.assert_array_equal(load_picture(seen, contract), load_picture(tmp_path / "picture.png", contract))
    assert classifier.classify(seen).scores == classifier.classify(tmp_path / "picture.png").scores


def test_large_frame_equals_the_picture_file(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves the same for a part that is so large that it is resized in strips."""
    image = noise(1500, 1400)
    image.transpose(TURNED[90]).crop((7, 9, 1307, 1400)).save(tmp_path / "picture.png", compress_level=0)
    seen = View(90, crop=Crop(7, 9, 1300, 1391)).apply(np.asarray(image))
    contract = Classifier.open(onnx_bundle).bundle.preprocessing
    np.testing.assert_array_equal(load_picture(seen, contract), load_picture(tmp_path / "picture.png", contract))


def test_nothing_to_change_costs_nothing() -> None:
    """Proves that a frame is not copied when it is used as it is."""
    pixels = np.asarray(noise())
    assert View().apply(pixels) is pixels


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("0,0,1,1", (0, 0, 200, 150)),
        ("0.5,0.5,0.5,0.5", (100, 75, 200, 150)),
        ("0.999,0,0.001,1", (199, 0, 200, 150)),
        ("1e-9,0,0.001,0.5", (0, 0, 1, 75)),
        ("0.1,0.2,0.9,0.8", (20, 30, 200, 150)),
        ("199,149,1,1", (199, 149, 200, 150)),
        (" 10, 20, 30, 40 ", (10, 20, 40, 60)),
        ("0,0,200,150", (0, 0, 200, 150)),
    ],
)
def test_crop_is_read(text: str, box: tuple[int, int, int, int]) -> None:
    """Proves that pixels and shares are told apart, and that shares go to the nearest pixel and never to none."""
    assert Crop.parse(text).box(200, 150) == box


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not four numbers"),
        ("1,2,3", "not four numbers"),
        ("1,2,3,4,5", "not four numbers"),
        ("a,b,c,d", "not four numbers"),
        ("-1,0,10,10", "must be 0 or more"),
        ("0,0,0,10", "above 0"),
        ("0,0,nan,10", "above 0"),
        ("0,0,inf,10", "above 0"),
        ("0.5,0,0.6,1", "beyond the picture"),
        ("0.5,0,10,10", "whole numbers"),
    ],
)
def test_crop_that_is_in_no_picture_is_refused(text: str, words: str) -> None:
    """Proves that a crop that can never fit is one line before any camera is opened."""
    with pytest.raises(CameraError, match=words):
        Crop.parse(text)


@pytest.mark.parametrize("text", ["101,0,100,10", "0,100,10,51", "500,500,10,10"])
def test_crop_outside_of_a_picture_is_refused(text: str) -> None:
    """Proves that pixels outside of a picture are one line with the size that the picture has."""
    with pytest.raises(CameraError, match="not inside the picture, which has 200 x 150 pixels"):
        Crop.parse(text).box(200, 150)


def test_size_is_checked_as_it_is_after_rotating() -> None:
    """Proves that a crop is compared with the turned frame."""
    view = View(90, crop=Crop(0, 0, 480, 640))
    view.check_size(640, 480)
    with pytest.raises(CameraError, match="480 x 640 pixels after rotating"):
        View(90, crop=Crop(0, 0, 640, 480)).check_size(640, 480)


def test_options_name_what_there_is() -> None:
    """Proves that the command line offers every angle, mirror and format of a camera, and no other."""
    assert tuple(map(str, view_module.ROTATIONS)) == camera_options.ROTATIONS
    assert tuple(flip for flip in Flip if flip is not Flip.NONE) == camera_options.FLIPS
    assert tuple(settings_module.CAMERA_FORMATS) == camera_options.FORMATS
