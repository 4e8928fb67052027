"""Walk the boxes of ISO base media files, as AVIF and JP2 files are.

Source: ISO/IEC 14496-12, 4.2 (object structure); ISO/IEC 15444-1, I.4 (box definition).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

from edge_runtime.picture.limits.limit import at_most

MAX_BOXES = 4096  # in one box, or in the file


class Box(NamedTuple):
    """A box.

    Attributes:
        kind: its four letters.
        start: where its content starts, in bytes from the start of the file.
        end: where it ends.
    """

    kind: bytes
    start: int
    end: int


def boxes(file: IO[bytes], start: int, end: int) -> Iterator[Box]:
    """Yield the boxes that follow each other.

    Args:
        file: the picture.
        start: where the first begins, in bytes.
        end: where the last ends; a box that says it goes further ends there.

    Raises:
        LimitError: there are more than `MAX_BOXES`.
    """
    count = 0
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, header = int.from_bytes(head[:4]), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16]), 16
        if len(head) < header or 0 < size < header:
            return
        stop = min(end, start + size) if size else end
        count += 1
        at_most(MAX_BOXES, count, "boxes")
        yield Box(head[4:8], start + header, stop)
        start = stop


def content_of(file: IO[bytes], box: Box) -> bytes:
    """Return what is in a box."""
    file.seek(box.start)
    return file.read(box.end - box.start)
