"""Find the video devices of this machine that are cameras.

Source: V4L2's VIDIOC_QUERYCAP and struct v4l2_capability, linux/videodev2.h.
"""

from __future__ import annotations

import struct
from glob import glob

# Drivers of the Pi's image processor and of its raw camera. Their devices give no pictures.
NO_CAMERAS = ("bcm2835-isp", "pispbe", "rp1-cfe", "unicam")


def video_devices() -> list[str]:
    """Return the path of every video device, sorted."""
    return sorted(glob("/dev/video*"))


def may_be_camera(device: str) -> bool:
    """Say whether a video device gives pictures. A Pi has many codecs and image processors that give none.

    A device that this user may not open counts as a camera, because nothing is known about it.

    Args:
        device: path of the device, such as `/dev/video0`.
    """
    import fcntl

    answer = bytearray(104)
    try:
        with open(device, "rb", buffering=0) as file:
            fcntl.ioctl(file, 0x80685600, answer)
    except OSError:
        return True
    return is_camera(bytes(answer))


def is_camera(answer: bytes) -> bool:
    """Say whether a video device is a camera.

    The Pi's own camera does not count. It gives raw sensor values, and picamera2 makes pictures from them.

    Args:
        answer: the 104 bytes that the driver answers to VIDIOC_QUERYCAP.
    """
    driver = answer[:16].partition(b"\0")[0].decode(errors="replace")
    capabilities, of_device = struct.unpack_from("<II", answer, 84)
    if capabilities & 0x8000_0000:  # V4L2_CAP_DEVICE_CAPS
        capabilities = of_device
    captures, streams = capabilities & 0x1001, capabilities & 0x0400_0000  # V4L2_CAP_VIDEO_CAPTURE or _MPLANE
    return bool(captures and streams) and not driver.startswith(NO_CAMERAS)
