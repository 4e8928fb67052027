"""Size, rate and format are asked of the cameras that have them, and refused for every other source."""

import sys
from pathlib import Path

import pytest

from edge_runtime.camera.address import Kind, device_of, is_read_once, kind_of, pi_camera_of
from edge_runtime.camera.camera import Camera, Pace
from edge_runtime.camera.opening import device_arguments, hint
from edge_runtime.camera.settings import CAMERA_FORMATS, Settings, parse_size
from edge_runtime.camera.video import opened_video
from edge_runtime.errors import CameraError
from tests.edge_runtime.camera.test_camera import FAKE, colour_of, take_all


def test_camera_of_this_machine_is_asked() -> None:
    """Proves that FFmpeg gets size, rate and format under the names of its V4L2 reader.

    Source: FFmpeg Devices Documentation, 3.20.2 (video4linux2, Options).
    """
    asked = device_arguments("3", Settings(size=(1280, 720), rate=12.5, camera_format="yuyv"))
    assert (asked["file"], asked["format"]) == ("/dev/video3", "v4l2")
    assert asked["options"] | {"max_pixels": ""} == {
        "max_pixels": "",
        "video_size": "1280x720",
        "framerate": "12.5",
        "input_format": "yuyv422",
    }
    assert device_arguments("/dev/video0", Settings())["options"].keys() == {"max_pixels", "video_size"}


@pytest.mark.parametrize("name", CAMERA_FORMATS)
def test_every_format_is_known_to_ffmpeg(name: str) -> None:
    """Proves that FFmpeg knows each format that a camera can be asked for, as a codec or as a pixel format."""
    av = pytest.importorskip("av")
    word, _ = CAMERA_FORMATS[name]
    assert word in av.codecs_available or av.VideoFormat(word).name == word


@pytest.mark.parametrize(
    ("source", "settings", "words"),
    [
        ("video.mp4", Settings(size=(64, 48)), "--size is for cameras of this machine"),
        ("rtsp://camera/1", Settings(size=(64, 48)), "is an RTSP stream"),
        ("http://camera/1", Settings(camera_format="mjpeg"), "--camera-format is for cameras"),
        ("-", Settings(rate=5), "--rate is for cameras of this machine and for snapshot addresses"),
        ("rtsp://user:secret@camera/1", Settings(rate=5), r"rtsp://\*\*\*@camera/1: is an RTSP stream"),
        ("picamera:1", Settings(camera_format="mjpeg"), "a Pi camera gives no mjpeg. Expected one of rgb, rgbx"),
    ],
)
def test_what_a_source_does_not_have_is_refused(source: str, settings: Settings, words: str) -> None:
    """Proves that an option is refused in one line, without secrets, where it would do nothing."""
    with pytest.raises(CameraError, match=words):
        settings.check(source)


@pytest.mark.parametrize("source", ["0", "/dev/video1", "picamera2", "picamera:1", "http://camera/now.jpg"])
def test_what_a_source_has_is_accepted(source: str) -> None:
    """Proves that a rate is accepted for cameras and web addresses."""
    Settings(rate=5).check(source)


def test_values_out_of_range_are_refused() -> None:
    """Proves that no camera is asked for a size, a rate or a format that cannot be."""
    for size in ((0, 10), (20_000, 10), (16_000, 16_000)):
        with pytest.raises(CameraError, match="out of range"):
            Settings(size=size)
    for rate in (0, -1, 2000, float("nan")):
        with pytest.raises(CameraError, match="out of range"):
            Settings(rate=rate)
    with pytest.raises(CameraError, match="is unknown"):
        Settings(camera_format="jpg")


