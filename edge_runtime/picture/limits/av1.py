"""Read the sizes and count the frames of an AV1 bitstream.

Source: AV1 Bitstream & Decoding Process Specification, 5.3.1 to 5.3.3, 5.5.1, 5.5.3 to 5.5.5 and 4.10.5 (leb128).
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.picture.limits.bits import Bits
from edge_runtime.picture.limits.limit import at_most

MAX_UNITS = 4096
_SEQUENCE, _FRAMES = 1, (3, 6)


def largest_frame(stream: bytes) -> tuple[int, int]:
    """Return the width and height of the largest frame that any sequence header allows, 0 x 0 without one."""
    sizes = [_frame_size(content) for kind, content in _units(stream) if kind == _SEQUENCE]
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def frame_units(stream: bytes) -> int:
    """Return how many frames a bitstream holds, shown or not."""
    return sum(kind in _FRAMES for kind, _ in _units(stream))


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind of each unit, and the first bytes of its content."""
    place = count = 0
    while place < len(stream):
        count += 1
        at_most(MAX_UNITS, count, "units of AV1")
        head = stream[place]
        place += 2 if head & 4 else 1
        size = len(stream) - place
        if head & 2:
            size, place = _variable(stream, place)
        yield head >> 3 & 15, stream[place : place + min(size, 256)]
        place += size


def _variable(stream: bytes, place: int) -> tuple[int, int]:
    """Return a number of variable length, and where it ends."""
    value = 0
    for index, byte in enumerate(stream[place : place + 8]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, place + index + 1
    return value, place + 8


def _frame_size(content: bytes) -> tuple[int, int]:
    bits = Bits(content)
    bits.take(4)  # profile, still picture
    if bits.take(1):  # the short header of a still picture
        bits.take(5)
    else:
        _skip_operating_points(bits, _skip_timing(bits))
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_timing(bits: Bits) -> int | None:
    """Skip the timing, and return the length of the decoder model's delays, or None without a model."""
    if not bits.take(1):
        return None
    bits.take(64)
    if bits.take(1):
        bits.variable()
    if not bits.take(1):
        return None
    delay = bits.take(5) + 1
    bits.take(32 + 5 + 5)
    return delay


def _skip_operating_points(bits: Bits, delay: int | None) -> None:
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay is not None and bits.take(1):
            bits.take(2 * delay + 1)
        if display_delay and bits.take(1):
            bits.take(4)
