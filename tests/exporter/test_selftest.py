"""The self-test pictures: each decodes in a way of its own, always to the same pixels."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from edge_runtime import Classifier
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from exporter.selftest import draw_pictures, write_selftest

SIDE = 16
PICTURES = draw_pictures()
KINDS = {
    "large.jpg": ("JPEG", "RGB", (900, 640)),
    "turned.jpg": ("JPEG", "RGB", (300, 220)),
    "cmyk.jpg": ("JPEG", "CMYK", (200, 200)),
    "transparent.png": ("PNG", "RGBA", (160, 240)),
    "sixteen-bit.png": ("PNG", "I;16", (120, 90)),
    "palette.gif": ("GIF", "P", (64, 64)),
}


class Brightness:
    """A classifier that scores how bright a picture is, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen = []

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        self.seen.append(pixels)
        second = pixels.mean() / 255
        return np.array([1 - second, second])


def test_each_picture_is_of_its_kind():
    """Proves that format, mode and size are those that decode differently between libraries."""
    assert PICTURES.keys() == KINDS.keys()
    for name, (format_, mode, size) in KINDS.items():
        with Image.open(io.BytesIO(PICTURES[name])) as image:
            assert (image.format, image.mode, image.size) == (format_, mode, size), name


def test_they_are_the_same_at_every_drawing():
    """Proves that two exports write the same bytes, so that bundles can be compared."""
    assert draw_pictures() == PICTURES


def test_one_lies_on_its_side():
    """Proves that the turned picture needs its orientation: a decoder that ignores it gives other pixels."""
    upright = load_picture(PICTURES["turned.jpg"], Preprocessing(SIDE, SIDE)).astype(int)
    with Image.open(io.BytesIO(PICTURES["turned.jpg"])) as image:
        assert image.getexif()[0x0112] == 6
        ignored = np.asarray(image.resize((SIDE, SIDE))).astype(int)
    assert np.abs(upright - ignored).mean() > 20
    assert np.abs(upright - np.rot90(ignored, -1)).mean() < 15


def test_sixteen_bits_are_used():
    """Proves that the 16-bit picture has values that eight bits cannot hold, in many steps."""
    with Image.open(io.BytesIO(PICTURES["sixteen-bit.png"])) as image:
        values = np.asarray(image)
    assert values.max() > 50_000
    assert (values % 257 == 0).all()
    assert len(np.unique(values)) > 50


def test_transparency_is_of_every_degree():
    """Proves that the alpha channel is neither full nor empty, so that leaving it out is noticed."""
    with Image.open(io.BytesIO(PICTURES["transparent.png"])) as image:
        alpha = np.asarray(image)[..., 3]
    assert alpha.min() < 20
    assert alpha.max() > 200


def test_no_two_are_alike():
    """Proves that a device that mixes pictures up, or channels, does not pass by chance."""
    seen = [load_picture(content, Preprocessing(SIDE, SIDE)).astype(int) for content in PICTURES.values()]
    for number, first in enumerate(seen):
        assert all(np.abs(first - second).mean() > 4 for second in seen[number + 1 :])
    for name in ("large.jpg", "palette.gif"):
        pixels = seen[list(PICTURES).index(name)]
        assert np.abs(pixels - pixels[..., ::-1]).mean() > 20


@pytest.mark.parametrize(("width", "height"), [(16, 16), (32, 24)])
def test_what_is_written_is_what_was_seen(tmp_path, width, height):
    """Proves that hash and scores are of the pixels that the contract makes of the written file."""
    first, second = Brightness(), Brightness()
    preprocessing = Preprocessing(width, height)
    written = write_selftest(tmp_path, preprocessing, {"a.tflite": first, "b.onnx": second})
    assert [picture.path for picture in written] == [f"selftest/{name}" for name in PICTURES]
    assert {path.name for path in (tmp_path / "selftest").iterdir()} == set(PICTURES)
    for picture, pixels in zip(written, first.seen, strict=True):
        assert pixels.shape == (height, width, 3)
        assert hashlib.sha256(load_picture(tmp_path / picture.path, preprocessing).tobytes()).hexdigest() == (
            picture.pixels_sha256
        )
        assert list(picture.scores) == ["a.tflite", "b.onnx"]
        assert picture.scores["a.tflite"] == tuple(round(float(score), 7) for score in Brightness().scores(pixels))


def test_an_old_self_test_is_not_mixed_with_a_new_one(tmp_path):
    """Proves that pictures are never written into a folder that has some."""
    (tmp_path / "selftest").mkdir()
    with pytest.raises(FileExistsError):
        write_selftest(tmp_path, Preprocessing(SIDE, SIDE), {})


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_self_test_is_reproduced(bundle_folder, backend, precision):
    """Proves that a classifier opened from a bundle makes the expected pixels and scores of each picture."""
    classifier = Classifier.open(bundle_folder, backend, precision=precision)
    assert classifier.file.precision == precision
    pictures = classifier.bundle.selftest
    assert len(pictures) == 6
    for picture in pictures:
        pixels = load_picture(bundle_folder / picture.path, classifier.bundle.preprocessing)
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == picture.pixels_sha256
        expected = picture.scores[classifier.file.path]
        np.testing.assert_allclose(classifier.scores(pixels), expected, atol=1e-6)
