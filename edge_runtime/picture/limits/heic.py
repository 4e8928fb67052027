"""Limits of HEIC files: items, metadata, turns, and the sizes and pictures that the HEVC decoder is really given.

A HEIC file may be built of other pictures of the same file: a grid of tiles, as telephones write it, or pictures
laid over each other. All that its parts make the decoder do is added up.

Source: ISO/IEC 23008-12 (items hvc1, grid, iovl, iden; properties ispe, irot, imir, clap), ISO/IEC 14496-12, and
ITU-T H.265. libheif 1.23 reads what this scanner reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO

from edge_runtime.picture.limits.boxes import Box, boxes, content_of
from edge_runtime.picture.limits.exif import refuse_exif
from edge_runtime.picture.limits.hevc import is_picture_start, size_of, units_of_header, units_of_picture
from edge_runtime.picture.limits.items import (
    INSIDE,
    Fields,
    Item,
    item_kinds,
    item_places,
    item_properties,
    item_sources,
    read_extents,
    refuse_long_sequence,
)
from edge_runtime.picture.limits.limit import MAX_METADATA_BYTES, REMEDY, LimitError, at_most, pixels_at_most

MAX_PICTURES = 16  # that one item makes the decoder decode
MAX_TURNS = 8  # of one item
MAX_DEPTH = 8  # of pictures that are made of pictures
IMAGES = 4  # the tiles, the picture that they make, the same with a gain map, and a thumbnail
PRIMARY_KINDS = (b"hvc1", b"grid", b"iovl", b"iden", b"tmap")
_TURNS = (b"irot", b"imir", b"clap", b"iscl")
_METADATA = (b"Exif", b"mime", b"uri ")


@dataclass
class _Parts:
    """What a `meta` box lists."""

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    places: list[Item] = field(default_factory=list)
    properties: dict[int, list[Box]] = field(default_factory=dict)
    sources: dict[int, list[int]] = field(default_factory=dict)
    inside: int = 0  # where the box `idat` begins


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs libheif and its decoder too much; see `refuse_harmful`."""
    for box in boxes(file, 0, size_bytes):
        if box.kind == b"meta":
            _Scan(file, size_bytes, allowed, _parts(file, box)).refuse()
        elif box.kind == b"moov":
            refuse_long_sequence(file, box)  # a short one beside the picture is left alone


def _parts(file: IO[bytes], meta: Box) -> _Parts:
    parts = _Parts()
    for box in boxes(file, meta.start + 4, meta.end):
        if box.kind == b"pitm":
            content = content_of(file, Box(box.kind, box.start, min(box.end, box.start + 8)))
            parts.primary = int.from_bytes(content[4:8] if content[:1] != b"\0" else content[4:6])
        elif box.kind == b"iinf":
            for number, kind, words in item_kinds(file, box):
                if kind == b"mime" and words[2:3] and words[2]:
                    raise LimitError(f"not safe to decode: compressed metadata. {REMEDY}")
                parts.kinds[number] = kind
        elif box.kind == b"iloc":
            parts.places = list(item_places(content_of(file, box)))
        elif box.kind == b"iprp":
            parts.properties = item_properties(file, box)
        elif box.kind == b"iref":
            parts.sources = item_sources(file, box, b"dimg")
        elif box.kind == b"idat":
            parts.inside = box.start
    return parts


class _Scan:
    """Adds up what the items cost."""

    def __init__(self, file: IO[bytes], size_bytes: int, allowed: int, parts: _Parts) -> None:
        self._file, self._size_bytes, self._allowed, self._parts = file, size_bytes, allowed, parts
        self._pixels: dict[int, int] = {}  # that the items' own bytes make the decoder decode
        self._costs: dict[int, int] = {}  # with all that they are made of

    def refuse(self) -> None:
        """Refuse each of the things that the module's first lines name."""
        parts = self._parts
        primary = parts.kinds.get(parts.primary, b"")
        if parts.primary in parts.kinds and primary not in PRIMARY_KINDS:
            name = primary.decode("ascii", "replace")
            raise LimitError(f"is a HEIF file with a picture of the kind {name!r}, and HEVC alone is read")
        metadata_bytes = 0
        for item in parts.places:
            if parts.kinds.get(item.number) in _METADATA:
                metadata_bytes += sum(length for _, length in item.extents)
                at_most(MAX_METADATA_BYTES, metadata_bytes, "bytes of metadata")
            self._scan_item(item)
        total = sum(self._cost(number, 0) for number in parts.kinds)
        at_most(IMAGES * self._allowed, total, "pixels in its parts")

    def _scan_item(self, item: Item) -> None:
        kind = self._parts.kinds.get(item.number, b"")
        if item.method not in (0, INSIDE):
            raise LimitError(f"not safe to decode: a part lies in another part. {REMEDY}")
        start = self._parts.inside if item.method == INSIDE else 0
        extents = [(start + place, length) for place, length in item.extents]
        if kind not in (b"hvc1", b"grid", b"iovl", b"Exif"):
            return
        if any(place + length > self._size_bytes for place, length in extents):
            # libheif leaves the tiles black that are not there, without a word.
            raise LimitError("cannot be decoded (the file is truncated: a part of it is missing)")
        content = read_extents(self._file, self._size_bytes, extents)
        if kind == b"Exif":
            refuse_exif(content[4:])
        elif kind == b"hvc1":
            self._pixels[item.number] = self._coded_pixels(item.number, content)
        else:
            self._refuse_canvas(kind, content)

    def _coded_pixels(self, number: int, content: bytes) -> int:
        """Return how many pixels the decoder makes of an item: those of each of its pictures."""
        headers = [box for box in self._parts.properties.get(number, []) if box.kind == b"hvcC"]
        units = [unit for box in headers for unit in units_of_header(content_of(self._file, box))]
        pictures, largest = 0, 0
        for kind, head in [*units, *units_of_picture(content)]:
            width, height = size_of(kind, head)
            pixels_at_most(self._allowed, width, height, "sequence parameter set")
            largest = max(largest, width * height)
            pictures += is_picture_start(kind, head)
        at_most(MAX_PICTURES, pictures, "pictures in one part")
        return largest * max(1, pictures)

    def _refuse_canvas(self, kind: bytes, content: bytes) -> None:
        """Refuse the size of a grid of tiles or of pictures that are laid over each other."""
        fields = Fields(content)
        fields.take(1)
        side = 4 if fields.take(1) & 1 else 2
        fields.take(2 if kind == b"grid" else 8)
        pixels_at_most(self._allowed, fields.take(side), fields.take(side), kind.decode())

    def _cost(self, number: int, depth: int) -> int:
        """Return how many pixels an item makes the decoder decode, with all that it is made of."""
        at_most(MAX_DEPTH, depth, "pictures within pictures")
        if number not in self._costs:
            made = sum(self._cost(source, depth + 1) for source in self._parts.sources.get(number, []))
            self._costs[number] = max(self._shown_pixels(number), self._pixels.get(number, 0)) + made
        return self._costs[number]

    def _shown_pixels(self, number: int) -> int:
        """Return the pixels that an item says it has, and refuse a size or a number of turns."""
        pixels = turns = 0
        for box in self._parts.properties.get(number, []):
            turns += box.kind in _TURNS
            if box.kind == b"ispe":
                fields = Fields(content_of(self._file, Box(box.kind, box.start, min(box.end, box.start + 12))))
                fields.take(4)
                width, height = fields.take(4), fields.take(4)
                pixels_at_most(self._allowed, width, height)
                pixels = max(pixels, width * height)
        at_most(MAX_TURNS, turns, "turns of one picture")
        return pixels
