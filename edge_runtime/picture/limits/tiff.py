"""Limits of TIFF files: entries of a directory, their values, and strips and tiles beside the picture's size.

Source: Adobe, TIFF Revision 6.0, sections 2 (image file directory), 3 and 15 (strips and tiles); BigTIFF design.
"""

from __future__ import annotations

import struct
from typing import IO, NamedTuple

from edge_runtime.picture.limits.exif import UNIT_BYTES
from edge_runtime.picture.limits.limit import MAX_METADATA_BYTES, REMEDY, LimitError, at_most, pixels_at_most

MAX_ENTRIES = 4096
MAX_STRIPS = 200_000  # one a row in each of three planes
SPARE_STRIPS = 16  # beside four times those that the picture needs
MAX_VALUES = 200_000  # of one entry: the largest palette has 196,608
MAX_RATIONALS = 10_000  # each is an object of its own

_WIDTH, _HEIGHT, _ROWS, _PLANES, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 278, 284, 277, 322, 323
_GEOMETRY = (_WIDTH, _HEIGHT, _ROWS, _PLANES, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT)
# What Pillow takes as numbers, of whatever type it is stored.
_STRUCTURE = frozenset((*_GEOMETRY, 258, 259, 262, 266, 274, 282, 283, 296, 317, 320, 338, 339, 530, 532))
_OFFSETS = frozenset((273, 279, 324, 325))  # of strips and tiles, and their sizes
_DIRECTORIES = (0x8769, 0x8825, 0xA005)  # Exif, GPS, interoperability: Pillow reads all of them
_RATIONAL = (5, 10)
_BYTES = (1, 2, 7)
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}


class _Entry(NamedTuple):
    tag: int
    kind: int
    values: int
    value: bytes  # inline, or its offset

    @property
    def size(self) -> int:
        return UNIT_BYTES[self.kind] * self.values if self.kind < len(UNIT_BYTES) else 0


class _Reader(NamedTuple):
    file: IO[bytes]
    order: str
    large: bool  # BigTIFF

    def unpack(self, kind: str, content: bytes) -> int:
        number: int = struct.unpack_from(self.order + kind, content)[0]
        return number

    @property
    def offset(self) -> str:
        return "Q" if self.large else "I"


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs libtiff or Pillow's reader of directories too much; see `refuse_harmful`."""
    head = file.read(16)
    reader = _Reader(file, "<" if head[:2] == b"II" else ">", head[2:3] == b"+")
    try:
        entries = _entries(reader, reader.unpack(reader.offset, head[8 if reader.large else 4 :]))
        _refuse_values(entries, MAX_VALUES)
        _refuse_layout(entries, _geometry(reader, entries), allowed)
        _refuse_inner(reader, entries)
    except struct.error:  # cut off: the decoder says where
        return


def _entries(reader: _Reader, place: int) -> list[_Entry]:
    if place >= 2**63:
        return []
    reader.file.seek(place)
    count = reader.unpack("Q", reader.file.read(8)) if reader.large else reader.unpack("H", reader.file.read(2))
    at_most(MAX_ENTRIES, count, "entries in a directory")
    shape = reader.order + ("HHQ8s" if reader.large else "HHI4s")
    size = struct.calcsize(shape)
    content = reader.file.read(count * size)
    return [_Entry(*entry) for entry in struct.iter_unpack(shape, content[: len(content) // size * size])]


def _refuse_values(entries: list[_Entry], allowed: int) -> None:
    metadata_bytes = 0
    for entry in entries:
        if entry.tag in _OFFSETS:
            at_most(MAX_STRIPS, entry.values, "strips or tiles")
            continue
        metadata_bytes += entry.size
        if entry.tag in _STRUCTURE or entry.kind not in _BYTES:
            at_most(allowed, entry.values, f"values of tag {entry.tag}")
        if entry.kind in _RATIONAL:
            at_most(MAX_RATIONALS, entry.values, f"values of tag {entry.tag}")
    at_most(MAX_METADATA_BYTES, metadata_bytes, "bytes of metadata")


def _geometry(reader: _Reader, entries: list[_Entry]) -> dict[int, int]:
    """Return the first value of each tag that says how the picture lies in the file."""
    found: dict[int, int] = {}
    for entry in entries:
        if entry.tag in _GEOMETRY and entry.kind in _NUMBERS and entry.values:
            if entry.tag in found:
                raise LimitError(f"not safe to decode: tag {entry.tag} twice in its directory. {REMEDY}")
            found[entry.tag] = reader.unpack(_NUMBERS[entry.kind], _value(reader, entry))
    return found


def _value(reader: _Reader, entry: _Entry) -> bytes:
    if entry.size <= len(entry.value):
        return entry.value
    place = reader.unpack(reader.offset, entry.value)
    if place >= 2**63:
        return b""
    reader.file.seek(place)
    return reader.file.read(8)


def _refuse_layout(entries: list[_Entry], geometry: dict[int, int], allowed: int) -> None:
    """Refuse far more strips or tiles than the picture needs, and tiles far larger than it."""
    width, height = geometry.get(_WIDTH, 0), geometry.get(_HEIGHT, 0)
    planes = min(geometry.get(_SAMPLES, 1), 8) if geometry.get(_PLANES) == 2 else 1
    across, down = 1, -(-height // max(1, min(geometry.get(_ROWS, height), height)))
    tile_width, tile_height = geometry.get(_TILE_WIDTH, 0), geometry.get(_TILE_HEIGHT, 0)
    if tile_width and tile_height:
        tiles_across, tiles_down = -(-width // tile_width), -(-height // tile_height)
        if tiles_across * tiles_down > 1:  # one alone is judged by its size
            pixels_at_most(2 * allowed, tiles_across * tile_width, tiles_down * tile_height, "tiles")
        at_most(MAX_STRIPS, tiles_across * tiles_down * planes, "strips or tiles")
        across, down = max(across, tiles_across), max(down, tiles_down)
    most = 4 * across * down * planes + SPARE_STRIPS
    at_most(most, max((entry.values for entry in entries if entry.tag in _OFFSETS), default=0), "strips or tiles")


def _refuse_inner(reader: _Reader, entries: list[_Entry], depth: int = 2) -> None:
    """Check the directories inside, of which Pillow makes every value a number."""
    for entry in entries:
        if entry.tag in _DIRECTORIES and entry.kind in _NUMBERS and entry.values == 1:
            inner = _entries(reader, reader.unpack(_NUMBERS[entry.kind], entry.value))
            _refuse_values(inner, MAX_VALUES)
            numbers = sum(one.values for one in inner if one.kind not in _BYTES)
            at_most(MAX_VALUES, numbers, "values in Exif metadata")
            rationals = sum(one.values for one in inner if one.kind in _RATIONAL)
            at_most(MAX_RATIONALS, rationals, "values in Exif metadata that are fractions")
            if depth > 1:
                _refuse_inner(reader, inner, depth - 1)
