"""Limits of AVIF files: items, metadata, and the sizes and frames that the AV1 decoder is really given.

Source: ISO/IEC 14496-12 (boxes iloc, iinf, moov), ISO/IEC 23008-12 (grid), AV1 Image File Format 1.1, and AV1
Bitstream & Decoding Process Specification, 5.3 (open bitstream units) and 5.5 (sequence header).
"""

from __future__ import annotations

import struct
from typing import IO, NamedTuple

from edge_runtime.picture.limits.av1 import frame_units, largest_frame
from edge_runtime.picture.limits.boxes import Box, boxes, content_of
from edge_runtime.picture.limits.exif import refuse_exif
from edge_runtime.picture.limits.items import (
    INSIDE,
    MAX_SAMPLES,
    Item,
    item_kinds,
    item_places,
    read_extents,
    refuse_properties,
)
from edge_runtime.picture.limits.limit import MAX_METADATA_BYTES, at_most, pixels_at_most

MAX_FRAMES = 16  # decoded for one picture: layers, and those that are not shown
IMAGES = 4  # the picture, its transparency, a thumbnail and a gain map

_PATH = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


class _Scan(NamedTuple):
    file: IO[bytes]
    size_bytes: int
    allowed: int


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
    places: list[Item] = []
    inside = 0
    for box in boxes(scan.file, meta.start + 4, meta.end):
        if box.kind == b"iinf":
            kinds = {number: kind for number, kind, _ in item_kinds(scan.file, box)}
        elif box.kind == b"iloc":
            places = list(item_places(content_of(scan.file, box)))
        elif box.kind == b"idat":
            inside = box.start
        elif box.kind == b"iprp":
            refuse_properties(scan.file, box)
    pixels = metadata_bytes = 0
    for item, method, extents in places:
        kind = kinds.get(item, b"")
        start = inside if method == INSIDE else 0
        if kind not in (b"av01", b"grid"):
            metadata_bytes += sum(length for _, length in extents)
            at_most(MAX_METADATA_BYTES, metadata_bytes, "bytes of metadata")
        pixels += _item_pixels(scan, kind, [(start + place, length) for place, length in extents])
        at_most(IMAGES * scan.allowed, pixels, "pixels in its parts")


def _item_pixels(scan: _Scan, kind: bytes, extents: list[tuple[int, int]]) -> int:
    """Return the pixels that an item makes the decoder decode."""
    if kind not in (b"av01", b"grid", b"Exif"):
        return 0
    content = read_extents(scan.file, scan.size_bytes, extents)
    if kind == b"Exif":
        refuse_exif(content[4:])
        return 0
    if kind == b"grid":
        wide = content[1:2] == b"\1"
        width, height = struct.unpack_from(">II" if wide else ">HH", content.ljust(12, b"\0"), 4)
        pixels_at_most(scan.allowed, width, height, "grid")
        return 0
    return _refuse_units(content, scan.allowed)


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
    _refuse_units(read_extents(scan.file, scan.size_bytes, [(place, size)]), scan.allowed)
