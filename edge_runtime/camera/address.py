"""Say what kind of source a name means, print it without its secrets, and read an address from a file."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from edge_runtime.errors import CameraError

PICAMERA = "picamera2"
STANDARD_INPUT = "-"
LONGEST_ADDRESS = 4096  # bytes


class Kind(StrEnum):
    """What a source is."""

    FILE = "a video file"
    INPUT = "standard input"
    PIPE = "a named pipe"
    DEVICE = "a camera of this machine"
    PI_CAMERA = "a Pi camera"
    WEB = "a web address"
    RTSP = "an RTSP stream"
    RTMP = "an RTMP stream"
    TCP = "a TCP stream"
    UDP = "a UDP stream"


# What is before the `://` of an address. Everything else without a `://` is a file or a camera.
SCHEMES = {
    "rtsp": Kind.RTSP,
    "rtsps": Kind.RTSP,
    "http": Kind.WEB,
    "https": Kind.WEB,
    "rtmp": Kind.RTMP,
    "tcp": Kind.TCP,
    "udp": Kind.UDP,
}
STREAMS = tuple(f"{scheme}://" for scheme in SCHEMES)
# Of a path or a question: words of cameras for the user, the password and the like.
_PRIVATE_WORDS = r"(?:user(?:name)?|usr|login|pass(?:word|wd)?|pwd|token|key|auth|secret|session)="


def kind_of(source: str) -> Kind:
    """Return what kind of source a name means. A name of any kind that is not known is a file.

    Args:
        source: any source.
    """
    scheme, separator, _ = source.partition("://")
    if separator:
        return SCHEMES.get(scheme.lower(), Kind.FILE)
    if source == STANDARD_INPUT:
        return Kind.INPUT
    if pi_camera_of(source) is not None:
        return Kind.PI_CAMERA
    if re.fullmatch(r"\d{1,3}", source):
        return Kind.DEVICE
    with suppress(OSError, ValueError):
        mode = os.stat(source).st_mode
        if stat.S_ISFIFO(mode):
            return Kind.PIPE
        if stat.S_ISREG(mode):  # /dev/stdin may be one
            return Kind.FILE
    return Kind.DEVICE if source.startswith("/dev/") else Kind.FILE


def is_file(source: str) -> bool:
    """Say whether a source is a video file, and not a camera or a stream."""
    return kind_of(source) is Kind.FILE


def is_read_once(source: str) -> bool:
    """Say whether a source cannot be opened again after its end: a file, or what a shell has opened for us."""
    opened_before = source.startswith(("/dev/stdin", "/dev/fd/", "/proc/self/fd/"))
    return opened_before or kind_of(source) in (Kind.FILE, Kind.INPUT)


def device_of(source: str) -> str:
    """Return the device that a source means, such as `/dev/video0`, or nothing if it means none."""
    if kind_of(source) is not Kind.DEVICE:
        return ""
    return source if source.startswith("/dev/") else f"/dev/video{int(source)}"


def pi_camera_of(source: str) -> int | None:
    """Return the number of the Pi camera that a source means, from 0, or None if it means none.

    Args:
        source: any source. `picamera2` and `picamera` are the first camera, `picamera:1` is the second.
    """
    found = re.fullmatch(r"picamera2?(?::(\d{1,2}))?", source)
    return int(found[1] or 0) if found else None


def with_known_scheme(source: str) -> str:
    """Return an address with its scheme in small letters, as FFmpeg needs it; any other source as it is."""
    scheme, separator, rest = source.partition("://")
    return scheme.lower() + separator + rest if separator and scheme.lower() in SCHEMES else source


def has_secrets(source: str) -> bool:
    """Say whether an address names a user, a password, a key, or values after a question mark."""
    return shown_source(source) != source


def shown_source(source: str) -> str:
    """Return a source as it may be printed and logged, with `***` for its secrets.

    These are masked: user and password; what follows a question mark or `#`; a part of the path that names a
    password, as many cameras want it there; the key of an RTMP stream. A name without `://` may be an address that
    was not typed well, so that its user and password are masked too.

    Args:
        source: any source.
    """
    scheme, separator, rest = source.partition("://")
    if not separator:
        shown = re.sub(r"^((?:[a-z]{3,5}:?/+|/+)?)[^/@]*:.*@", r"\1***@", source, flags=re.DOTALL | re.IGNORECASE)
        return re.sub(r"\?[^?]*=.*$", "?***", shown, flags=re.DOTALL)
    # The last @ counts, because a password may have one in it.
    rest = re.sub(r"^.*@", "***@", rest, flags=re.DOTALL)
    rest = re.sub(r"([?#]).+$", r"\1***", rest, flags=re.DOTALL)
    rest = re.sub(rf"(?<=[/;&_,]){_PRIVATE_WORDS}[^?#]*", "***", rest, flags=re.IGNORECASE)
    if scheme.lower() == "rtmp":
        rest = re.sub(r"(?<=.)/(?!\*\*\*)[^/?#]+(?=$|[?#])", "/***", rest)
    return scheme + separator + rest


def reason_of(error: BaseException, source: str) -> str:
    """Return what an error says, without the address that FFmpeg adds to it and without any part of its secrets.

    Args:
        error: an error of FFmpeg or of the system.
        source: the source, the secrets of which are masked.
    """
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    text = text.replace(source, shown_source(source))
    for secret in sorted(_secrets(source), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets(source: str) -> set[str]:
    """Return the secrets of an address that are long enough to be recognised, as they are and decoded."""
    from urllib.parse import unquote, urlsplit

    found: list[str] = []
    with suppress(ValueError):
        parts = urlsplit(source)
        login = parts.netloc.rpartition("@")[0]
        found += [login, login.partition(":")[2], parts.query, parts.fragment]
        found += [value.partition("=")[2] for value in parts.query.split("&")]
        if has_secrets(source) and parts.scheme.lower() == "rtmp":
            found.append(parts.path.rpartition("/")[2])
    return {text for value in found for text in (value, unquote(value)) if len(text) >= 3}


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
