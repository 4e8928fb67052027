"""A frame of a source, before it is converted to pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edge_runtime.picture.source import Pixels


class Frame(NamedTuple):
    """A frame that is converted to pixels only when they are needed.

    Attributes:
        time_s: its time in a recording, seconds; None for a live source.
        convert: returns its pixels, `uint8 (height, width, 3) RGB 0-255`.
    """

    time_s: float | None
    convert: Callable[[], Pixels]
