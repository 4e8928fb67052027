"""Say how FFmpeg opens each kind of source, and what it may read there.

FFmpeg has 400 formats and dozens of protocols. It is given the bytes of a source wherever it can be, and always
the list of formats and protocols that it may use.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.camera.address import PICAMERA, STREAMS, Kind, device_of, kind_of, shown_source
from edge_runtime.camera.allowance import Allowance
from edge_runtime.camera.inputs import Input, PeekedInput, open_input
from edge_runtime.camera.settings import CAMERA_FORMATS, Settings
from edge_runtime.errors import CameraError
from edge_runtime.picture.contract import MAX_PIXELS

if TYPE_CHECKING:
    from edge_runtime.camera.trust import Trust
    from edge_runtime.camera.web import Origin, WebFile

DEVICE_SIZE = (640, 480)  # requested from cameras; models take much smaller pictures
BUFFER_BYTES = 2**18  # of a file, read at once; more than a datagram has
# Some formats open other files, and many are old and rarely checked. These are allowed.
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
# FFmpeg would look at megabytes of JPEGs before the first frame: minutes, if there is one picture a second.
JPEG_START = b"\xff\xd8\xff"
AT_ONCE = {"fpsprobesize": "0", "probesize": "32"}
# Older ones read rtsps:// without a check, whatever is asked.
# Source: tried with the wheels of PyAV 13.0, 14.0, 15.1, 16.0, 17.0 and 18.1 for Linux.
FIRST_TO_CHECK_RTSPS = (62,)  # version of libavformat
LIMIT = {"max_pixels": str(MAX_PIXELS)}


def check_source(source: str, settings: Settings | None = None) -> None:
    """Refuse a source that can never be opened, so that nobody waits for it.

    Args:
        source: any source.
        settings: what is asked of it. Default: nothing.

    Raises:
        CameraError: the file is missing, the kind of address is unknown, picamera2 does not load, the certificate
            of a stream cannot be checked, or something is asked that this kind of source does not have.
    """
    settings, kind = settings or Settings(), kind_of(source)
    if kind is Kind.FILE:
        _check_file(source)
    settings.check(source)
    if kind is Kind.PI_CAMERA:
        from edge_runtime.camera.picamera import picamera_class

        picamera_class()
    elif kind is Kind.INPUT:
        _check_standard_input()
    elif "://" in source:
        _check_address(source, kind, settings)


def _check_file(source: str) -> None:
    name = shown_source(source)
    if "://" in source:
        raise CameraError(f"{name}: expected an address that begins with {', '.join(STREAMS)}")
    if not Path(source).is_file():
        raise CameraError(
            f"{name}: no such video file. Expected a file, a camera such as 0 or /dev/video0, - for standard "
            f"input, an address that begins with {' or '.join(STREAMS)}, or {PICAMERA}"
        )


def _check_standard_input() -> None:
    if sys.stdin is None:  # it was closed before Python started, and another file may have its number now
        raise CameraError("-: there is no standard input. Send a video into the command with a pipe")
    if os.isatty(0):
        raise CameraError(
            "-: standard input is a terminal. Send a video into it: rpicam-vid -t 0 --codec mjpeg -o - | "
            "catdog-edge watch -"
        )


def _check_address(source: str, kind: Kind, settings: Settings) -> None:
    from urllib.parse import urlsplit

    from edge_runtime.camera.network import host_and_port
    from edge_runtime.camera.trust import Trust
    from edge_runtime.camera.web import Origin

    trust = settings.trust or Trust()
    if source.lower().startswith("rtsps://"):
        _tls_options(trust)
    try:
        if kind in (Kind.TCP, Kind.UDP):
            host_and_port(source)
        elif not urlsplit(source).hostname:
            raise ValueError("no host")
        else:
            Origin(source, trust, Allowance(), 0)
    except ValueError as error:
        expected = str(error) if kind in (Kind.TCP, Kind.UDP) else "Expected a host and perhaps a port"
        raise CameraError(f"{shown_source(source)}: not an address. {expected[0].upper()}{expected[1:]}") from error


def hint(source: str, settings: Settings) -> str:
    """Return what to do when a source cannot be opened."""
    kind = kind_of(source)
    if kind is Kind.DEVICE:
        asked = settings.size or settings.rate or settings.camera_format
        offered = f"v4l2-ctl --device {device_of(source)} --list-formats-ext"
        return "List the cameras with: catdog-edge doctor" + (
            f". The camera may not have this size, rate or format: {offered}" if asked else ""
        )
    if source.startswith("rtsps://"):
        return (
            "Check the address. If its certificate is not known, name its authority with --ca-file, or accept any "
            "with --insecure"
        )
    if kind in (Kind.INPUT, Kind.PIPE):
        return "Check what writes into it; it must be a video that can be read from its start to its end"
    return "Check the file or the address"


def arguments(source: str, settings: Settings, allowance: Allowance, stack: ExitStack) -> dict[str, Any]:
    """Return the arguments of `av.open` for any source but a web address. What they hold open the stack closes."""
    kind = kind_of(source)
    if kind is Kind.DEVICE:
        return device_arguments(source, settings)
    if kind is Kind.RTSP:
        # TCP, because packets that UDP loses would give broken pictures.
        options = {"rtsp_transport": "tcp", "format_whitelist": "rtsp", "protocol_whitelist": "rtsp,tcp"}
        if source.startswith("rtsps://"):
            from edge_runtime.camera.trust import Trust

            options |= {"protocol_whitelist": "rtsp,rtsps,tls,tcp"} | _tls_options(settings.trust or Trust())
        return {"file": source, "timeout": allowance.seconds, "options": LIMIT | options}
    if kind is Kind.RTMP:
        options = {"format_whitelist": "flv,live_flv", "protocol_whitelist": "rtmp,tcp"}
        return {"file": source, "timeout": allowance.seconds, "options": LIMIT | options}
    return _input_arguments(stack.enter_context(closing(open_input(source, allowance))))


def _input_arguments(file: Input) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "file": file,
        "io_open": _refuse,
        "buffer_size": BUFFER_BYTES,
        "options": LIMIT | {"format_whitelist": FILE_FORMATS, "protocol_whitelist": "none"},
    }
    if hasattr(file, "seek"):
        return arguments
    peeked = PeekedInput(file)
    if peeked.head.startswith(JPEG_START):
        arguments |= {"format": "mjpeg", "options": arguments["options"] | AT_ONCE}
    return arguments | {"file": peeked}


def device_arguments(source: str, settings: Settings) -> dict[str, Any]:
    """Return the arguments of `av.open` for a camera of this machine.

    Args:
        source: such as `0` or `/dev/video0`.
        settings: what is asked of the camera.
    """
    options = LIMIT | {"video_size": "x".join(map(str, settings.size or DEVICE_SIZE))}
    if settings.rate is not None:
        options["framerate"] = f"{settings.rate:g}"
    if settings.camera_format:
        options["input_format"] = CAMERA_FORMATS[settings.camera_format][0]
    return {"file": device_of(source), "format": "v4l2", "options": options}


def web_arguments(origin: Origin, file: WebFile) -> dict[str, Any]:
    """Return the arguments of `av.open` for a file of a web server.

    Args:
        origin: the server.
        file: its answer.
    """
    return {
        "file": file,
        "format": WEB_FORMAT_OF.get(file.kind),
        "io_open": origin.open,
        "timeout": origin.timeout_s,
        "options": LIMIT
        | {
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


def _refuse(address: str, flags: int, options: dict[str, str]) -> Any:
    raise CameraError("the file names another file or address, and no other is read")