def test_size_is_read() -> None:
    """Proves that a size is width x height and nothing else."""
    assert parse_size("1280x720") == parse_size("1280X720") == (1280, 720)
    for text in ("1280", "1280x", "x720", "-1x2", "1.5x2", "1280x720x3", ""):
        with pytest.raises(CameraError, match="such as 1280x720"):
            parse_size(text)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("0", Kind.DEVICE),
        ("picamera", Kind.PI_CAMERA),
        ("picamera2:1", Kind.PI_CAMERA),
        ("picamera:x", Kind.FILE),
        ("-", Kind.INPUT),
        ("tcp:127.0.0.1:80", Kind.FILE),
        ("tcp://127.0.0.1:80", Kind.TCP),
        ("udp://@:1234", Kind.UDP),
        ("RTSP://camera/1", Kind.RTSP),
        ("ftp://camera/1", Kind.FILE),
        ("none.mp4", Kind.FILE),
    ],
)
def test_kind_of_a_source(source: str, kind: Kind) -> None:
    """Proves which names are what, and that only a scheme with `//` makes an address."""
    assert kind_of(source) is kind


def test_what_lies_at_a_path_decides(tmp_path: Path) -> None:
    """Proves that a FIFO is a pipe, and that a file and what the shell opened are read once."""
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert kind_of(str(tmp_path / "pipe")) is Kind.PIPE
    assert not is_read_once(str(tmp_path / "pipe"))
    assert is_read_once(str(tmp_path / "file"))
    reader, writer = os.pipe()
    assert kind_of(f"/dev/fd/{reader}") is Kind.PIPE
    assert is_read_once(f"/dev/fd/{reader}")
    os.close(reader)
    os.close(writer)


def test_numbers_of_cameras() -> None:
    """Proves that a number names a device, and the number after `picamera:` a Pi camera."""
    assert (device_of("7"), device_of("/dev/video1"), device_of("video.mp4")) == ("/dev/video7", "/dev/video1", "")
    assert [pi_camera_of(name) for name in ("picamera2", "picamera", "picamera:1", "7")] == [0, 0, 1, None]


def test_camera_that_may_not_have_what_is_asked_gets_a_hint() -> None:
    """Proves that the line about a camera that does not open names the tool that lists its sizes and formats."""
    assert "v4l2-ctl --device /dev/video0 --list-formats-ext" in hint("0", Settings(rate=5))
    assert "v4l2-ctl" not in hint("0", Settings())


def test_second_pi_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that the second Pi camera is opened with size, rate and format, and that a third one is told."""
    more = """
    @staticmethod
    def global_camera_info(): return [{"Num": 0}, {"Num": 1}]
    def configure(self, configuration): Picamera2.asked = configuration
"""
    text = FAKE.replace('assert main == {"size": (640, 480), "format": "BGR888"}', "main = (main, controls)")
    text = text.replace("Picamera2.is_open, self.left = True, 5", "self.left = [9, 5][number]")
    text = text.replace("(255, 0, 0), np.uint8", "(255, 0, 0), np.uint8)[..., [0, 1, 2, 0]].astype(np.uint8")
    text = text.replace('    def configure(self, configuration): self.call("configure")\n', "") + more
    (tmp_path / "picamera2.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        import picamera2

        asked = Settings(size=(1280, 720), rate=10, camera_format="rgbx")
        with opened_video("picamera:1", asked) as frames:
            frame = next(frames)
            assert frame is not None
            assert frame.convert().shape == (480, 640, 3)
            assert colour_of(frame.convert()) == "red"
        assert picamera2.Picamera2.asked == ({"size": (1280, 720), "format": "XBGR8888"}, {"FrameRate": 10})
        with (
            pytest.raises(CameraError, match=r"picamera:2: cannot be opened .* This Pi has 2 cameras"),
            opened_video("picamera:2"),
        ):
            pass
    finally:
        sys.modules.pop("picamera2", None)


def test_size_that_a_camera_does_not_have_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a line says so, once, when a camera gives another size than it was asked for."""
    text = FAKE.replace('assert main == {"size": (640, 480), "format": "BGR888"}', "pass")
    (tmp_path / "picamera2.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    said: list[str] = []
    try:
        camera = Camera("picamera2", Pace(drop=False), said.append, settings=Settings(size=(1280, 720)), once=True)
        with pytest.raises(CameraError, match="unplugged"):
            take_all(camera)
    finally:
        sys.modules.pop("picamera2", None)
    assert said == ["picamera2: the camera gives 640x480, because it does not have 1280x720"]
