"""Limits of WebP files: chunks, metadata and the canvas, for which memory is taken when the file is opened.

Source: RFC 9649, WebP Image Format, 2.3 (RIFF), 2.5 to 2.7 (VP8, VP8L, VP8X).
"""

from __future__ import annotations

from typing import IO

from edge_runtime.picture.limits.exif import refuse_exif_in
from edge_runtime.picture.limits.limit import MAX_METADATA_BYTES, at_most, pixels_at_most

MAX_CHUNKS = 16_384  # an animation has one for each frame

_METADATA = (b"ICCP", b"EXIF", b"XMP ")


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs libwebp or Pillow's reader of metadata too much; see `refuse_harmful`."""
    head = file.read(30)
    pixels_at_most(allowed, *_canvas(head))
    place, chunks, metadata_bytes = 12, 0, 0
    while place < size_bytes:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        place += 8 + length + (length & 1)
        chunks += 1
        at_most(MAX_CHUNKS, chunks, "chunks")
        if kind in _METADATA:
            if kind == b"EXIF":
                refuse_exif_in(file, length)
            metadata_bytes += length
            at_most(MAX_METADATA_BYTES, metadata_bytes, "bytes of metadata")


def _canvas(head: bytes) -> tuple[int, int]:
    """Return the size that the first chunk gives, or 0 x 0."""
    kind = head[12:16]
    if len(head) < 30:
        return 0, 0
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
