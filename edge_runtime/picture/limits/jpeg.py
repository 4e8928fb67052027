"""Limits of JPEG files: segments, metadata, fill bytes, and scans by their pixels.

Source: ITU-T T.81, B.1 (markers), B.2.2 (frame header) and B.2.3 (scan header).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from edge_runtime.picture.limits.limit import MAX_METADATA_BYTES, REMEDY, LimitError, at_most, pixels_at_most

MAX_SEGMENTS = 1024  # before the first scan: twice those of the largest metadata
MAX_STRAY_BYTES = 65_536  # before the first scan
MAX_TABLE_BYTES = 65_536  # before the first scan: all of them take 3 kB
MAX_FILL_BYTES = 65_536  # in a row, anywhere: a decoder that waits for the end of them begins anew each time
# Measured on 53 megapixels: 6 to 8 ms a scan without data.
MAX_SCANS_AT_ONCE = 20  # let through at any size
MAX_SCANNED_PIXELS = 2_000_000_000
# Arithmetic coding packs nothing into nothing, and is slow to unpack: no browser and no camera knows it.
ARITHMETIC_SHARE = 16

_SCAN, _EXIF, _INDEX = 0xDA, 0xE1, 0xE2
_WITHOUT_LENGTH = frozenset((0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_ARITHMETIC = (0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_BLOCK = 2**20


class _Frame:
    """What a frame header says. No NamedTuple: making one takes longer than reading the header."""

    def __init__(self, marker: int, content: bytes) -> None:
        content = content.ljust(6, b"\0")
        self.marker = marker
        self.width = int.from_bytes(content[3:5])
        self.height = int.from_bytes(content[1:3])
        self.components = content[5]


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs libjpeg or Pillow's reader of markers too much; see `refuse_harmful`."""
    frame, first_components = _read_header(file)
    if frame is None:
        return
    if frame.marker in _ARITHMETIC:
        pixels_at_most(allowed // ARITHMETIC_SHARE, frame.width, frame.height, "arithmetic-coded frame")
    if size_bytes > _BLOCK:
        _refuse_fill(file)
    if frame.marker in _PROGRESSIVE or first_components < frame.components:
        _refuse_scans(file, size_bytes, frame)


def _read_header(file: IO[bytes]) -> tuple[_Frame | None, int]:
    """Check the segments before the first scan, and return the frame and the components of that scan."""
    frame, exif = None, b""
    metadata_bytes = table_bytes = 0
    for segments, (marker, length) in enumerate(_segments(file)):
        at_most(MAX_SEGMENTS, segments + 1, "segments before its pixels")
        if marker == _SCAN:
            return frame, (file.read(1) or b"\0")[0]
        if marker in _FRAMES:
            if frame is not None:
                raise LimitError(f"not safe to decode: two frame headers. {REMEDY}")
            frame = _Frame(marker, file.read(6))
        elif marker >= _EXIF - 1:  # APP0 and what follows, comments
            metadata_bytes += length
            at_most(MAX_METADATA_BYTES, metadata_bytes, "bytes of metadata")
            exif = _checked(marker, length, file, exif)
        else:
            table_bytes += length
            at_most(MAX_TABLE_BYTES, table_bytes, "bytes of tables")
    return None, 0


def _segments(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    """Yield each segment's marker and length of content, with the file at that content."""
    place, stray = 2, 0
    while True:
        file.seek(place)
        head = file.read(4)
        if len(head) < 4:
            return
        if head[0] != 0xFF or head[1] in (0, 0xFF):
            stray += 1
            at_most(MAX_STRAY_BYTES, stray, "fill bytes and others that belong to no segment")
            place += 1
        elif head[1] in _WITHOUT_LENGTH:
            yield head[1], 0
            place += 2
        else:
            length = max(2, int.from_bytes(head[2:]))
            yield head[1], length - 2
            place += 2 + length


def _checked(marker: int, length: int, file: IO[bytes], exif: bytes) -> bytes:
    """Check a segment's directory, and return all Exif metadata so far, which Pillow puts together."""
    if marker not in (_EXIF, _INDEX):
        return exif
    from edge_runtime.picture.limits.exif import MAX_EXIF_BYTES, refuse_exif  # here, because many JPEGs have none

    if marker == _EXIF:
        content = file.read(length)
        if content.startswith(b"Exif\0\0"):
            exif += content if not exif else content[6:]
            at_most(MAX_EXIF_BYTES, len(exif), "bytes of Exif metadata")
            refuse_exif(exif)
    elif file.read(4) == b"MPF\0":
        refuse_exif(file.read(max(0, length - 4)))
    return exif


def _blocks(file: IO[bytes], overlap: int) -> Iterator[bytes]:
    """Yield the rest of a file in blocks that begin with the last bytes of the one before."""
    last = b""
    while content := file.read(_BLOCK):
        yield last + content
        last = content[-overlap:]


def _refuse_fill(file: IO[bytes]) -> None:
    file.seek(0)
    run = b"\xff" * MAX_FILL_BYTES
    if any(run in block for block in _blocks(file, MAX_FILL_BYTES)):
        at_most(MAX_FILL_BYTES, MAX_FILL_BYTES + 1, "fill bytes in a row")


def _refuse_scans(file: IO[bytes], size_bytes: int, frame: _Frame) -> None:
    """Count the scans where a decoder keeps the picture and goes over it once for each."""
    allowed = max(MAX_SCANS_AT_ONCE, MAX_SCANNED_PIXELS // max(1, frame.width * frame.height))
    if size_bytes // 10 <= allowed:  # a scan takes at least its header
        return
    file.seek(0)
    # One byte of overlap: a marker may lie across two blocks.
    scans = sum(block.count(b"\xff\xda") for block in _blocks(file, 1))
    at_most(allowed, scans, f"scans of {frame.width} x {frame.height}")
