"""Say what kind of source a name means, print it without its secrets, and read an address from a file."""

from __future__ import annotations

import re
from pathlib import Path

from edge_runtime.errors import CameraError

PICAMERA = "picamera2"
WEB = ("http://", "https://")
STREAMS = ("rtsp://", "rtsps://", *WEB)
LONGEST_ADDRESS = 4096  # bytes


def is_file(source: str) -> bool:
    """Say whether a source is a video file, and not a camera or a stream."""
    return source != PICAMERA and not source.startswith(STREAMS) and not device_of(source)


def device_of(source: str) -> str:
    """Return the device that a source means, such as `/dev/video0`, or nothing if it means none."""
    if re.fullmatch(r"\d{1,3}", source):
        return f"/dev/video{source}"
    return source if source.startswith("/dev/") else ""


def has_secrets(source: str) -> bool:
    """Say whether an address names a user, a password, or values after a question mark."""
    return shown_source(source) != source


def shown_source(source: str) -> str:
    """Return a source as it may be printed and logged, with `***` for its secrets.

    User and password are masked. What follows a question mark is masked too, because many cameras take their
    password there.

    Args:
        source: any source.
    """
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    # The last @ counts, because a password may have one in it.
    rest = re.sub(r"^.*@", "***@", rest, flags=re.DOTALL)
    return scheme + separator + re.sub(r"\?.+$", "?***", rest, flags=re.DOTALL)


def reason_of(error: BaseException, source: str) -> str:
    """Return what an error says, without the address that FFmpeg adds to it.

    Args:
        error: an error of FFmpeg or of the system.
        source: the source, the secrets of which are masked.
    """
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return text.replace(source, shown_source(source))


def address_in(path: Path) -> str:
    """Return the source that a file has in its first line. The file may have secrets, so no error repeats them.

    Args:
        path: a text file.

    Raises:
        CameraError: the file cannot be read, is empty or is too long.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_ADDRESS + 1)
        lines = content.decode().strip().splitlines()
    except OSError as error:
        raise CameraError(f"{path}: cannot be read ({error.strerror}). Name a file that has the source") from error
    except UnicodeDecodeError as error:
        raise CameraError(f"{path}: is not text. Write the source into its first line") from error
    if not lines or len(content) > LONGEST_ADDRESS:
        raise CameraError(f"{path}: expected the source in the first line, and at most {LONGEST_ADDRESS} bytes")
    return lines[0].strip()
