"""Open a camera, a video file or a stream, and read its frames.

Only this module imports PyAV and picamera2. docs/decisions/0010-video-library.md says why PyAV was chosen.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edge_runtime.camera.address import PICAMERA, STREAMS, WEB, device_of, is_file, reason_of, shown_source
from edge_runtime.camera.allowance import Allowance
from edge_runtime.errors import CameraError
from edge_runtime.picture.contract import MAX_PIXELS
from edge_runtime.picture.source import Pixels

if TYPE_CHECKING:
    from edge_runtime.camera.trust import Trust

PICAMERA_INSTALL = (
    "sudo apt install python3-picamera2, in a virtual environment made with --system-site-packages, "
    "on Debian 12 with pip install 'numpy<2'"
)
TIMEOUT_S = 10.0  # for opening a stream, and for each frame of a stream or of the Pi's camera
MOST_DAMAGED = 100  # packets in a row; they make some seconds of video
UNKNOWN_RATE = 25  # frames a second, for a file that does not give its rate
DEVICE_SIZE = (640, 480)  # requested from cameras; models take much smaller pictures
BUFFER_BYTES = 2**18  # of a file, read at once
# FFmpeg has 400 formats. Some of them open other files, and many are old and rarely checked. These are allowed.
FILE_FORMATS = (
    "3gp,apng,asf,av1,avi,dv,flv,gif,h263,h264,hevc,ivf,jpeg_pipe,m4v,matroska,mjpeg,mov,mp4,mpeg,mpegts,mpegvideo,"
    "mpjpeg,mxf,nut,obu,ogg,png_pipe,vvc,webm,webp_pipe,yuv4mpegpipe"
)
WEB_FORMATS = f"{FILE_FORMATS},hls"
# FFmpeg tells these formats by the server's word. It tells all others by their first bytes.
WEB_FORMAT_OF = {
    "multipart/x-mixed-replace": "mpjpeg",
    "application/vnd.apple.mpegurl": "hls",
    "application/x-mpegurl": "hls",
    "audio/mpegurl": "hls",
    "audio/x-mpegurl": "hls",
}
# Older ones read rtsps:// without a check, whatever is asked.
# Source: tried with the wheels of PyAV 13.0, 14.0, 15.1, 16.0, 17.0 and 18.1 for Linux.
FIRST_TO_CHECK_RTSPS = (62,)  # version of libavformat


class Frame(NamedTuple):
    """A frame that is converted to pixels only when they are needed.

    Attributes:
        time_s: its time in a recording, seconds; None for a live source.
        convert: returns its pixels, `uint8 (height, width, 3) RGB 0-255`.
    """

    time_s: float | None
    convert: Callable[[], Pixels]


def check_source(source: str, trust: Trust | None = None) -> None:
    """Refuse a source that can never be opened, so that nobody waits for it.

    Args:
        source: any source.
        trust: which certificates are accepted. Default: the ones of the system's authorities.

    Raises:
        CameraError: the file is missing, the kind of address is unknown, picamera2 does not load, or the
            certificate of a stream cannot be checked.
    """
    if source == PICAMERA:
        _picamera_class()
    if source.startswith(STREAMS):
        _check_address(source, trust)
    if not is_file(source):
        return
    name = shown_source(source)
    if "://" in source:
        raise CameraError(f"{name}: expected an address that begins with {', '.join(STREAMS)}")
    if not Path(source).is_file():
        raise CameraError(
            f"{name}: no such video file. Expected a file, a camera such as 0 or /dev/video0, an address that "
            f"begins with {' or '.join(STREAMS)}, or {PICAMERA}"
        )


def _check_address(source: str, trust: Trust | None) -> None:
    from edge_runtime.camera.trust import Trust
    from edge_runtime.camera.web import Origin

    trust = trust or Trust()
    if source.startswith("rtsps://"):
        _tls_options(trust)
    try:
        Origin(source, trust, Allowance(), TIMEOUT_S)
    except ValueError as error:
        raise CameraError(f"{shown_source(source)}: not an address. Expected a host and perhaps a port") from error


@contextmanager
def opened_video(source: str, trust: Trust | None = None) -> Iterator[Iterator[Frame]]:
    """Open a source and give its frames.

    Args:
        source: a camera such as `0` or `/dev/video0`, a video file, an RTSP or HTTP address, or `picamera2`.
        trust: which certificates of `https://` and `rtsps://` are accepted. Default: the ones of the system's
            authorities.

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

    with ExitStack() as stack:
        allowance = Allowance(float("inf") if is_file(source) else TIMEOUT_S)
        try:
            container = stack.enter_context(av.open(**_arguments(source, trust, allowance, stack)))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise CameraError(
                f"{shown_source(source)}: cannot be opened ({reason_of(error, source)}). {_hint(source)}"
            ) from error
        except CameraError as error:  # another server
            raise CameraError(f"{shown_source(source)}: {error}") from error
        yield _frames(container, source, allowance)


def _hint(source: str) -> str:
    if device_of(source):
        return "List the cameras with: catdog-edge doctor"
    if source.startswith("rtsps://"):
        return (
            "Check the address. If its certificate is not known, name its authority with --ca-file, or accept any "
            "with --insecure"
        )
    return "Check the file or the address"


