"""Tell systemd that the service is ready and that it is alive."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

INTERVAL_S = 1.0  # between two signs of life; systemd waits for `WatchdogSec` of the unit, which is far longer


class Service:
    """The messages to systemd. Without systemd there is no address, and nothing is sent.

    Source: sd_notify(3), "READY=1", "WATCHDOG=1", "STOPPING=1" and "Standalone Implementations".
    """

    def __init__(self, address: str | None = None) -> None:
        """Keep the address.

        Args:
            address: path of a datagram socket, or `@` and an abstract name. Default: the environment variable
                `NOTIFY_SOCKET`, which systemd sets.
        """
        address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._next_s = float("-inf")

    def __enter__(self) -> Self:
        """Say that the service is ready."""
        self._send("READY=1")
        return self

    def alive(self) -> None:
        """Say that the service is alive, at most once in `INTERVAL_S` seconds."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + INTERVAL_S
            self._send("WATCHDOG=1")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say that the service ends."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A full or missing socket must not end the service. If it lasts, the watchdog does.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(INTERVAL_S)
            sender.sendto(message.encode(), self._address)
