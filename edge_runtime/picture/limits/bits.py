"""Read the bits of a header one after the other."""

from __future__ import annotations


class Bits:
    """The bits of a header, most significant first; 0 behind the end."""

    def __init__(self, content: bytes) -> None:
        """Start at the first bit.

        Args:
            content: the header.
        """
        self._value = int.from_bytes(content) << 4096
        self._left = 8 * len(content) + 4096

    def take(self, count: int) -> int:
        """Return the number that the next bits are.

        Args:
            count: how many bits.
        """
        self._left -= count
        return self._value >> max(0, self._left) & (1 << count) - 1

    def variable(self) -> int:
        """Return a number of variable length: as many zeros as it has bits after its first one.

        Source: ITU-T H.265, 9.2 (ue(v)); AV1 Bitstream & Decoding Process Specification, 4.10.3 (uvlc).
        """
        zeros = 0
        while zeros < 32 and not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros) if zeros < 32 else 2**32 - 1
