"""Limits of JPEG 2000 files: the codestream's own size, its tiles, code blocks and packets.

Source: ISO/IEC 15444-1, A.4 to A.6 (markers), B.6 and B.7 (precincts and code blocks), B.9 (packets), I.5 (boxes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from edge_runtime.picture.limits.boxes import Box, boxes
from edge_runtime.picture.limits.limit import MAX_METADATA_BYTES, REMEDY, LimitError, at_most, pixels_at_most

MAX_COMPONENTS = 4
MAX_SEGMENTS = 8192  # in all headers of a codestream
MAX_TILES = 2048  # OpenJPEG keeps what is common to all of them for each
MAX_TILE_PARTS = 16_384
# Measured with OpenJPEG 2.5: 530 bytes a code block, 2 bytes and 0.1 us a packet.
MAX_TILE_BLOCKS = 250_000
MAX_BLOCKS = 1_000_000
MAX_PACKETS = 1_000_000
MAX_RESOLUTION_BYTES = 65_536

_SIZE, _STYLE, _COMPONENT_STYLE = 0x51, 0x52, 0x53
_TILE_PART, _DATA, _END = 0x90, 0x93, 0xD9
# Behind another marker OpenJPEG looks for the next that it knows, inside the segment too.
_KNOWN = frozenset(
    (
        *range(0x50, 0x54),
        0x55,
        *range(0x57, 0x5A),
        *range(0x5C, 0x62),
        0x63,
        0x64,
        0x74,
        0x75,
        0x77,
        0x78,
        0x90,
        0x93,
    )
)


class _Grid(NamedTuple):
    width: int
    height: int
    tile_width: int
    tile_height: int
    tiles: int
    components: int


class _Style(NamedTuple):
    levels: int
    block_width: int  # as a power of two, as all that follow
    block_height: int
    precincts: list[tuple[int, int]]

    def of_level(self, level: int) -> tuple[int, int]:
        return self.precincts[level] if level < len(self.precincts) else (15, 15)


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs OpenJPEG or Pillow's reader of boxes too much; see `refuse_harmful`."""
    if file.read(4) == b"\xff\x4f\xff\x51":
        _scan_stream(file, 2, size_bytes, allowed)
        return
    for box in boxes(file, 0, size_bytes):
        if box.kind == b"jp2h":
            _scan_header(file, box)
        elif box.kind == b"jp2c":
            _scan_stream(file, box.start + 2, size_bytes, allowed)
            return


def _scan_header(file: IO[bytes], header: Box) -> None:
    at_most(MAX_METADATA_BYTES, header.end - header.start, "bytes of metadata")
    for box in boxes(file, header.start, header.end):
        if box.kind == b"res ":
            at_most(MAX_RESOLUTION_BYTES, box.end - box.start, "bytes for its resolution")


def _scan_stream(file: IO[bytes], start: int, end: int, allowed: int) -> None:
    grid = None
    for count, (marker, content) in enumerate(_segments(file, start, end)):
        at_most(MAX_SEGMENTS + MAX_TILE_PARTS, count, "segments")
        try:
            if marker == _SIZE:
                grid = _grid(content, allowed)
            elif grid and marker == _STYLE:
                (layers,) = struct.unpack_from(">H", content, 2)
                _refuse_style(grid, _style(content[5:], content[0]), layers)
            elif grid and marker == _COMPONENT_STYLE:
                place = 1 if grid.components < 257 else 2
                _refuse_style(grid, _style(content[place + 1 :], content[place]), 1)
        except (IndexError, struct.error):  # cut off: the decoder says so
            return


def _segments(file: IO[bytes], place: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the segments of the main header and of each tile part's, and skip the data."""
    segments = parts = part_end = 0
    while place < end:
        file.seek(place)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == _END:
            return
        marker, length = head[1], int.from_bytes(head[2:])
        if marker not in _KNOWN:
            raise LimitError(f"not safe to decode: unknown segment ff{marker:02x}. {REMEDY}")
        if marker == _DATA:
            place = part_end
            continue
        content = file.read(max(0, length - 2))
        if marker == _TILE_PART:
            parts += 1
            at_most(MAX_TILE_PARTS, parts, "parts of tiles")
            size = int.from_bytes(content[2:6])
            part_end = max(place + 12, place + size) if size else end
        else:
            segments += 1
            at_most(MAX_SEGMENTS, segments, "segments")
        yield marker, content
        place += 2 + max(2, length)


def _grid(content: bytes, allowed: int) -> _Grid:
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components = struct.unpack_from(
        ">8IH", content, 2
    )
    width, height = max(0, right - left), max(0, bottom - top)
    pixels_at_most(allowed, width, height, "codestream")
    at_most(MAX_COMPONENTS, components, "components")
    across = -(-(right - tile_left) // max(1, tile_width))
    down = -(-(bottom - tile_top) // max(1, tile_height))
    at_most(MAX_TILES, across * down, "tiles")
    return _Grid(width, height, min(tile_width, width), min(tile_height, height), across * down, components)


def _style(content: bytes, flags: int) -> _Style:
    levels = content[0]
    precincts = [(value & 15, value >> 4) for value in content[5 : 6 + levels]] if flags & 1 else []
    return _Style(levels, (content[1] & 15) + 2, (content[2] & 15) + 2, precincts)


def _refuse_style(grid: _Grid, style: _Style, layers: int) -> None:
    """Refuse what one tile, and all, would be cut into if every component followed this style."""
    blocks = precincts = 0
    for level in range(style.levels + 1):
        found = _pieces(grid, style, level)
        precincts += found[0] * grid.components
        blocks += found[1] * grid.components
    at_most(MAX_TILE_BLOCKS, blocks, "code blocks in a tile")
    at_most(MAX_BLOCKS, blocks * grid.tiles, "code blocks")
    at_most(MAX_PACKETS, precincts * layers * grid.tiles, "packets")


def _pieces(grid: _Grid, style: _Style, level: int) -> tuple[int, int]:
    """Return the precincts and code blocks of a tile of one component at one resolution."""
    shrink = style.levels - level
    width, height = (-(-side // 2**shrink) for side in (grid.tile_width, grid.tile_height))
    across, down = style.of_level(level)
    precincts = -(-width // 2**across) * -(-height // 2**down)
    halved = int(level > 0)  # each of the three bands has half the sides
    block_width = min(style.block_width, max(0, across - halved)) + halved
    block_height = min(style.block_height, max(0, down - halved)) + halved
    blocks = -(-width // 2**block_width) * -(-height // 2**block_height)
    return precincts, max(blocks, precincts) * (3 if halved else 1)
