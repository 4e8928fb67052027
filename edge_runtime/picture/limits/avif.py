"""Limits of AVIF files: items, metadata, and the sizes and frames that the AV1 decoder is really given.

Source: ISO/IEC 14496-12 (boxes iloc, iinf, moov), ISO/IEC 23008-12 (grid), AV1 Image File Format 1.1, and AV1
Bitstream & Decoding Process Specification, 5.3 (open bitstream units) and 5.5 (sequence header).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from edge_runtime.picture.limits.av1 import frame_units, largest_frame
from edge_runtime.picture.limits.boxes import Box, boxes, content_of
from edge_runtime.picture.limits.exif import refuse_exif
from edge_runtime.picture.limits.limit import MAX_METADATA_BYTES, at_most, pixels_at_most

MAX_ITEMS = 1024  # a grid of 16 x 16, its transparency, and as much again
MAX_EXTENTS = 4096
MAX_SAMPLES = 100_000
MAX_FRAMES = 16  # decoded for one picture: layers, and those that are not shown
IMAGES = 4  # the picture, its transparency, a thumbnail and a gain map

_PATH = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


class _Scan(NamedTuple):
    file: IO[bytes]
    size_bytes: int
    allowed: int


class _Item(NamedTuple):
    number: int
    is_inside: bool  # the box `idat`
    extents: list[tuple[int, int]]  # places and lengths


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs libavif and its decoder too much; see `refuse_harmful`."""
    _walk(_Scan(file, size_bytes, allowed), Box(b"", 0, size_bytes))


def _walk(scan: _Scan, parent: Box) -> None:
    for box in boxes(scan.file, parent.start, parent.end):
        if box.kind == b"meta":
            _scan_items(scan, box)
        elif box.kind == b"stbl":
            _scan_samples(scan, box)
        elif box.kind in _PATH:
            _walk(scan, box)


def _scan_items(scan: _Scan, meta: Box) -> None:
    """Check the pictures and metadata that a `meta` box lists."""
    kinds: dict[int, bytes] = {}
    places: list[_Item] = []
    inside = 0
    for box in boxes(scan.file, meta.start + 4, meta.end):
        if box.kind == b"iinf":
            kinds = dict(_item_kinds(scan.file, box))
        elif box.kind == b"iloc":
            places = list(_item_places(content_of(scan.file, box)))
        elif box.kind == b"idat":
            inside = box.start
        elif box.kind == b"iprp":
            _refuse_properties(scan.file, box)
    pixels = metadata_bytes = 0
    for item, is_inside, extents in places:
        kind = kinds.get(item, b"")
        start = inside if is_inside else 0
        if kind not in (b"av01", b"grid"):
            metadata_bytes += sum(length for _, length in extents)
            at_most(MAX_METADATA_BYTES, metadata_bytes, "bytes of metadata")
        pixels += _item_pixels(scan, kind, [(start + place, length) for place, length in extents])
        at_most(IMAGES * scan.allowed, pixels, "pixels in its parts")


def _refuse_properties(file: IO[bytes], properties: Box) -> None:
    for box in boxes(file, properties.start, properties.end):
        if box.kind == b"ipma":
            file.seek(box.start + 4)
            at_most(MAX_ITEMS, int.from_bytes(file.read(4)), "items")
        elif box.kind == b"ipco":
            for count, _ in enumerate(boxes(file, box.start, box.end)):
                at_most(MAX_ITEMS, count, "properties of items")


def _item_kinds(file: IO[bytes], info: Box) -> Iterator[tuple[int, bytes]]:
    file.seek(info.start)
    wide = file.read(1) != b"\0"
    file.seek(info.start + 4)
    at_most(MAX_ITEMS, int.from_bytes(file.read(4 if wide else 2)), "items")
    for count, box in enumerate(boxes(file, info.start + (8 if wide else 6), info.end)):
        at_most(MAX_ITEMS, count, "items")
        content = content_of(file, Box(box.kind, box.start, min(box.end, box.start + 16)))
        number = 4 if content[:1] == b"\3" else 2
        yield int.from_bytes(content[4 : 4 + number]), content[6 + number : 10 + number]


def _item_places(content: bytes) -> Iterator[_Item]:
    """Yield where each item lies."""
    fields = _Fields(content)
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
        yield _Item(item, method == 1, places)


class _Fields:
    """Numbers that follow each other; 0 behind the end."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def take(self, size: int) -> int:
        self._place += size
        return int.from_bytes(self._content[self._place - size : self._place])


def _item_pixels(scan: _Scan, kind: bytes, extents: list[tuple[int, int]]) -> int:
    """Return the pixels that an item makes the decoder decode."""
    if kind not in (b"av01", b"grid", b"Exif"):
        return 0
    content = b"".join(_read(scan, place, length) for place, length in extents)
    if kind == b"Exif":
        refuse_exif(content[4:])
        return 0
    if kind == b"grid":
        wide = content[1:2] == b"\1"
        width, height = struct.unpack_from(">II" if wide else ">HH", content.ljust(12, b"\0"), 4)
        pixels_at_most(scan.allowed, width, height, "grid")
        return 0
    return _refuse_units(content, scan.allowed)


def _read(scan: _Scan, place: int, length: int) -> bytes:
    if place >= scan.size_bytes:
        return b""
    scan.file.seek(place)
    return scan.file.read(min(length, scan.size_bytes - place))


def _refuse_units(content: bytes, allowed: int) -> int:
    width, height = largest_frame(content)
    pixels_at_most(allowed, width, height, "sequence header")
    at_most(MAX_FRAMES, frame_units(content), "frames for one picture")
    return width * height


def _scan_samples(scan: _Scan, table: Box) -> None:
    """Check the first picture of a sequence, which is the one that is taken."""
    place = size = 0
    for box in boxes(scan.file, table.start, table.end):
        content = content_of(scan.file, Box(box.kind, box.start, min(box.end, box.start + 16)))
        if box.kind == b"stsz":
            same, samples = int.from_bytes(content[4:8]), int.from_bytes(content[8:12])
            at_most(MAX_SAMPLES, samples, "pictures")
            size = same or int.from_bytes(content[12:16])
        elif box.kind in (b"stco", b"co64"):
            at_most(MAX_SAMPLES, int.from_bytes(content[4:8]), "pictures")
            place = int.from_bytes(content[8:12] if box.kind == b"stco" else content[8:16])
        elif box.kind in (b"stts", b"stsc", b"stss"):
            at_most(MAX_SAMPLES, int.from_bytes(content[4:8]), "pictures")
    _refuse_units(_read(scan, place, size), scan.allowed)
