"""One picture in each form that a device meets gives the same pixels, exactly if the form is lossless."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.picture.preprocessing import Preprocessing, decode_picture, load_picture
from tests.contract.measurements import Measurements

TARGET = Preprocessing(96, 64)
ORIENTATION = 0x0112
# How to store an upright picture, by the EXIF orientation that puts it upright again.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
COLOURS = np.array(
    [
        [(200, 40, 40), (40, 200, 40), (40, 40, 200), (128, 128, 128)],
        [(200, 200, 40), (40, 200, 200), (16, 16, 16), (240, 240, 240)],
    ],
    np.uint8,
)
LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "WEBP": {"lossless": True, "exact": True}, "TIFF": {}, "BMP": {}}


@pytest.fixture(scope="module")
def drawing() -> Image.Image:
    """A cat of the sample set, as it is drawn."""
    from trainer.data.drawing import draw

    return draw("cat", np.random.default_rng(5), 170, 236)


@pytest.fixture(scope="module")
def expected(drawing: Image.Image) -> np.ndarray:
    return load_picture(np.asarray(drawing), TARGET)


def stored(drawing: Image.Image, file_format: str, orientation: int = 1, **options: Any) -> bytes:
    """Return a file that holds the turned picture, with the EXIF orientation that turns it back."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    method = STORED[orientation]
    buffer = io.BytesIO()
    turned = drawing if method is None else drawing.transpose(method)
    turned.save(buffer, file_format, **({"exif": exif} if orientation > 1 else {}), **options)
    return buffer.getvalue()


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_lossless_files_give_the_tensor_of_the_array(
    drawing: Image.Image, expected: np.ndarray, tmp_path: Path, file_format: str
) -> None:
    """Proves that path, bytes, open file and PIL image of each lossless format give exactly the array's pixels."""
    content = stored(drawing, file_format, **LOSSLESS[file_format])
    path = tmp_path / "picture"
    path.write_bytes(content)
    with path.open("rb") as file, Image.open(path) as image:
        for source in (path, str(path), content, file, image):
            np.testing.assert_array_equal(load_picture(source, TARGET), expected)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
def test_lying_files_give_the_upright_tensor(
    drawing: Image.Image, expected: np.ndarray, file_format: str, orientation: int
) -> None:
    """Proves that each EXIF orientation of a lossless file gives exactly the upright picture."""
    content = stored(drawing, file_format, orientation, **LOSSLESS[file_format])
    np.testing.assert_array_equal(load_picture(content, TARGET), expected)


@pytest.mark.parametrize("orientation", STORED)
def test_jpeg_is_near(
    drawing: Image.Image, expected: np.ndarray, orientation: int, measurements: Measurements
) -> None:
    """Proves that a JPEG of quality 95 stays within its bound, upright and turned."""
    content = stored(drawing, "JPEG", orientation, quality=95, subsampling=0)
    difference = np.abs(load_picture(content, TARGET).astype(int) - expected)
    measurements.check("jpeg", "drawing, 8 orientations", float(difference.max()))


@pytest.mark.parametrize(
    ("key", "scale", "size"),
    [
        ("jpeg smaller", 2, (96, 64)),
        ("jpeg smaller", 4, (48, 32)),
        ("jpeg smallest", 2, (160, 128)),
        ("jpeg smallest", 4, (80, 64)),
        ("jpeg smallest", 8, (40, 32)),
    ],
)
def test_jpeg_decoded_smaller_is_near(
    key: str, scale: int, size: tuple[int, int], measurements: Measurements
) -> None:
    """Proves that a large JPEG that the decoder makes smaller stays within its bounds, upright and turned.

    The closer the decoder's scale comes to the target, the less our filter has to do, and the more sharp edges
    differ.
    """
    from trainer.data.drawing import draw

    drawing, target = draw("cat", np.random.default_rng(5), 340, 472), Preprocessing(*size)
    exact = load_picture(np.asarray(drawing), target).astype(int)
    for orientation in (1, 6):
        content = stored(drawing, "JPEG", orientation, quality=95, subsampling=0)
        assert decode_picture(content, target).height == 472 // scale
        difference = np.abs(load_picture(content, target) - exact)
        value = difference.max() if key == "jpeg smaller" else difference.mean()
        measurements.check(key, f"drawing, 1/{scale} scale", float(value))


@pytest.mark.parametrize(("codec", "key"), [("png", "lossless frame"), ("mpeg4", "video frame")])
def test_video_frame_is_the_picture(
    drawing: Image.Image, expected: np.ndarray, tmp_path: Path, codec: str, key: str, measurements: Measurements
) -> None:
    """Proves that a frame of a lossless video is exactly the array, and that one of MPEG-4 is close to it."""
    pixels = filmed(tmp_path / "video.mov", np.asarray(drawing), codec)
    difference = np.abs(load_picture(pixels, TARGET).astype(int) - expected)
    measurements.check(key, f"drawing, {codec}", float(difference.max()))


def test_video_colours_are_those_of_the_picture(tmp_path: Path, measurements: Measurements) -> None:
    """Proves that a frame is converted with the colour matrix and the range of its video.

    In flat colours MPEG-4 alone is off by 3 of 255. Another matrix (709) would be off by 26, another range by 18.
    """
    pixels = COLOURS.repeat(64, axis=0).repeat(48, axis=1)
    frame = filmed(tmp_path / "video.mov", pixels, "mpeg4")
    difference = np.abs(load_picture(frame, TARGET).astype(int) - load_picture(pixels, TARGET))
    inside = difference.reshape(2, 32, 4, 24, 3)[:, 4:-4, :, 4:-4]  # 8 fields of 32 x 24, without their edges
    measurements.check("video colours", "8 colours, mpeg4", float(inside.max()))


def filmed(path: Path, pixels: np.ndarray, codec: str) -> np.ndarray:
    """Return the only frame of a video of this picture, as `edge_runtime` reads it."""
    pytest.importorskip("av")
    from edge_runtime.camera.video import opened_video

    with opened_video(str(write_frame(path, pixels, codec))) as frames:
        return next(frames).convert()


def write_frame(path: Path, pixels: np.ndarray, codec: str) -> Path:
    """Write a video of one picture."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = "rgb24" if codec == "png" else "yuv420p"
        stream.bit_rate = 4_000_000
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path
