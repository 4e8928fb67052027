"""Limit what is read between two packets of a video, so that no source can fill the memory."""

from __future__ import annotations

import time

# A frame of 80 megapixels takes about 40 MB as JPEG. FFmpeg needs up to twice this while it reads.
PACKET_BYTES = 64 * 2**20


class Allowance:
    """The bytes and the seconds that are left for the next packet.

    Attributes:
        seconds: longest time for one packet.
    """

    def __init__(self, seconds: float = float("inf")) -> None:
        """Start with the whole allowance.

        Args:
            seconds: longest time for one packet. Default: no limit, as a file needs none.
        """
        self.seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Give the whole allowance again. Call it before each packet."""
        self._bytes_left = PACKET_BYTES
        self._end_s = time.monotonic() + self.seconds

    def spend(self, size: int) -> None:
        """Note that bytes were read.

        Args:
            size: number of bytes.

        Raises:
            ValueError: more bytes were read than a packet may have.
            TimeoutError: the packet takes too long.
        """
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise ValueError(f"more than {PACKET_BYTES // 2**20} MiB came without a frame")
        if time.monotonic() > self._end_s:
            raise TimeoutError(f"no whole frame came in {self.seconds:g} s")