def _frames(container: Any, source: str, allowance: Allowance) -> Iterator[Frame]:
    import av

    name = shown_source(source)
    if not container.streams.video:
        raise CameraError(f"{name}: has no video in it. Name a source with video")
    stream = container.streams.video[0]
    # A decoder refuses a larger frame before it takes memory for it.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    # An address can lead to a recording. A recording has a duration.
    recorded = is_file(source) or (container.duration or 0) > 0
    rate = float(stream.average_rate or stream.guessed_rate or UNKNOWN_RATE)
    time_s = -1 / rate
    try:
        for frame in _decodable(_packets(container, stream, allowance)):
            known_s = None if frame is None else frame.time
            time_s = time_s + 1 / rate if known_s is None else known_s  # None: raw H.264 has no times
            yield Frame(time_s if recorded else None, partial(_pixels, frame, name))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise CameraError(f"{name}: reading failed ({reason_of(error, source)})") from error
    except CameraError as error:  # a playlist that leads to another server
        raise CameraError(f"{name}: {error}") from error


def _packets(container: Any, stream: Any, allowance: Allowance) -> Iterator[Any]:
    """Give the packets of one stream. Sound and other streams are read and left out."""
    packets = container.demux()
    while True:
        allowance.renew()
        packet = next(packets, None)
        if packet is None:
            return
        if packet.stream.index == stream.index:
            yield packet


def _decodable(packets: Iterator[Any]) -> Iterator[Any]:
    """Decode packets and leave out damaged ones. Raise if more than 100 in a row are damaged, or all of them.

    Yields:
        Each frame, and None for a frame that the decoder refuses because it is too large.
    """
    import av

    damaged_in_a_row, error, any_frame = 0, None, False
    for packet in packets:
        try:
            frames = packet.decode()
        except (av.error.InvalidDataError, ValueError) as damage:
            damaged_in_a_row, error = damaged_in_a_row + 1, damage
            if damaged_in_a_row > MOST_DAMAGED:
                raise
            if not isinstance(damage, av.error.InvalidDataError):  # EINVAL: more pixels than `max_pixels`
                yield None
            continue
        if frames:
            damaged_in_a_row, any_frame = 0, True
        yield from frames
    if error is not None and not any_frame:
        raise error


def _pixels(frame: Any, name: str) -> Pixels:
    """Return the pixels of a frame, turned upright: a telephone stores its video lying and notes the rotation."""
    import av

    if frame is None or frame.width * frame.height > MAX_PIXELS:
        size = "" if frame is None else f" of {frame.width} x {frame.height}"
        raise CameraError(f"{name}: a frame{size} cannot be decoded. It has more than {MAX_PIXELS:,} pixels")
    try:
        pixels: Pixels = frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise CameraError(f"{name}: a frame cannot be converted ({reason_of(error, name)})") from error
    # The rotation is counterclockwise. PyAV before 14.1 does not give it.
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns)) if quarter_turns else pixels


def _arguments(source: str, trust: Trust | None, allowance: Allowance, stack: ExitStack) -> dict[str, Any]:
    """Return the arguments of `av.open`. What they hold open is closed by the stack."""
    from edge_runtime.camera.trust import Trust

    limit = {"max_pixels": str(MAX_PIXELS)}
    device = device_of(source)
    if device:
        size = "x".join(map(str, DEVICE_SIZE))
        return {"file": device, "format": "v4l2", "options": limit | {"video_size": size}}
    if source.startswith(WEB):
        return _web_arguments(source, trust or Trust(), allowance, stack)
    if source.startswith(STREAMS):
        # TCP, because packets that UDP loses would give broken pictures.
        options = {"rtsp_transport": "tcp", "format_whitelist": "rtsp", "protocol_whitelist": "rtsp,tcp"}
        if source.startswith("rtsps://"):
            options |= {"protocol_whitelist": "rtsp,rtsps,tls,tcp"} | _tls_options(trust or Trust())
        return {"file": source, "timeout": TIMEOUT_S, "options": limit | options}
    return {
        "file": stack.enter_context(_OpenFile(source, allowance)),
        "io_open": _refuse,
        "buffer_size": BUFFER_BYTES,
        "options": limit | {"format_whitelist": FILE_FORMATS, "protocol_whitelist": "none"},
    }


def _web_arguments(source: str, trust: Trust, allowance: Allowance, stack: ExitStack) -> dict[str, Any]:
    from edge_runtime.camera.web import Origin

    origin = Origin(source, trust, allowance, TIMEOUT_S)
    file = stack.enter_context(closing(origin.open(origin.address)))
    return {
        "file": file,
        "format": WEB_FORMAT_OF.get(file.kind),
        "io_open": origin.open,
        "timeout": TIMEOUT_S,
        "options": {
            "max_pixels": str(MAX_PIXELS),
            "format_whitelist": WEB_FORMATS,
            "protocol_whitelist": "http,https",
            "http_persistent": "0",  # of a playlist: each of its files goes through `io_open`
        },
    }


def _tls_options(trust: Trust) -> dict[str, str]:
    import av

    if not trust.insecure and tuple(av.library_versions["libavformat"]) < FIRST_TO_CHECK_RTSPS:
        raise CameraError(
            "this PyAV does not check the certificates of rtsps://. Install a newer one: pip install 'av>=16'. "
            "Or accept any certificate with --insecure"
        )
    return trust.ffmpeg_options()


class _OpenFile:
    """A file on disk, as PyAV reads it. FFmpeg does not see its name, so no name is taken for an address."""

    def __init__(self, source: str, allowance: Allowance) -> None:
        # A FIFO that was put in place of the file would block here without O_NONBLOCK.
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115
        self._allowance = allowance
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            self._file.close()
            raise OSError("not a file")
        suffix = Path(source).suffix  # FFmpeg guesses the format of raw video with its help
        self.name = f"video{suffix}" if suffix[1:].isalnum() else "video"
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def __enter__(self) -> _OpenFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self._allowance.spend(len(content))
        return content


def _refuse(address: str, flags: int, options: dict[str, str]) -> Any:
    raise CameraError("the file names another file or address, and no other is read")


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
