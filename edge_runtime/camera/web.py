"""Read a video or an endless stream from a web server, and nothing from any other server.

FFmpeg could do this by itself. Read here, the certificate is checked in the same way with every build of FFmpeg, a
playlist or a redirection cannot lead to another host or to a local file, and no frame can fill the memory.
"""

from __future__ import annotations

import http.client
import ssl
from email.message import Message
from typing import IO, Any
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from edge_runtime.camera.allowance import Allowance
from edge_runtime.camera.trust import Trust
from edge_runtime.errors import CameraError

PORTS = {"http": 80, "https": 443}
# What a server says of a version of a file, and how to ask for another one. Source: RFC 9110, 13.1.
VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
AGENT = "catdog-edge"  # some cameras refuse Python's own name


class Origin:
    """A web server, with the user and the password for it.

    Everything is read from this one server, by scheme, name and port.
    """

    def __init__(self, address: str, trust: Trust, allowance: Allowance, timeout_s: float) -> None:
        """Take the server of an address. Nothing is sent yet.

        Args:
            address: begins with `http://` or `https://`, perhaps with a user and a password.
            trust: which certificates are accepted.
            allowance: how much may be read for one packet, of all files of this server together.
            timeout_s: longest wait for a connection and for each read, seconds.

        Raises:
            ValueError: the address has no host or a wrong port.
        """
        parts = urlsplit(address)
        self.address = urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], quote(parts.path, "/%:@!$&'()*+,;=~"), parts.query, "")
        )
        self.allowance, self.timeout_s = allowance, timeout_s
        self._place = _place(self.address)
        passwords = request.HTTPPasswordMgrWithDefaultRealm()
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            passwords.add_password(None, urljoin(self.address, "/"), user, password)
        self._opener = request.OpenerDirector()
        for handler in (
            request.ProxyHandler(),
            request.HTTPHandler(),
            request.HTTPSHandler(context=trust.context()),
            request.HTTPDefaultErrorHandler(),
            request.HTTPErrorProcessor(),
            request.HTTPBasicAuthHandler(passwords),
            request.HTTPDigestAuthHandler(passwords),
            _SameServer(self),
        ):
            self._opener.add_handler(handler)

    def open(self, address: str, flags: int = 0, options: dict[str, str] | None = None) -> WebFile:
        """Open a file of this server. PyAV calls this for each file that a playlist names.

        Args:
            address: the whole address.
            flags: not used. They are FFmpeg's.
            options: not used. They are FFmpeg's.

        Raises:
            CameraError: the file is on another server or on this machine.
            OSError: the server cannot be reached or does not have the file.
        """
        self.check(address)
        return WebFile(self, self.ask(address))

    def newer(self, file: WebFile) -> WebFile | None:
        """Ask for the file of the first address again, if it is newer than one that came from there.

        Args:
            file: the one that came.

        Returns:
            The newer file, or None if the server says that it is still the same.

        Raises:
            OSError: the server cannot be reached or does not have the file any more.
        """
        answer = self.ask(self.address, headers=file.validators)
        return None if answer is None else WebFile(self, answer)

    def check(self, address: str) -> None:
        """Refuse an address of another server.

        Raises:
            CameraError: it is one.
        """
        scheme, host, port = _place(address)
        upgraded = self._place == ("http", host, 80) and (scheme, port) == ("https", 443)
        if (scheme, host, port) != self._place and not upgraded:
            where = f"{scheme}://{host}:{port}" if scheme in PORTS else f"another protocol ({scheme or 'none'})"
            raise CameraError(
                f"the server sends on to {where}, and only {':'.join(map(str, self._place[1:]))} is read. Name the "
                "other address if you trust it"
            )

    def ask(self, address: str, start: int = 0, headers: dict[str, str] | None = None) -> Any:
        """Send a request and return the answer, from a byte on.

        Args:
            address: the whole address.
            start: number of the first byte that is wanted. Default 0.
            headers: conditions, such as `If-None-Match`. If they do not hold, None is returned. Default none.

        Raises:
            OSError: the server cannot be reached, refuses, or cannot start there.
        """
        sent = {"User-Agent": AGENT} | ({"Range": f"bytes={start}-"} if start else {}) | (headers or {})
        try:
            answer = self._opener.open(request.Request(address, headers=sent), timeout=self.timeout_s)
        except HTTPError as error:
            error.close()
            if error.code == http.client.NOT_MODIFIED and headers:
                return None
            reason = http.client.responses.get(error.code, "")  # the server's own words are not printed
            raise ConnectionError(f"the server answers {error.code} {reason}".rstrip()) from error
        except URLError as error:
            raise ConnectionError(_why(error.reason)) from error
        except (http.client.HTTPException, ValueError) as error:  # their text may have the address
            raise ConnectionError(f"not an answer of a web server ({type(error).__name__})") from error
        if answer is None:
            raise ConnectionError("not an answer of a web server")
        if start and answer.status != http.client.PARTIAL_CONTENT:
            answer.close()
            raise ConnectionError("the server cannot start in the middle of a file")
        return answer


