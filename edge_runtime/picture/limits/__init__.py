"""What a picture's container may hold, read before a decoder sees it: one small scanner a format.

A scanner reads markers, chunks, blocks or directories only, and stops without a word where a file is damaged: its
decoder says what is wrong with it. It refuses what costs a decoder minutes or gigabytes, and sizes that are not
those of the header. Every limit is far above what cameras and programs write.
"""

from __future__ import annotations

from importlib import import_module
from typing import IO

SCANNERS = {
    "JPEG": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "DIB": "bmp",
    "TIFF": "tiff",
    "AVIF": "avif",
    "HEIC": "heic",
    "JPEG2000": "jpeg2000",
    "PPM": "netpbm",
}  # TGA has nothing that could come too often


def refuse_harmful(file: IO[bytes], kind: str, size_bytes: int, allowed: int) -> None:
    """Refuse a picture that would cost its decoder far more than its size.

    Args:
        file: the picture; left at its start.
        kind: its format, as `format_of` tells it.
        size_bytes: of the file.
        allowed: pixels that its decoder may be asked for.

    Raises:
        LimitError: something in it passes a limit; its text says what and which.
    """
    if kind in SCANNERS:
        import_module(f"edge_runtime.picture.limits.{SCANNERS[kind]}").scan(file, size_bytes, allowed)
        file.seek(0)
