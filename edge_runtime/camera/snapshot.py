"""Ask a web address that gives one picture for each request again and again, as for a camera's snapshot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge_runtime.camera.frame import Frame
from edge_runtime.errors import CameraError, PictureError
from edge_runtime.picture.decoding import decode_whole
from edge_runtime.picture.listing import SUFFIXES
from edge_runtime.picture.source import Pixels

if TYPE_CHECKING:
    from edge_runtime.camera.web import Origin, WebFile

RATE = 1.0  # pictures a second, if nothing else is asked for
# What servers say of a file of which they know nothing. Then the end of its name decides.
UNKNOWN_KINDS = ("application/octet-stream", "binary/octet-stream", "text/plain")
SLICE_S = 0.5  # the longest time without a sign of life between two requests
READ_BYTES = 2**16


def is_snapshot(file: WebFile) -> bool:
    """Say whether a file of a web server is one picture, and not a video or an endless stream.

    Args:
        file: the server's answer.
    """
    if file.kind in UNKNOWN_KINDS:
        return urlsplit(file.name).path.lower().endswith(SUFFIXES)
    return file.kind.startswith("image/")


def snapshots(origin: Origin, file: WebFile, name: str, interval_s: float) -> Iterator[Frame | None]:
    """Give the picture of an address again and again.

    The server is asked only for a picture that is newer than the last one, if it tells which one that was.

    Args:
        origin: the server.
        file: its first answer.
        name: what to call the address in a message.
        interval_s: time from one request to the next, seconds.

    Yields:
        Each new picture. None, at least twice a second, while there is no new one.

    Raises:
        OSError: the server cannot be reached, refuses, or is too slow.
        ValueError: the picture has too many bytes.
    """
    newer: WebFile | None = file
    while True:
        next_s = time.monotonic() + interval_s
        if newer is not None:
            file = newer
            yield Frame(None, partial(_decoded, _content(file), name))
        while (left_s := next_s - time.monotonic()) > 0:
            time.sleep(min(left_s, SLICE_S))
            yield None
        origin.allowance.renew()
        newer = origin.newer(file)


def _content(file: WebFile) -> bytes:
    content = bytearray()
    try:
        while more := file.read(READ_BYTES):
            content += more
    finally:
        file.close()
    return bytes(content)


def _decoded(content: bytes, name: str) -> Pixels:
    try:
        return decode_whole(content)
    except PictureError as error:
        raise CameraError(f"{name}: a picture cannot be used: {error.reason}") from error
