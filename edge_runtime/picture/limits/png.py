"""Limits of PNG files: chunks, metadata, text and what is packed in it.

Source: W3C Portable Network Graphics (PNG) Specification, third edition, 5.3 (chunk layout) and 11.3 (ancillary).
"""

from __future__ import annotations

from typing import IO

from edge_runtime.picture.limits.exif import refuse_exif_in
from edge_runtime.picture.limits.limit import MAX_METADATA_BYTES, at_most

MAX_CHUNKS = 65_536  # libpng writes 8 KiB of pixels in each
MAX_OTHER_CHUNKS = 8192  # than those of pixels
MAX_TEXT_BYTES = 8 * 2**20
MAX_PACKED_CHUNKS = 256  # each unpacks to at most a megabyte

_PIXELS = (b"IDAT", b"fdAT")
_PACKED = (b"iCCP", b"zTXt", b"iTXt")
_TEXT = (b"tEXt", b"zTXt", b"iTXt")


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs Pillow's reader of chunks too much; see `refuse_harmful`."""
    place = 8
    chunks = others = packed = text_bytes = metadata_bytes = 0
    while place < size_bytes:
        file.seek(place)
        head = file.read(8)
        kind, length = head[4:], int.from_bytes(head[:4])
        if len(head) < 8 or kind == b"IEND":
            return
        place += 12 + length
        if place > size_bytes + 4:  # cut off: the decoder says so
            return
        chunks += 1
        at_most(MAX_CHUNKS, chunks, "chunks")
        if kind in _PIXELS:
            continue
        others += 1
        at_most(MAX_OTHER_CHUNKS, others, "chunks without pixels")
        packed += kind in _PACKED
        at_most(MAX_PACKED_CHUNKS, packed, "compressed chunks of metadata")
        _refuse_exif_chunk(kind, length, file)
        text_bytes += length if kind in _TEXT else 0
        at_most(MAX_TEXT_BYTES, text_bytes, "bytes of text")
        metadata_bytes += length
        at_most(MAX_METADATA_BYTES, metadata_bytes, "bytes of metadata")


def _refuse_exif_chunk(kind: bytes, length: int, file: IO[bytes]) -> None:
    if kind == b"eXIf":
        refuse_exif_in(file, length)
    elif kind == b"tEXt" and file.read(5) == b"exif\0":  # Pillow takes it for the same
        refuse_exif_in(file, max(0, length - 5))
