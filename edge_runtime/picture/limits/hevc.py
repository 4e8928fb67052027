"""Read the sizes and count the pictures of an HEVC bitstream.

Source: ITU-T H.265, 7.3.1 (units), 7.3.2.2 (sequence parameter set), 7.3.3 (profile, tier and level) and 7.3.6
(slices); ISO/IEC 14496-15, 8.3.3 (box hvcC).
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.picture.limits.bits import Bits
from edge_runtime.picture.limits.limit import at_most

MAX_UNITS = 4096
_SEQUENCE = 33
_PICTURES = range(32)
_HEAD_BYTES = 512  # a sequence parameter set has its size far before this


def units_of_header(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and first bytes of each unit in a box `hvcC`.

    Args:
        content: the box.

    Raises:
        LimitError: there are too many.
    """
    place, count = 23, 0
    for _ in range(content[22] if len(content) > 22 else 0):
        units = int.from_bytes(content[place + 1 : place + 3])
        place += 3
        for _ in range(units):
            count += 1
            at_most(MAX_UNITS, count, "units of HEVC")
            size = int.from_bytes(content[place : place + 2])
            yield from _unit(content[place + 2 : place + 2 + size])
            place += 2 + size
            if place > len(content):
                return


def units_of_picture(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and first bytes of each unit in an item of the kind `hvc1`.

    Args:
        content: the item.

    Raises:
        LimitError: there are too many.
    """
    place, count = 0, 0
    while place + 4 < len(content):
        count += 1
        at_most(MAX_UNITS, count, "units of HEVC")
        size = int.from_bytes(content[place : place + 4])
        yield from _unit(content[place + 4 : place + 4 + min(size, _HEAD_BYTES)])
        place += 4 + size


def _unit(content: bytes) -> Iterator[tuple[int, bytes]]:
    if len(content) > 2:
        yield content[0] >> 1 & 63, content[2:_HEAD_BYTES]


def is_picture_start(kind: int, content: bytes) -> bool:
    """Say whether a unit begins another picture.

    Args:
        kind: of the unit.
        content: its first bytes.
    """
    return kind in _PICTURES and bool(content[0] & 0x80)


def size_of(kind: int, content: bytes) -> tuple[int, int]:
    """Return width and height that a unit sets, in pixels; 0 x 0 if it sets none.

    Args:
        kind: of the unit.
        content: its first bytes.
    """
    if kind != _SEQUENCE:
        return 0, 0
    bits = Bits(content.replace(b"\0\0\3", b"\0\0"))  # the 3 is put in so that no start of a unit is in a unit
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    bits.take(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.variable()
    if bits.variable() == 3:
        bits.take(1)
    return bits.variable(), bits.variable()
