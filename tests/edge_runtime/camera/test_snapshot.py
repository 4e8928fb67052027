"""A web address that gives one picture for each request is asked again and again, also after a camera was away."""

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.camera import camera as camera_module
from edge_runtime.camera.camera import Camera, Pace
from edge_runtime.camera.settings import Settings
from edge_runtime.camera.view import Crop, View
from edge_runtime.errors import CameraError
from tests.edge_runtime.camera.stream_servers import Server, jpeg, served
from tests.edge_runtime.camera.test_camera import colour_of, next_shot, silent, take_all
from tests.edge_runtime.camera.video_source import wait_until


class Snapshots:
    """A camera on loopback that answers each request with its picture of now.

    Attributes:
        content: its picture.
        tag: what tells the picture from others; none if the camera does not know conditions.
        kind: what it says the picture is.
        trouble: the status that it answers with instead, or none.
        requests: the requests that came.
    """

    def __init__(self) -> None:
        """Show red."""
        self.content, self.tag, self.kind, self.trouble = jpeg("red"), "", "image/jpeg", ""
        self.requests: list[str] = []

    def __call__(self, server: Server, reader: socket.socket) -> None:
        """Answer one request."""
        self.requests.append(server.request(reader))
        if self.trouble:
            reader.sendall(f"HTTP/1.0 {self.trouble}\r\n\r\n".encode())
        elif self.tag and f"If-None-Match: {self.tag}" in self.requests[-1]:
            reader.sendall(b"HTTP/1.0 304 Not Modified\r\n\r\n")
        else:
            tag = f"ETag: {self.tag}\r\n" if self.tag else ""
            head = (
                f"HTTP/1.0 200 OK\r\nContent-Type: {self.kind}\r\n{tag}Content-Length: {len(self.content)}\r\n\r\n"
            )
            reader.sendall(head.encode() + self.content)


@contextmanager
def camera_of(
    snapshots: Callable[[Server, socket.socket], None], said: list[str], path: str = "now.jpg", rate: float = 50
) -> Iterator[Camera]:
    """Give a camera that asks a server for snapshots."""
    with served(snapshots) as server:
        address = f"http://user:secret@127.0.0.1:{server.port}/{path}"
        camera = Camera(address, Pace(), said.append, settings=Settings(rate=rate))
        try:
            yield camera
        finally:
            camera.close()


@pytest.mark.parametrize(
    ("kind", "path"),
    [("image/jpeg", "cgi?pwd=x"), ("Image/JPEG; charset=x", "now"), ("application/octet-stream", "a/now.JPG?x=1")],
)
def test_address_is_asked_again_and_again(kind: str, path: str) -> None:
    """Proves that one picture a request is told by its type, said once, and followed without connecting again."""
    said: list[str] = []
    snapshots = Snapshots()
    snapshots.kind = kind
    with camera_of(snapshots, said, path) as camera:
        assert colour_of(next_shot(camera).pixels) == "red"
        snapshots.content = jpeg("blue")
        wait_until(lambda: colour_of(next_shot(camera).pixels) == "blue")
        wait_until(lambda: camera.frames > 5)
        assert camera.connections == 1
    assert len(said) == 1
    assert "one picture a request. It is asked every 0.02 s" in said[0]
    assert "secret" not in said[0]


def test_rate_is_kept() -> None:
    """Proves that a picture is asked for once a second, and as often as --rate says if it is given."""
    for rate, least, most in ((None, 1, 2), (10.0, 7, 13)):
        snapshots = Snapshots()
        with served(snapshots) as server:
            address = f"http://127.0.0.1:{server.port}/now.jpg"
            camera = Camera(address, Pace(), silent, settings=Settings(rate=rate))
            next_shot(camera)
            time.sleep(1.1)
            camera.close()
        assert least <= len(snapshots.requests) <= most + 1


def test_picture_that_did_not_change_is_not_sent_again() -> None:
    """Proves that the camera is asked for a newer picture only, and that waiting for one counts as being alive."""
    said: list[str] = []
    snapshots = Snapshots()
    snapshots.tag = '"1"'
    with camera_of(snapshots, said) as camera:
        next_shot(camera)
        wait_until(lambda: len(snapshots.requests) > 5)
        assert (camera.frames, camera.is_alive) == (1, True)
        snapshots.content, snapshots.tag = jpeg("blue"), '"2"'
        assert colour_of(next_shot(camera).pixels) == "blue"
    assert 'If-None-Match: "1"' in snapshots.requests[1]
    assert len(said) == 1


