"""Read what the `meta` box of a picture lists: items, where they lie, their properties and what they are made of.

Source: ISO/IEC 14496-12, 8.11 (boxes iinf, iloc, iref, iprp, pitm); ISO/IEC 23008-12, 9.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

from edge_runtime.picture.limits.boxes import Box, boxes, content_of
from edge_runtime.picture.limits.limit import at_most

MAX_ITEMS = 1024  # a grid of 16 x 16, its transparency, and as much again
MAX_EXTENTS = 4096
MAX_SAMPLES = 100_000

# Lists of a sequence, each with the place of its count. Source: ISO/IEC 14496-12, 8.6 and 8.7.
_COUNTS = {b"stsz": 8, b"stts": 4, b"stsc": 4, b"stss": 4, b"stco": 4, b"co64": 4, b"ctts": 4}
_PATH = (b"trak", b"mdia", b"minf", b"stbl")

INSIDE = 1  # the construction method of an item in the box `idat`


class Item(NamedTuple):
    """Where an item lies.

    Attributes:
        number: of the item.
        method: how its places are counted: 0 from the start of the file, `INSIDE` in the box `idat`, 2 in an item.
        extents: places and lengths in bytes.
    """

    number: int
    method: int
    extents: list[tuple[int, int]]


class Fields:
    """Numbers that follow each other; 0 behind the end."""

    def __init__(self, content: bytes) -> None:
        """Start at the first byte.

        Args:
            content: the numbers.
        """
        self._content, self._place = content, 0

    def take(self, size: int) -> int:
        """Return the next number.

        Args:
            size: its bytes.
        """
        self._place += size
        return int.from_bytes(self._content[self._place - size : self._place])


def item_kinds(file: IO[bytes], info: Box) -> Iterator[tuple[int, bytes, list[bytes]]]:
    """Yield number, kind, and the words after it, of each item of a box `iinf`.

    Raises:
        LimitError: there are too many.
    """
    file.seek(info.start)
    wide = file.read(1) != b"\0"
    file.seek(info.start + 4)
    at_most(MAX_ITEMS, int.from_bytes(file.read(4 if wide else 2)), "items")
    for count, box in enumerate(boxes(file, info.start + (8 if wide else 6), info.end)):
        at_most(MAX_ITEMS, count, "items")
        content = content_of(file, Box(box.kind, box.start, min(box.end, box.start + 512)))
        number = 4 if content[:1] == b"\3" else 2
        words = content[10 + number :].split(b"\0")
        yield int.from_bytes(content[4 : 4 + number]), content[6 + number : 10 + number], words


def item_places(content: bytes) -> Iterator[Item]:
    """Yield where each item of a box `iloc` lies.

    Raises:
        LimitError: there are too many.
    """
    fields = Fields(content)
    version = fields.take(1)
    fields.take(3)
    sizes, more = fields.take(1), fields.take(1)
    offset_bytes, length_bytes, base_bytes = sizes >> 4, sizes & 15, more >> 4
    index_bytes = more & 15 if version else 0
    wide = 4 if version == 2 else 2
    count = fields.take(wide)
    at_most(MAX_ITEMS, count, "items")
    total = 0
    for _ in range(count):
        item = fields.take(wide)
        method = fields.take(2) & 15 if version else 0
        fields.take(2)
        base = fields.take(base_bytes)
        extents = fields.take(2)
        total += extents
        at_most(MAX_EXTENTS, total, "extents of items")
        places = []
        for _ in range(extents):
            fields.take(index_bytes)
            places.append((base + fields.take(offset_bytes), fields.take(length_bytes)))
        yield Item(item, method, places)


def refuse_properties(file: IO[bytes], properties: Box) -> None:
    """Refuse a box `iprp` with too many properties or items.

    Raises:
        LimitError: there are too many.
    """
    for box in boxes(file, properties.start, properties.end):
        if box.kind == b"ipma":
            file.seek(box.start + 4)
            at_most(MAX_ITEMS, int.from_bytes(file.read(4)), "items")
        elif box.kind == b"ipco":
            for count, _ in enumerate(boxes(file, box.start, box.end)):
                at_most(MAX_ITEMS, count, "properties of items")


def item_properties(file: IO[bytes], properties: Box) -> dict[int, list[Box]]:
    """Return the properties of each item of a box `iprp`, in their order.

    Raises:
        LimitError: there are too many.
    """
    refuse_properties(file, properties)
    found: dict[int, list[Box]] = {}
    known: list[Box] = []
    for box in boxes(file, properties.start, properties.end):
        if box.kind == b"ipco":
            known += boxes(file, box.start, box.end)
    for box in boxes(file, properties.start, properties.end):
        if box.kind == b"ipma":
            for item, numbers in _associations(content_of(file, box)):
                listed = found.setdefault(item, [])
                listed += [known[number - 1] for number in numbers if 0 < number <= len(known)]
                at_most(MAX_ITEMS, len(listed), "properties of one item")
    return found


def _associations(content: bytes) -> Iterator[tuple[int, list[int]]]:
    fields = Fields(content)
    version, flags = fields.take(1), fields.take(3)
    for _ in range(fields.take(4)):
        item = fields.take(4 if version else 2)
        wide = flags & 1
        mask = 0x7FFF if wide else 0x7F
        yield item, [fields.take(2 if wide else 1) & mask for _ in range(fields.take(1))]


def item_sources(file: IO[bytes], references: Box, kind: bytes) -> dict[int, list[int]]:
    """Return the items that each item of a box `iref` is made of.

    Args:
        file: the picture.
        references: the box.
        kind: of the references, such as `dimg`.

    Raises:
        LimitError: there are too many.
    """
    file.seek(references.start)
    size = 4 if file.read(1) != b"\0" else 2
    found: dict[int, list[int]] = {}
    total = 0
    for box in boxes(file, references.start + 4, references.end):
        if box.kind != kind:
            continue
        fields = Fields(content_of(file, box))
        item, count = fields.take(size), fields.take(2)
        total += count
        at_most(MAX_EXTENTS, total, "parts of pictures")
        found.setdefault(item, []).extend(fields.take(size) for _ in range(count))
    return found


def refuse_long_sequence(file: IO[bytes], movie: Box) -> None:
    """Refuse a box `moov` that lists a sequence of too many pictures.

    Raises:
        LimitError: it does.
    """
    for box in boxes(file, movie.start, movie.end):
        if box.kind in _PATH:
            refuse_long_sequence(file, box)
        elif box.kind in _COUNTS:
            content = content_of(file, Box(box.kind, box.start, min(box.end, box.start + 16)))
            place = _COUNTS[box.kind]
            at_most(MAX_SAMPLES, int.from_bytes(content[place : place + 4]), "pictures in a sequence")


def read_extents(file: IO[bytes], size_bytes: int, extents: list[tuple[int, int]]) -> bytes:
    """Return what lies at some places of a file, as far as it is there."""
    parts = []
    for place, length in extents:
        if place < size_bytes:
            file.seek(place)
            parts.append(file.read(min(length, size_bytes - place)))
    return b"".join(parts)