class _SameServer(request.HTTPRedirectHandler):
    """Follows a redirection only to the same server."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def redirect_request(
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> request.Request | None:
        self._origin.check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


class WebFile:
    """A file of a web server, as PyAV reads it: with `read`, `seek`, `tell` and `close`.

    Attributes:
        name: the address after redirections. FFmpeg completes the addresses of a playlist with it.
        kind: what the server says that it is, such as `multipart/x-mixed-replace`.
        validators: the headers that ask for a newer one of it, or none if the server does not tell them apart.
    """

    def __init__(self, origin: Origin, answer: Any) -> None:
        """Take the server's answer."""
        self._origin = origin
        self._answer = answer
        self.name: str = self._answer.url
        self.kind: str = self._answer.headers.get_content_type()
        told = ((asked, self._answer.headers.get(name, "")) for name, asked in VALIDATORS.items())
        self.validators = {asked: value for asked, value in told if value}
        length = self._answer.headers.get("Content-Length", "")
        self._size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
        self._ranges = self._answer.headers.get("Accept-Ranges", "").strip().lower() == "bytes"
        self._at = 0  # of the next byte that is read
        self._answer_at = 0  # of the next byte that the server sends

    def read(self, size: int) -> bytes:
        """Return the bytes that are there, at most `size`; none at the end.

        Raises:
            OSError: the server broke off or sends nothing.
            ValueError: a packet is too large.
        """
        if self._size is not None and self._at >= self._size:
            return b""
        try:
            if self._at != self._answer_at:
                self._answer.close()
                self._answer = self._origin.ask(self.name, self._at)
                self._answer_at = self._at
            content: bytes = self._answer.read1(size)
        except http.client.HTTPException as error:
            raise ConnectionError("the server broke off") from error
        if not content and self._size is not None:
            raise ConnectionError(f"the server broke off after {self._at:,} of {self._size:,} bytes")
        self._at = self._answer_at = self._at + len(content)
        self._origin.allowance.spend(len(content))
        return content

    def seekable(self) -> bool:
        """Say whether the server can start anywhere."""
        return self._ranges and self._size is not None

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte. The server is asked for it when it is read.

        Args:
            offset: number of bytes.
            whence: 0 from the start, 1 from here, 2 from the end.
        """
        start = (0, self._at, self._size or 0)[whence]
        if start + offset < 0:
            raise ValueError(f"no byte {start + offset}")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the number of the next byte."""
        return self._at

    def close(self) -> None:
        """End the connection."""
        self._answer.close()


def _place(address: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address."""
    parts = urlsplit(address)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or PORTS.get(scheme, 0)


def _why(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {reason.verify_message}. Name the certificate of its authority with "
            "--ca-file, or accept any with --insecure"
        )
    return str(getattr(reason, "strerror", None) or reason)
