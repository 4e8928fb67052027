"""Files and pipes as PyAV reads them. FFmpeg sees only their bytes and never opens anything by a name."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Protocol

from edge_runtime.camera.address import Kind, kind_of
from edge_runtime.camera.allowance import Allowance

HEAD_BYTES, READ_BYTES = 4, 2**16


class Input(Protocol):
    """What PyAV reads. One with `seek` and `tell` can be read from any place."""

    name: str

    def read(self, size: int) -> bytes:
        """Return the bytes that are there, at most `size`; none at the end."""

    def close(self) -> None:
        """Let go of it."""


def open_input(source: str, allowance: Allowance) -> Input:
    """Open a file, a pipe, standard input, or a TCP or UDP stream.

    Args:
        source: a source of one of these kinds.
        allowance: how much may be read for one frame, and how long a read may wait.

    Raises:
        OSError: it cannot be opened.
        ValueError: an address has no port, or something that is not used.
    """
    kind = kind_of(source)
    if kind in (Kind.TCP, Kind.UDP):
        from edge_runtime.camera import network  # a file needs no sockets

        return network.TcpInput(source, allowance) if kind is Kind.TCP else network.UdpInput(source, allowance)
    if kind is Kind.INPUT:
        return _of_descriptor(os.dup(0), "video", allowance)
    # A FIFO may have been put in place of a file. It would block here without O_NONBLOCK.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    suffix = Path(source).suffix  # FFmpeg guesses the format of raw video with its help
    name = f"video{suffix}" if suffix[1:].isalnum() else "video"
    return _of_descriptor(os.open(source, flags), name, allowance)


def _of_descriptor(descriptor: int, name: str, allowance: Allowance) -> Input:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return FileInput(descriptor, name, allowance)
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return PipeInput(descriptor, name, allowance)
    os.close(descriptor)
    raise OSError("not a file and not a pipe")


class FileInput:
    """A regular file."""

    def __init__(self, descriptor: int, name: str, allowance: Allowance) -> None:
        """Take an open file."""
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115
        self._allowance, self.name = allowance, name
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        content = self._file.read(size)
        self._allowance.spend(len(content))
        return content


class PipeInput:
    """The reading end of a pipe. It is not waited for longer than the allowance allows."""

    def __init__(self, descriptor: int, name: str, allowance: Allowance) -> None:
        """Take an open pipe."""
        self._descriptor, self._allowance, self.name = descriptor, allowance, name
        if sys.platform != "win32":
            os.set_blocking(descriptor, True)

    def read(self, size: int) -> bytes:
        """Return the bytes that are there; wait for the first.

        Raises:
            TimeoutError: nothing came in time.
        """
        if sys.platform != "win32" and self._allowance.seconds != float("inf"):
            import select

            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            if not poll.poll(self._allowance.seconds * 1000):
                raise TimeoutError(f"nothing came in {self._allowance.seconds:g} s")
        content = os.read(self._descriptor, size)
        self._allowance.spend(len(content))
        return content

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._descriptor)


class PeekedInput:
    """A pipe or a socket whose first bytes were looked at.

    Attributes:
        head: its first bytes, `HEAD_BYTES` or more unless it ended before.
    """

    def __init__(self, source: Input) -> None:
        """Wait for the first bytes."""
        self._source, self.name, self.head = source, source.name, b""
        while len(self.head) < HEAD_BYTES and (more := source.read(READ_BYTES)):
            self.head += more
        self._left = self.head

    def read(self, size: int) -> bytes:
        """Return the next bytes, from the first on."""
        content, self._left = self._left[:size], self._left[size:]
        return content or self._source.read(size)

    def close(self) -> None:
        """Let go of it."""
        self._source.close()
