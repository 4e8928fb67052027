"""Read the cameras of a Raspberry Pi. Only this module imports picamera2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np

from edge_runtime.camera.address import PICAMERA, pi_camera_of
from edge_runtime.camera.frame import Frame
from edge_runtime.camera.settings import CAMERA_FORMATS, Settings
from edge_runtime.errors import CameraError
from edge_runtime.picture.source import Pixels

INSTALL = (
    "sudo apt install python3-picamera2, in a virtual environment made with --system-site-packages, "
    "on Debian 12 with pip install 'numpy<2'"
)
DEFAULT_SIZE = (640, 480)  # models take much smaller pictures


def picamera_class() -> Any:
    """Return picamera2's class of a camera.

    Raises:
        CameraError: picamera2 is not installed or does not load.
    """
    try:
        from picamera2 import Picamera2
    # It raises ValueError with another NumPy, AttributeError with another libcamera, and other errors too.
    except Exception as error:
        raise CameraError(f"{PICAMERA} cannot be loaded ({error}): {INSTALL}") from error
    return Picamera2


@contextmanager
def opened_picamera(source: str, settings: Settings, timeout_s: float) -> Iterator[Iterator[Frame]]:
    """Open a Pi camera and give its frames.

    Args:
        source: such as `picamera2`, or `picamera:1` for the second camera.
        settings: size, rate and format.
        timeout_s: longest wait for a frame, seconds.

    Yields:
        The frames, one after the other.

    Raises:
        CameraError: the camera cannot be opened, or reading it fails.
    """
    make = picamera_class()
    with ExitStack() as stack:
        try:
            camera = make(pi_camera_of(source) or 0)
            stack.callback(_close, camera)
            controls = {} if settings.rate is None else {"FrameRate": settings.rate}
            camera.configure(camera.create_video_configuration(_main_stream(settings), controls=controls))
            camera.start()
        # libcamera raises RuntimeError, IndexError and others.
        except Exception as error:
            raise CameraError(f"{source}: cannot be opened ({error}){_known_cameras(make, source)}") from error
        yield _frames(camera, source, timeout_s)


def _main_stream(settings: Settings) -> dict[str, Any]:
    _, name = CAMERA_FORMATS[settings.camera_format or "rgb"]
    return {"size": settings.size or DEFAULT_SIZE, "format": name}


def _known_cameras(make: Any, source: str) -> str:
    """Return how many cameras there are, if the one that was named is not among them."""
    with suppress(Exception):  # older releases have no list
        count = len(make.global_camera_info())
        if (pi_camera_of(source) or 0) >= count:
            last = f", from picamera:0 to picamera:{count - 1}" if count > 1 else ""
            cameras = f"{count or 'no'} camera{'s' * (count != 1)}"
            return f". This Pi has {cameras}{last}: list them with rpicam-hello --list-cameras"
    return ""


def _close(camera: Any) -> None:
    """Stop and close a camera. After a capture that timed out, its stop() alone would wait for ever."""
    with suppress(Exception):  # another error here would hide the reason for closing
        camera.close()


def _frames(camera: Any, source: str, timeout_s: float) -> Iterator[Frame]:
    while True:
        try:
            # Releases before July 2024 (picamera2's pull request 1069) take a number for True and never give up.
            pixels = camera.capture_array("main", wait=timeout_s)
        except TimeoutError as error:
            raise CameraError(f"{source}: no frame in {timeout_s:g} s") from error
        except Exception as error:
            raise CameraError(f"{source}: reading failed ({error})") from error
        yield Frame(None, partial(_three_channels, pixels))


def _three_channels(pixels: Pixels) -> Pixels:
    """Leave out the fourth channel of the format `rgbx`, which has nothing in it."""
    return np.ascontiguousarray(pixels[..., :3])
