"""What is asked of a source when it is opened: picture size, rate and format, and whom to trust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.camera.address import Kind, kind_of, shown_source
from edge_runtime.errors import CameraError
from edge_runtime.picture.contract import MAX_PIXELS

if TYPE_CHECKING:
    from edge_runtime.camera.trust import Trust

LONGEST_SIDE = 16_384  # pixels
FASTEST = 1000.0  # frames a second
# Each format under its name on the command line, with FFmpeg's name, and picamera2's where a Pi camera gives it.
# picamera2 names the channels from last to first: BGR888 lies in memory as R, G, B.
CAMERA_FORMATS = {
    "mjpeg": ("mjpeg", ""),
    "yuyv": ("yuyv422", ""),
    "uyvy": ("uyvy422", ""),
    "h264": ("h264", ""),
    "hevc": ("hevc", ""),
    "nv12": ("nv12", ""),
    "yuv420": ("yuv420p", ""),
    "rgb": ("rgb24", "BGR888"),
    "rgbx": ("rgb0", "XBGR8888"),
    "grey": ("gray", ""),
}


@dataclass(frozen=True)
class Settings:
    """What is asked of a source.

    Args:
        trust: which certificates of `https://` and `rtsps://` are accepted. Default: the ones of the system's
            authorities.
        size: width and height that a camera of this machine is asked for, pixels. Default None: 640 x 480.
        rate: frames a second that a camera is asked for, or pictures a second of a snapshot address. Default None:
            the camera's own, and one picture a second.
        camera_format: a key of `CAMERA_FORMATS` that a camera of this machine is asked for. Default: the camera's
            own.
    """

    trust: Trust | None = None
    size: tuple[int, int] | None = None
    rate: float | None = None
    camera_format: str = ""

    def __post_init__(self) -> None:
        """Refuse values that no camera has.

        Raises:
            CameraError: a value is out of range.
        """
        if self.size is not None and not (
            all(1 <= side <= LONGEST_SIDE for side in self.size) and self.size[0] * self.size[1] <= MAX_PIXELS
        ):
            raise CameraError(
                f"size {self.size[0]}x{self.size[1]} is out of range. Expected sides of 1 to {LONGEST_SIDE:,} "
                f"pixels, and at most {MAX_PIXELS:,} pixels in all"
            )
        if self.rate is not None and not 0 < self.rate <= FASTEST:
            raise CameraError(
                f"rate {self.rate:g} is out of range. Expected above 0 and up to {FASTEST:g} a second"
            )
        if self.camera_format and self.camera_format not in CAMERA_FORMATS:
            raise CameraError(
                f"camera format {self.camera_format!r} is unknown. Expected one of {', '.join(CAMERA_FORMATS)}"
            )

    def check(self, source: str) -> None:
        """Refuse what a kind of source cannot be asked for.

        Args:
            source: any source.

        Raises:
            CameraError: an option is not for this kind of source.
        """
        kind = kind_of(source)
        local = kind in (Kind.DEVICE, Kind.PI_CAMERA)
        asked = {
            "--size": self.size is not None and not local,
            "--camera-format": bool(self.camera_format) and not local,
            "--rate": self.rate is not None and not (local or kind is Kind.WEB),
        }
        for option, refused in asked.items():
            if refused:
                raise CameraError(f"{shown_source(source)}: is {kind}. {_meant_for(option)}")
        if kind is Kind.PI_CAMERA and self.camera_format and not CAMERA_FORMATS[self.camera_format][1]:
            known = ", ".join(name for name, (_, pi_name) in CAMERA_FORMATS.items() if pi_name)
            raise CameraError(
                f"{source}: a Pi camera gives no {self.camera_format}. Expected one of {known}. Name a USB camera "
                "by its number or device instead, such as 0"
            )


def _meant_for(option: str) -> str:
    if option == "--rate":
        return "--rate is for cameras of this machine and for snapshot addresses. For fewer frames take --max-fps"
    return f"{option} is for cameras of this machine, such as 0 or picamera2. Set it where the source is made"


def parse_size(text: str) -> tuple[int, int]:
    """Read a size such as `1280x720`.

    Args:
        text: width, `x` and height, in pixels.

    Raises:
        CameraError: it is none.
    """
    found = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
    if found is None:
        raise CameraError(f"size {text!r} is unknown. Expected width x height in pixels, such as 1280x720")
    return int(found[1]), int(found[2])
