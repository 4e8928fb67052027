"""Turn, mirror and cut each frame, so that the model sees the part that matters.

A service can use this without the command: `View(...)` is given to a `Camera`, or `View.apply` to any frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from edge_runtime.errors import CameraError
from edge_runtime.picture.source import Pixels

ROTATIONS = (0, 90, 180, 270)
EXPECTED = "Expected X,Y,W,H: four pixels such as 100,50,640,480, or four shares such as 0.25,0.1,0.5,0.5"


class Flip(StrEnum):
    """Which sides of a picture change places."""

    NONE = "none"
    HORIZONTAL = "horizontal"  # left and right, as in a mirror
    VERTICAL = "vertical"  # top and bottom


@dataclass(frozen=True)
class Crop:
    """A part of a picture, in pixels or in shares of the picture.

    Args:
        x: left side: whole pixels from 0, or a share 0-1.
        y: upper side, in the same unit.
        width: 1 pixel or more, or a share above 0.
        height: in the same unit.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        """Refuse a part that lies in no picture.

        Raises:
            CameraError: a number is negative, a side is 0, pixels are not whole, or shares reach beyond 1.
        """
        numbers = (self.x, self.y, self.width, self.height)
        if not all(np.isfinite(numbers)) or min(self.x, self.y) < 0 or min(self.width, self.height) <= 0:
            raise CameraError(f"crop {self}: X and Y must be 0 or more, W and H above 0. {EXPECTED}")
        if self.in_shares and max(self.x + self.width, self.y + self.height) > 1 + 1e-9:
            raise CameraError(f"crop {self} reaches beyond the picture: X+W and Y+H are shares of at most 1")
        if not self.in_shares and any(number != int(number) for number in numbers):
            raise CameraError(f"crop {self}: pixels are whole numbers, and shares are at most 1. {EXPECTED}")

    def __str__(self) -> str:
        """Return the crop as it is typed."""
        return ",".join(f"{number:g}" for number in (self.x, self.y, self.width, self.height))

    @property
    def in_shares(self) -> bool:
        """Whether the numbers are shares. No picture of one pixel is classified, so four numbers up to 1 are."""
        return max(self.x, self.y, self.width, self.height) <= 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a crop as it is typed.

        Args:
            text: `X,Y,W,H`.

        Raises:
            CameraError: there are not four numbers, or they are no part of a picture.
        """
        try:
            x, y, width, height = (float(number) for number in text.split(","))
        except ValueError as error:
            raise CameraError(f"crop {text!r} is not four numbers. {EXPECTED}") from error
        return cls(x, y, width, height)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom in pixels. Shares are rounded to the nearest pixel.

        Args:
            width: of the picture, in pixels.
            height: of the picture, in pixels.

        Raises:
            CameraError: the part is not inside the picture.
        """
        across, down = (width, height) if self.in_shares else (1, 1)
        left, right = int(self.x * across + 0.5), int((self.x + self.width) * across + 0.5)
        top, bottom = int(self.y * down + 0.5), int((self.y + self.height) * down + 0.5)
        left, top = min(left, width - 1), min(top, height - 1)  # a thin share at the edge has one pixel
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        if right > width or bottom > height:
            raise CameraError(
                f"crop {self} is not inside the picture, which has {width} x {height} pixels after rotating. "
                f"Choose X+W up to {width} and Y+H up to {height}, or shares"
            )
        return left, top, right, bottom


@dataclass(frozen=True)
class View:
    """How a frame is turned, mirrored and cut, in this order.

    Args:
        rotate: degrees clockwise: 0, 90, 180 or 270. Default 0.
        flip: which sides change places after that. Default none.
        crop: the part that is taken after that. Default the whole frame.
    """

    rotate: int = 0
    flip: Flip = Flip.NONE
    crop: Crop | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown angle.

        Raises:
            CameraError: it is none of `ROTATIONS`.
        """
        if self.rotate not in ROTATIONS:
            raise CameraError(f"cannot rotate by {self.rotate}. Expected one of {', '.join(map(str, ROTATIONS))}")

    @property
    def changes(self) -> bool:
        """Whether a frame is changed at all."""
        return self != View()

    def apply(self, pixels: Pixels) -> Pixels:
        """Return a frame turned, mirrored and cut. No pixel gets another value.

        Args:
            pixels: `uint8 (height, width, 3) RGB 0-255`.

        Returns:
            `uint8 (height, width, 3) RGB 0-255`, in one piece of memory; the same array if nothing changes.

        Raises:
            CameraError: the crop is not inside the frame.
        """
        if not self.changes:
            return pixels
        seen = np.rot90(pixels, -self.rotate // 90)  # a view; only what is taken is copied
        if self.flip is not Flip.NONE:
            seen = seen[:, ::-1] if self.flip is Flip.HORIZONTAL else seen[::-1]
        if self.crop is not None:
            left, top, right, bottom = self.crop.box(seen.shape[1], seen.shape[0])
            seen = seen[top:bottom, left:right]
        return np.ascontiguousarray(seen)

    def check_size(self, width: int, height: int) -> None:
        """Refuse a crop that is not inside frames of a size.

        Args:
            width: of a frame before rotating, in pixels.
            height: of a frame before rotating, in pixels.

        Raises:
            CameraError: the crop is not inside.
        """
        if self.crop is not None:
            self.crop.box(*((height, width) if self.rotate in (90, 270) else (width, height)))
