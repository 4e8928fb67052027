"""Limits of Exif metadata: a TIFF directory inside another format.

Source: Exif 2.32, 4.6.2 (structure of an image file directory).
"""

from __future__ import annotations

import struct
from typing import IO

from edge_runtime.picture.limits.limit import LimitError, at_most

MAX_EXIF_BYTES = 2**20  # a JPEG's segment holds 64 KiB, and the maker's notes and thumbnail fit into it
_MAX_VALUE_BYTES = 16 * 2**20  # of all entries: they may point at the same bytes
UNIT_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)  # by the type's number


def refuse_exif_in(file: IO[bytes], size_bytes: int) -> None:
    """Refuse the Exif metadata that begins where a file is read next; see `refuse_exif`."""
    refuse_exif(file.read(min(size_bytes, MAX_EXIF_BYTES + 1)))


def refuse_exif(content: bytes) -> None:
    """Refuse Exif metadata whose entries are larger together than the metadata could be.

    Args:
        content: from the byte order mark on, or from `Exif`.

    Raises:
        LimitError: it is too long, or its entries overlap.
    """
    at_most(MAX_EXIF_BYTES, len(content), "bytes of Exif metadata")
    while content.startswith(b"Exif\0\0"):
        content = content[6:]
    order = "<" if content.startswith(b"II") else ">"
    try:
        (start,) = struct.unpack_from(order + "I", content, 4)
        (entries,) = struct.unpack_from(order + "H", content, start)
    except struct.error:
        return
    if entries * len(content) > _MAX_VALUE_BYTES:  # else they cannot be too large
        _refuse_entries(content[start + 2 : start + 2 + 12 * entries], order)


def _refuse_entries(content: bytes, order: str) -> None:
    entries = struct.iter_unpack(order + "HHII", content[: len(content) // 12 * 12])
    total = sum(count * UNIT_BYTES[kind] for _, kind, count, _ in entries if kind < len(UNIT_BYTES))
    if total > _MAX_VALUE_BYTES:
        raise LimitError("not safe to decode: the entries of its Exif metadata overlap")
