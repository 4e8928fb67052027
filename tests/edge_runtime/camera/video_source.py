"""Real video for tests: files, and an MJPEG stream on loopback that can be cut and can come back."""

import io
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 64, 48


def picture(colour: str) -> np.ndarray:
    """Return a frame of one colour, uint8 (48, 64, 3)."""
    return np.asarray(Image.new("RGB", (WIDTH, HEIGHT), colour))


def write_video(path: Path, colours: list[str], *, fps: int = 30) -> Path:
    """Write an MPEG-4 file with one frame of each colour."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for colour in colours:
            frame = av.VideoFrame.from_ndarray(picture(colour), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn_video(path: Path, target: Path) -> Path:
    """Write a copy of an MP4 file that players turn clockwise by a quarter. Telephones record such files."""
    content = bytearray(path.read_bytes())
    # The matrix of a track's header: version 0, 4 bytes of flags, then 36 bytes before it. ISO/IEC 14496-12, 8.3.2.
    start = content.index(b"tkhd") + 4 + 4 + 36
    one = 1 << 16
    content[start : start + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, HEIGHT * one, 0, 1 << 30)
    target.write_bytes(content)
    return target


class Station:
    """An HTTP server on loopback. It sends one colour as MJPEG to one reader at a time, as cameras do."""

    def __init__(self) -> None:
        """Choose a free port and start the server."""
        self.colour, self.fps = "red", 50.0
        self.stalled = False
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._off = threading.Event()
        self.switch_on()

    @property
    def address(self) -> str:
        """The address to connect to."""
        return f"http://127.0.0.1:{self.port}/stream.mjpg"

    def switch_on(self) -> None:
        """Accept readers."""
        self._off.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def switch_off(self) -> None:
        """Cut the connection in the middle and refuse new readers."""
        self._off.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._off.is_set():
            try:
                reader, _ = self._listener.accept()
            except TimeoutError:
                continue
            with reader:
                try:
                    self._send(reader)
                except OSError:  # the reader went away
                    continue

    def _send(self, reader: socket.socket) -> None:
        reader.settimeout(5)
        reader.recv(65536)
        reader.sendall(
            b"HTTP/1.0 200 OK\r\nConnection: close\r\n"
            b"Content-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n"
        )
        while not self._off.is_set():
            if self.stalled:
                time.sleep(0.02)
                continue
            buffer = io.BytesIO()
            Image.fromarray(picture(self.colour)).save(buffer, "JPEG", quality=95)
            content = buffer.getvalue()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
            reader.sendall(head.encode() + content + b"\r\n")
            time.sleep(1 / self.fps)


@contextmanager
def on_air() -> Iterator[Station]:
    """Give a running station and stop it at the end."""
    station = Station()
    try:
        yield station
    finally:
        station.switch_off()


def wait_until(condition: Any, seconds: float = 20) -> None:
    """Wait until another thread or process has done something, or fail."""
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.02)