def test_slow_camera_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a picture an hour is no hanging camera, and that closing does not wait for the next one."""
    monkeypatch.setattr(camera_module, "SILENCE_S", 0.9)
    with camera_of(Snapshots(), [], rate=1 / 3600) as camera:
        next_shot(camera)
        time.sleep(1.5)
        assert camera.is_alive
        start_s = time.monotonic()
        camera.close()
        assert time.monotonic() - start_s < 1
        assert not camera._thread.is_alive()


def test_camera_that_goes_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a camera that fails is tried again after growing waits, and that no line has its password."""
    monkeypatch.setattr(camera_module, "FIRST_WAIT_S", 0.05)
    said: list[str] = []
    snapshots = Snapshots()
    with camera_of(snapshots, said) as camera:
        next_shot(camera)
        snapshots.trouble = "503 Service Unavailable"
        wait_until(lambda: sum("trying again" in line for line in said) >= 3)
        snapshots.trouble, snapshots.content = "", jpeg("blue")
        wait_until(lambda: colour_of(next_shot(camera).pixels) == "blue")
    assert [line.split()[-2] for line in said if "trying again" in line][:3] == ["0.05", "0.1", "0.2"]
    assert "the server answers 503 Service Unavailable" in said[1]
    assert sum("one picture a request" in line for line in said) == 1
    assert said[-1].endswith("connected again")
    assert not any("secret" in line for line in said)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (jpeg("red")[:300], "cannot be decoded"),
        (b"<html>please log in", "not a picture that can be read"),
        (b"", "is empty"),
        (b"P6 65000 65000 255\n", "too large"),
    ],
    ids=["cut", "page", "empty", "bomb"],
)
def test_picture_that_cannot_be_used_is_left_out(content: bytes, words: str) -> None:
    """Proves that a damaged or huge picture is one line, and that the next good one is used."""
    said: list[str] = []
    snapshots = Snapshots()
    snapshots.content = content
    with camera_of(snapshots, said) as camera:
        wait_until(lambda: camera.take(0.05) is None and len(said) > 1)
        snapshots.content = jpeg("blue")
        assert colour_of(next_shot(camera).pixels) == "blue"
        assert camera.connections == 1
    assert words in said[1]
    assert "continuing with the next frame" in said[1]


def test_endless_picture_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a server that sends a picture without end is given up after 64 MiB."""

    def talk(server: Server, reader: socket.socket) -> None:
        server.request(reader)
        reader.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n")
        for _ in range(100):
            reader.sendall(bytes(2**20))

    said: list[str] = []
    with camera_of(talk, said):
        wait_until(lambda: len(said) > 1)
    assert "more than 64 MiB came without a frame" in said[1]


def test_once_asks_once() -> None:
    """Proves that --once takes one picture and ends, and that a camera that is away is an error then."""
    snapshots = Snapshots()
    with served(snapshots) as server:
        address = f"http://127.0.0.1:{server.port}/now.jpg"
        shots = take_all(Camera(address, Pace(), silent, once=True))
        assert [colour_of(shot.pixels) for shot in shots] == ["red"]
        assert len(snapshots.requests) == 1
        snapshots.trouble = "404 Not Found"
        with pytest.raises(CameraError, match=r"cannot be opened \(the server answers 404 Not Found\)"):
            take_all(Camera(address, Pace(), silent, once=True))


def test_turned_snapshot_is_upright_and_cut() -> None:
    """Proves that a snapshot is turned as its EXIF says, then seen as asked, and gets no other pixels."""
    dice = np.random.default_rng(2)
    image = Image.fromarray(dice.integers(0, 256, (40, 60, 3), np.uint8))
    stored, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    image.save(stored, "PNG", exif=exif)
    snapshots = Snapshots()
    snapshots.content, snapshots.kind = stored.getvalue(), "image/png"
    with served(snapshots) as server:
        camera = Camera(f"http://127.0.0.1:{server.port}/x", Pace(), silent, view=View(crop=Crop(5, 6, 20, 30)))
        pixels = next_shot(camera).pixels
        camera.close()
    expected = image.transpose(Image.Transpose.ROTATE_270).crop((5, 6, 25, 36))
    np.testing.assert_array_equal(pixels, np.asarray(expected))


def test_snapshots_need_no_pyav(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that `watch` reads a snapshot address where PyAV is not installed, as on a 32-bit Raspberry Pi."""
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError(\"No module named 'av'\", name='av')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    program = [sys.executable, "-c", "from edge_runtime.cli import run; run()", "watch", "--once"]
    with served(Snapshots()) as server:
        command = [*program, f"http://127.0.0.1:{server.port}/x", "--bundle", str(onnx_bundle)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout.split()[1]) == (0, "red"), done.stderr


def test_rate_of_a_stream_is_told(tmp_path: Path) -> None:
    """Proves that --rate for an address that turns out to be a stream is one line, and the stream is read."""
    from tests.edge_runtime.camera.stream_servers import send_red

    pytest.importorskip("av")
    said: list[str] = []
    with camera_of(send_red, said, "stream") as camera:
        assert colour_of(next_shot(camera).pixels) == "red"
    assert len(said) == 1
    assert "is a stream. --rate is for snapshot addresses and changes nothing here" in said[0]
