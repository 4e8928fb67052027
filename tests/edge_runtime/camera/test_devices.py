"""Of the video devices of a machine, those that are cameras are found."""

import struct
from pathlib import Path

import pytest

from edge_runtime.camera.devices import is_camera, may_be_camera


@pytest.mark.parametrize(
    ("driver", "of_driver", "of_device", "expected"),
    [
        ("uvcvideo", 0x84A00001, 0x04200001, True),
        ("uvcvideo", 0x84A00001, 0x04A00000, False),  # the same camera's metadata
        ("vivid", 0x04000001, 0, True),  # a driver from before each device could answer for itself
        ("bcm2835-codec", 0x84204000, 0x04204000, False),
        ("bcm2835-isp", 0x85200001, 0x05200001, False),
        ("rp1-cfe", 0x85A00001, 0x05200001, False),
        ("unicam", 0x85A00001, 0x05200001, False),
    ],
)
def test_codecs_and_processors_are_no_cameras(driver: str, of_driver: int, of_device: int, expected: bool) -> None:
    """Proves that of the many video devices of a Pi only those that give pictures count as cameras."""
    names = b"".join(text.encode().ljust(size, b"\0") for text, size in ((driver, 16), ("card", 32), ("bus", 32)))
    answer = names + struct.pack("<III", 0x60100, of_driver, of_device) + bytes(12)
    assert len(answer) == 104
    assert is_camera(answer) is expected


def test_device_that_cannot_be_asked_may_be_a_camera(tmp_path: Path) -> None:
    """Proves that a device counts as a camera if it cannot be opened or answers no query."""
    assert may_be_camera(str(tmp_path / "video0"))
    (tmp_path / "video1").write_bytes(b"")
    assert may_be_camera(str(tmp_path / "video1"))
