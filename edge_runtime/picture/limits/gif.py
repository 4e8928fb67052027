"""Limits of GIF files: the blocks before the first picture, and its extent.

Source: CompuServe, Graphics Interchange Format version 89a, 15 (data sub-blocks), 18, 20 and 23 to 26.
"""

from __future__ import annotations

from typing import IO

from edge_runtime.picture.limits.limit import at_most, pixels_at_most

MAX_BLOCKS = 65_536  # of at most 255 bytes, before the first picture

_EXTENSION, _PICTURE = b"!", b","
_COMMENT, _APPLICATION = b"\xfe", b"\xff"


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs Pillow's reader of blocks too much; see `refuse_harmful`."""
    screen = file.read(13)
    if len(screen) < 13:
        return
    if screen[10] & 0x80:
        file.seek(3 << (screen[10] & 7) + 1, 1)
    blocks = 0
    while (kind := file.read(1)) not in (b"", b";", _PICTURE):
        blocks += _extension_blocks(file) if kind == _EXTENSION else 1
        at_most(MAX_BLOCKS, blocks, "blocks before its first picture")
    if kind == _PICTURE:
        _refuse_extent(screen[6:10], file.read(8), allowed)


def _extension_blocks(file: IO[bytes]) -> int:
    """Skip an extension's blocks as Pillow does, which reads on behind an empty first one, and count them."""
    label, first = file.read(1), _block(file)
    if label == _COMMENT and not first:
        return 1
    if label == _APPLICATION and first.startswith(b"NETSCAPE2.0"):
        _block(file)
    blocks = 1
    while _block(file):
        blocks += 1
        at_most(MAX_BLOCKS, blocks, "blocks before its first picture")
    return blocks


def _block(file: IO[bytes]) -> bytes:
    length = file.read(1)
    return file.read(length[0]) if length else b""


def _refuse_extent(screen: bytes, picture: bytes, allowed: int) -> None:
    """Refuse a first picture that reaches far out of the screen, which grows with it."""
    left, top, width, height = (int.from_bytes(picture[place : place + 2], "little") for place in (0, 2, 4, 6))
    across, down = int.from_bytes(screen[:2], "little"), int.from_bytes(screen[2:], "little")
    pixels_at_most(allowed, max(across, left + width), max(down, top + height))
