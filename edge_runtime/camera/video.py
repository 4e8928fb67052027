"""Open a camera, a video file or a stream, and read its frames.

Only this module imports PyAV and picamera2. docs/decisions/0010-video-library.md says why PyAV was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_runtime.errors import CameraError
from edge_runtime.picture.source import Pixels

PICAMERA = "picamera2"
PICAMERA_INSTALL = (
    "sudo apt install python3-picamera2, in a virtual environment made with --system-site-packages, "
    "on Debian 12 with pip install 'numpy<2'"
)
STREAMS = ("rtsp://", "rtsps://", "http://", "https://")
TIMEOUT_S = 10.0  # for opening a stream, and for each read of a stream or of the Pi's camera
MOST_DAMAGED = 100  # packets in a row; they make some seconds of video
UNKNOWN_RATE = 25  # frames a second, for a file that does not give its rate
DEVICE_SIZE = (640, 480)  # requested from cameras; models take much smaller pictures


class Frame(NamedTuple):
    """A frame that is converted to pixels only when they are needed.

    Attributes:
        time_s: its time in a recording, seconds; None for a live source.
        convert: returns its pixels, `uint8 (height, width, 3) RGB 0-255`.
    """

    time_s: float | None
    convert: Callable[[], Pixels]


def is_file(source: str) -> bool:
    """Say whether a source is a video file, and not a camera or a stream."""
    return source != PICAMERA and not source.startswith(STREAMS) and not _device(source)


def check_source(source: str) -> None:
    """Refuse a source that can never be opened, so that nobody waits for it.

    Raises:
        CameraError: the file is missing, the kind of address is unknown, or picamera2 does not load.
    """
    if source == PICAMERA:
        _picamera_class()
    if is_file(source) and "://" in source:
        raise CameraError(f"{source}: expected an address that begins with {', '.join(STREAMS)}")
    if is_file(source) and not Path(source).is_file():
        raise CameraError(
            f"{source}: no such video file. Expected a file, a camera such as 0 or /dev/video0, an address that "
            f"begins with {' or '.join(STREAMS)}, or {PICAMERA}"
        )


@contextmanager
def opened_video(source: str) -> Iterator[Iterator[Frame]]:
    """Open a source and give its frames.

    Args:
        source: a camera such as `0` or `/dev/video0`, a video file, an RTSP or HTTP address, or `picamera2`.

    Yields:
        The frames, one after the other. Taking a frame waits for it.

    Raises:
        CameraError: the source cannot be opened, or reading it fails.
    """
    if source == PICAMERA:
        with _opened_picamera() as frames:
            yield frames
        return
    import av

    try:
        container = av.open(**_arguments(source))
    except (av.FFmpegError, OSError, ValueError) as error:
        hint = "List the cameras with: catdog-edge doctor" if _device(source) else "Check the file or the address"
        raise CameraError(f"{source}: cannot be opened ({error}). {hint}") from error
    with container:
        yield _frames(container, source)


def _frames(container: Any, source: str) -> Iterator[Frame]:
    import av

    if not container.streams.video:
        raise CameraError(f"{source}: has no video in it. Name a source with video")
    stream = container.streams.video[0]
    # An address can lead to a recording. A recording has a duration.
    recorded = is_file(source) or (container.duration or 0) > 0
    rate = float(stream.average_rate or stream.guessed_rate or UNKNOWN_RATE)
    time_s = -1 / rate
    try:
        for frame in _decodable(container.demux(stream)):
            time_s = time_s + 1 / rate if frame.time is None else frame.time  # None: raw H.264 has no times
            yield Frame(time_s if recorded else None, partial(_pixels, frame, source))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise CameraError(f"{source}: reading failed ({error})") from error


def _decodable(packets: Iterator[Any]) -> Iterator[Any]:
    """Decode packets and leave out damaged ones. Raise if more than 100 in a row are damaged, or all of them."""
    import av

    damaged_in_a_row, error, any_frame = 0, None, False
    for packet in packets:
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as damage:
            damaged_in_a_row, error = damaged_in_a_row + 1, damage
            if damaged_in_a_row > MOST_DAMAGED:
                raise
            continue
        if frames:
            damaged_in_a_row, any_frame = 0, True
        yield from frames
    if error is not None and not any_frame:
        raise error


def _pixels(frame: Any, source: str) -> Pixels:
    """Return the pixels of a frame, turned upright: a telephone stores its video lying and notes the rotation."""
    import av

    try:
        pixels: Pixels = frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise CameraError(f"{source}: a frame cannot be converted ({error})") from error
    # The rotation is counterclockwise. PyAV before 14.1 does not give it.
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns)) if quarter_turns else pixels


def _arguments(source: str) -> dict[str, Any]:
    device = _device(source)
    if device:
        size = "x".join(map(str, DEVICE_SIZE))
        return {"file": device, "format": "v4l2", "options": {"video_size": size}}
    if not source.startswith(STREAMS):
        return {"file": source}
    # TCP, because packets that UDP loses would give broken pictures.
    options = {"rtsp_transport": "tcp"} if source.startswith("rtsp") else {}
    return {"file": source, "timeout": TIMEOUT_S, "options": options}


def _device(source: str) -> str:
    if re.fullmatch(r"\d{1,3}", source):
        return f"/dev/video{source}"
    return source if source.startswith("/dev/") else ""


def _picamera_class() -> Any:
    try:
        from picamera2 import Picamera2
    # It raises ValueError with another NumPy, AttributeError with another libcamera, and other errors too.
    except Exception as error:
        raise CameraError(f"{PICAMERA} cannot be loaded ({error}): {PICAMERA_INSTALL}") from error
    return Picamera2


@contextmanager
def _opened_picamera() -> Iterator[Iterator[Frame]]:
    make = _picamera_class()
    with ExitStack() as stack:
        try:
            camera = make()
            stack.callback(_close, camera)
            # picamera2 names the channels from last to first: BGR888 lies in memory as R, G, B.
            camera.configure(camera.create_video_configuration({"size": DEVICE_SIZE, "format": "BGR888"}))
            camera.start()
        # libcamera raises RuntimeError, IndexError and others.
        except Exception as error:
            raise CameraError(f"{PICAMERA}: cannot be opened ({error})") from error
        yield _picamera_frames(camera)


def _close(camera: Any) -> None:
    """Stop and close a camera. After a capture that timed out, its stop() alone would wait for ever."""
    with suppress(Exception):  # another error here would hide the reason for closing
        camera.close()


def _picamera_frames(camera: Any) -> Iterator[Frame]:
    while True:
        try:
            # Releases before July 2024 (picamera2's pull request 1069) take a number for True and never give up.
            pixels = camera.capture_array("main", wait=TIMEOUT_S)
        except TimeoutError as error:
            raise CameraError(f"{PICAMERA}: no frame in {TIMEOUT_S:g} s") from error
        except Exception as error:
            raise CameraError(f"{PICAMERA}: reading failed ({error})") from error
        yield Frame(None, partial(_itself, pixels))


def _itself(pixels: Pixels) -> Pixels:
    return pixels
