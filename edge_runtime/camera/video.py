"""Open a camera, a video file or a stream, and read its frames.

`opening` says what FFmpeg may do with each kind of source. docs/decisions/0010-video-library.md says why it is read
through PyAV.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.camera.address import Kind, is_file, kind_of, reason_of, shown_source
from edge_runtime.camera.address import with_known_scheme as spelled
from edge_runtime.camera.allowance import Allowance
from edge_runtime.camera.frame import Frame
from edge_runtime.camera.opening import arguments, hint, web_arguments
from edge_runtime.camera.settings import Settings
from edge_runtime.errors import CameraError
from edge_runtime.picture.contract import MAX_PIXELS
from edge_runtime.picture.source import Pixels

if TYPE_CHECKING:
    from edge_runtime.camera.web import Origin, WebFile

TIMEOUT_S = 10.0  # for opening a stream, and for each frame of a stream or of the Pi's camera
MOST_DAMAGED = 100  # packets in a row; they make some seconds of video
UNKNOWN_RATE = 25  # frames a second, for a file that does not give its rate


@contextmanager
def opened_video(
    source: str,
    settings: Settings | None = None,
    *,
    once: bool = False,
    note: Callable[[str], None] = lambda line: None,
) -> Iterator[Iterator[Frame | None]]:
    """Open a source and give its frames.

    Args:
        source: a camera such as `0` or `/dev/video0`, a Pi camera such as `picamera2`, a video file, a pipe, `-`
            for standard input, or an address that begins with one of `STREAMS`.
        settings: what is asked of it. Default: nothing.
        once: whether a snapshot address is asked for one picture only. Default no.
        note: called with one line about what kind of source was found. Default: nothing is called.

    Yields:
        The frames, one after the other. Taking a frame waits for it. None is a sign of life of a source that has no
        new frame yet.

    Raises:
        CameraError: the source cannot be opened, or reading it fails.
    """
    settings, source = settings or Settings(), spelled(source)
    kind = kind_of(source)
    if kind is Kind.PI_CAMERA:
        from edge_runtime.camera.picamera import opened_picamera

        with opened_picamera(source, settings, TIMEOUT_S) as frames:
            yield frames
        return
    allowance = Allowance(float("inf") if kind in (Kind.FILE, Kind.INPUT) else TIMEOUT_S)
    with ExitStack() as stack:
        page = _web_page(source, settings, allowance, stack) if kind is Kind.WEB else None
        snapshots = _snapshots(page, source, settings, note) if page is not None else None
        if snapshots is not None:
            yield islice(snapshots, 1) if once else snapshots
            return
        yield _video_frames(source, settings, allowance, page, stack)


def _web_page(source: str, settings: Settings, allowance: Allowance, stack: ExitStack) -> tuple[Origin, WebFile]:
    """Ask a web server for the address."""
    from edge_runtime.camera.trust import Trust
    from edge_runtime.camera.web import Origin

    with _clear_errors(source, "cannot be opened", (OSError, ValueError), hint(source, settings)):
        origin = Origin(source, settings.trust or Trust(), allowance, TIMEOUT_S)
        return origin, stack.enter_context(closing(origin.open(origin.address)))


def _snapshots(
    page: tuple[Origin, WebFile], source: str, settings: Settings, note: Callable[[str], None]
) -> Iterator[Frame | None] | None:
    """Return the pictures of an address that gives one for each request, or None if it gives a video."""
    from edge_runtime.camera.snapshot import RATE, is_snapshot, snapshots

    name, rate = shown_source(source), settings.rate or RATE
    if not is_snapshot(page[1]):
        if settings.rate is not None:
            note(f"{name}: is a stream. --rate is for snapshot addresses and changes nothing here")
        return None
    note(f"{name}: gives one picture a request. It is asked every {1 / rate:g} s; --rate sets this")

    def frames() -> Iterator[Frame | None]:
        with _clear_errors(source, "reading failed", (OSError, ValueError)):
            yield from snapshots(*page, name, 1 / rate)

    return frames()


def _video_frames(
    source: str, settings: Settings, allowance: Allowance, page: tuple[Origin, WebFile] | None, stack: ExitStack
) -> Iterator[Frame]:
    import av

    failures = (av.FFmpegError, OSError, ValueError)
    with _clear_errors(source, "cannot be opened", failures, hint(source, settings)):
        chosen = web_arguments(*page) if page else arguments(source, settings, allowance, stack)
        container = stack.enter_context(av.open(**chosen))
    return _frames(container, source, allowance)


@contextmanager
def _clear_errors(
    source: str, what: str, failures: tuple[type[BaseException], ...], hint: str = ""
) -> Iterator[None]:
    """Make every failure of a source one line that has its name and none of its secrets."""
    name = shown_source(source)
    try:
        yield
    except failures as error:
        advice = f". {hint}" if hint else ""
        raise CameraError(f"{name}: {what} ({reason_of(error, source)}){advice}") from error
    except CameraError as error:  # another server, or a playlist that leads to one
        known = str(error).startswith(name)
        raise error if known else CameraError(f"{name}: {error}") from error


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
    with _clear_errors(source, "reading failed", (av.FFmpegError, OSError, ValueError)):
        for frame in _decodable(_packets(container, stream, allowance)):
            known_s = None if frame is None else frame.time
            time_s = time_s + 1 / rate if known_s is None else known_s  # None: raw H.264 has no times
            yield Frame(time_s if recorded else None, partial(_pixels, frame, name))


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
