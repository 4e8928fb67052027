"""TCP and UDP streams as PyAV reads them. FFmpeg sees only their bytes."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from edge_runtime.camera.address import Kind, kind_of
from edge_runtime.camera.allowance import Allowance

RECEIVE_BUFFER_BYTES = 4 * 2**20  # for datagrams that come while a frame is decoded; the system may give less
LARGEST_DATAGRAM = 65_535


class TcpInput:
    """A TCP connection to a server that sends video."""

    name = "video"

    def __init__(self, source: str, allowance: Allowance) -> None:
        """Connect.

        Args:
            source: `tcp://HOST:PORT`.
            allowance: see `open_input`.
        """
        host, port = host_and_port(source)
        self._allowance = allowance
        self._socket = socket.create_connection((host, port), allowance.seconds)
        self.close = self._socket.close

    def read(self, size: int) -> bytes:
        """Return the bytes that are there; wait for the first.

        Raises:
            TimeoutError: nothing came in time.
        """
        try:
            content = self._socket.recv(size)
        except TimeoutError as error:
            raise TimeoutError(f"nothing came in {self._allowance.seconds:g} s") from error
        self._allowance.spend(len(content))
        return content


class UdpInput:
    """Datagrams that are sent to a port of this machine, or to a multicast group.

    The machine that sends first is the only one that is listened to, so that no other can mix its pictures in.
    """

    name = "video"

    def __init__(self, source: str, allowance: Allowance) -> None:
        """Listen.

        Args:
            source: `udp://HOST:PORT`. The host is an address of this machine, a multicast group, or nothing for
                all addresses of this machine; an `@` before it changes nothing.
            allowance: see `open_input`.
        """
        host, port = host_and_port(source)
        family, address = _resolved(host, port)
        self._allowance = allowance
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self.close = self._socket.close
        try:
            self._listen(family, address)
        except OSError:
            self._socket.close()
            raise
        self._sender, self._left = "", b""

    def _listen(self, family: int, address: tuple[str, int]) -> None:
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        is_group = bool(address[0]) and ip_address(address[0]).is_multicast
        if is_group:  # several programs may listen to a group
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(address)
        if is_group and family == socket.AF_INET:
            group = socket.inet_aton(address[0]) + bytes(4)  # on any interface
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        elif is_group:
            group = socket.inet_pton(family, address[0]) + struct.pack("@I", 0)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        self._socket.settimeout(self._allowance.seconds)

    def read(self, size: int) -> bytes:
        """Return the next datagram of the sender; wait for it.

        Raises:
            TimeoutError: nothing came in time.
        """
        while not self._left:
            try:
                content, sender = self._socket.recvfrom(LARGEST_DATAGRAM)
            except TimeoutError as error:
                raise TimeoutError(f"nothing came in {self._allowance.seconds:g} s") from error
            self._sender = self._sender or sender[0]
            self._allowance.spend(len(content))  # of others too: they must not hold the reader for ever
            if sender[0] == self._sender:
                self._left = content
        content, self._left = self._left[:size], self._left[size:]
        return content


def host_and_port(source: str) -> tuple[str, int]:
    """Return the host and the port of a `tcp://` or `udp://` address.

    Args:
        source: the address. The host may be empty after `udp://`.

    Raises:
        ValueError: there is no host or no port, or something else is in it.
    """
    parts = urlsplit(source)
    is_udp = kind_of(source) is Kind.UDP
    login, _, _ = parts.netloc.rpartition("@")
    if parts.port is None or login or parts.path.strip("/") or parts.query or not (parts.hostname or is_udp):
        raise ValueError(f"expected {parts.scheme}://HOST:PORT and nothing more")
    return parts.hostname or "", parts.port


def _resolved(host: str, port: int) -> tuple[int, tuple[str, int]]:
    if not host:
        return socket.AF_INET, ("", port)  # all addresses of this machine
    found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    return found[0], (str(found[4][0]), port)
