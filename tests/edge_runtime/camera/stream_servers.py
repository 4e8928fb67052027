"""Servers on loopback that send what a hostile or a secured camera would send."""

import io
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from tests.edge_runtime.camera.video_source import HEIGHT, WIDTH, picture

MULTIPART = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n"


class Server:
    """Accepts connections on loopback and lets a function talk to each of them.

    Attributes:
        port: its port.
        connections: how often it was connected to.
        requests: the first lines and headers that were received.
    """

    def __init__(self, talk: Callable[["Server", socket.socket], None], context: ssl.SSLContext | None) -> None:
        """Start to accept."""
        self.connections, self.requests = 0, list[str]()
        self.sent = 0
        self._talk, self._context = talk, context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                reader, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(reader,), daemon=True).start()

    def _serve(self, reader: socket.socket) -> None:
        reader.settimeout(10)
        with suppress(OSError), reader:
            secured = reader if self._context is None else self._context.wrap_socket(reader, server_side=True)
            with secured:
                self._talk(self, secured)

    def request(self, reader: socket.socket) -> str:
        """Receive the head of a request."""
        head = b""
        while b"\r\n\r\n" not in head:
            more = reader.recv(4096)
            if not more:
                raise OSError
            head += more
        self.requests.append(head.decode())
        return self.requests[-1]


@contextmanager
def served(
    talk: Callable[[Server, socket.socket], None], context: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """Give a running server and stop it at the end."""
    server = Server(talk, context)
    try:
        yield server
    finally:
        with suppress(OSError):
            server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()


def jpeg(colour: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """Return a JPEG file of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def part(content: bytes) -> bytes:
    """Return a part of an MJPEG stream."""
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(content), content)


def send_red(server: Server, reader: socket.socket) -> None:
    """Answer with an MJPEG stream of red frames."""
    server.request(reader)
    reader.sendall(MULTIPART)
    for _ in range(500):
        reader.sendall(part(jpeg("red")))
        time.sleep(0.02)


def answer_with(files: dict[str, bytes]) -> Callable[[Server, socket.socket], None]:
    """Return what a web server with these files says."""

    def talk(server: Server, reader: socket.socket) -> None:
        path = server.request(reader).split()[1]
        content = files.get(path, b"")
        status = b"200 OK" if path in files else b"404 Not Found"
        kind = b"application/vnd.apple.mpegurl" if content.startswith(b"#EXTM3U") else b"video/mp2t"
        head = b"HTTP/1.0 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(content))
        reader.sendall(head + content)

    return talk


def speak_rtsp(server: Server, reader: socket.socket) -> None:
    """Answer as an RTSP camera that sends red MPEG-4 frames through the same connection."""
    description = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
        "a=rtpmap:96 MP4V-ES/90000\r\na=fmtp:96 profile-level-id=1\r\na=control:t\r\n"
    )
    while True:
        request = server.request(reader)
        number = next(line.split()[1] for line in request.splitlines() if line.lower().startswith("cseq"))
        body, more = "", ""
        if request.startswith("DESCRIBE"):
            body, more = description, "Content-Type: application/sdp\r\n"
        if request.startswith("SETUP"):
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        head = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        reader.sendall((head + body).encode())
        if request.startswith("PLAY"):
            _send_frames(reader)


def _send_frames(reader: socket.socket) -> None:
    frames = mpeg4_frames(10)
    for number in range(500):
        # Source: RFC 3550, 5.1: version 2, marker and type, sequence, time at 90 kHz, source.
        head = struct.pack(">BBHII", 0x80, 0x80 | 96, number, number * 3600, 1)
        packet = head + frames[number % len(frames)]
        reader.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
        time.sleep(0.02)


def mpeg4_frames(count: int) -> list[bytes]:
    """Return red MPEG-4 frames that need no others."""
    import av

    encoder = av.CodecContext.create("mpeg4", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.options = Fraction(1, 25), Fraction(25, 1), {"g": "1"}
    packets = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(picture("red"), format="rgb24")
        frame.pts = number
        packets += encoder.encode(frame)
    return [bytes(packet) for packet in packets + encoder.encode(None)]


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate that nobody has signed, for a name such as `IP:127.0.0.1`.

    Returns:
        The settings of a server, and the file of the certificate.
    """
    tool = shutil.which("openssl")
    if tool is None:
        pytest.skip("openssl is not installed")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = f"{tool} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj /CN=camera"
    files = ["-addext", f"subjectAltName={name}", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert
