"""Pictures are handed to ONNX Runtime one by one, in the type that a file takes."""

import numpy as np
import pytest

from exporter.formats.onnx.feed import PictureFeed

PICTURES = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_each_picture_comes_once_in_order(dtype):
    """Proves that every picture is a batch of one of that type, named as files name it, and then there is None."""
    feed = PictureFeed(PICTURES, dtype)
    for picture in PICTURES:
        [(name, given)] = feed.get_next().items()
        assert (name, given.dtype, given.shape) == ("image", dtype, (1, 2, 2, 3))
        np.testing.assert_array_equal(given[0], picture)
    assert feed.get_next() is None


def test_a_loop_ends():
    """Proves that a tool that iterates sees the same pictures, and stops."""
    assert len(list(PictureFeed(PICTURES))) == 3
    assert list(PictureFeed(PICTURES[:0])) == []


def test_the_pictures_are_not_changed():
    """Proves that a tool that writes into its input does not spoil the calibration set."""
    before = PICTURES.copy()
    for fed in PictureFeed(PICTURES, np.uint8):
        fed["image"][:] = 0
    np.testing.assert_array_equal(PICTURES, before)
