"""Hand pictures to ONNX Runtime's own tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edge_runtime.picture.preprocessing import Pixels
from exporter.network.model import INPUT_NAME


class PictureFeed:
    """Hands pictures to ONNX Runtime's tools one by one.

    Args:
        pixels: `uint8 (N, H, W, 3) RGB 0-255`.
        dtype: what the file takes.
    """

    def __init__(self, pixels: Pixels, dtype: Any = np.float32) -> None:
        """Begin with the first picture."""
        self._pictures: Iterator[Any] = iter(pixels)
        self._dtype = dtype

    def get_next(self) -> dict[str, Any] | None:
        """Return the next input, or None after the last."""
        picture = next(self._pictures, None)
        return None if picture is None else {INPUT_NAME: picture[None].astype(self._dtype)}

    def __iter__(self) -> PictureFeed:
        """Return itself."""
        return self

    def __next__(self) -> dict[str, Any]:
        """Return the next input."""
        fed = self.get_next()
        if fed is None:
            raise StopIteration
        return fed
