"""Real FFmpeg streams through standard input, a named pipe, TCP, UDP and RTMP."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge_runtime.camera import camera as camera_module
from edge_runtime.camera import video
from edge_runtime.camera.camera import Camera, Pace
from edge_runtime.camera.opening import check_source
from edge_runtime.camera.video import opened_video
from edge_runtime.cli import main
from edge_runtime.errors import CameraError
from tests.edge_runtime.camera.rtmp_server import speak_rtmp
from tests.edge_runtime.camera.stream_servers import Server, jpeg, part, served
from tests.edge_runtime.camera.test_camera import colour_of, next_shot, silent, take_all
from tests.edge_runtime.camera.video_source import HEIGHT, WIDTH, picture, wait_until, write_video

av = pytest.importorskip("av", reason="PyAV reads and writes the streams of these tests")
COMMAND = [sys.executable, "-c", "from edge_runtime.cli import run; run()", "watch"]
MIB = 2**20


def transport_stream(colours: list[str], file: Any) -> None:
    """Write MPEG-2 video as an MPEG transport stream, in packets as they go over a network."""
    with av.open(file, "w", format="mpegts") as container:
        stream: Any = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 5
        for colour in colours:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(colour), format="rgb24")))
        container.mux(stream.encode())


def ts_bytes(colours: list[str]) -> bytes:
    """Return such a stream."""
    file = io.BytesIO()
    transport_stream(colours, file)
    return file.getvalue()


def labels_of(content: bytes, bundle: Path, *options: str) -> tuple[list[str], str]:
    """Run `watch -` with this on standard input, and return the labels of all frames and what was said."""
    command = [*COMMAND, "-", "--bundle", str(bundle), "--json", "--each-frame", "--half-life", "0", *options]
    done = subprocess.run(command, input=content, capture_output=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["label"] for line in done.stdout.splitlines()], done.stderr.decode()


def faststart(folder: Path) -> bytes:
    """Return an MP4 file with its index at the start."""
    with av.open(str(folder / "x.mp4"), "w", options={"movflags": "faststart"}) as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for colour in ["red"] * 30 + ["blue"] * 30:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(colour), format="rgb24")))
        container.mux(stream.encode())
    return (folder / "x.mp4").read_bytes()


@pytest.mark.parametrize("kind", ["jpegs", "multipart", "mpegts", "mp4"])
def test_standard_input(onnx_bundle: Path, tmp_path: Path, kind: str) -> None:
    """Proves that JPEGs one after the other, a camera's MJPEG answer, MPEG-TS and MP4 come through a pipe whole."""
    colours = ["red"] * 30 + ["blue"] * 30
    content = {
        "jpegs": lambda: b"".join(map(jpeg, colours)),
        "multipart": lambda: b"".join(part(jpeg(colour)) for colour in colours),
        "mpegts": lambda: ts_bytes(colours),
        "mp4": lambda: faststart(tmp_path),
    }[kind]()
    labels, said = labels_of(content, onnx_bundle, "--all-frames")
    assert labels == sorted(labels, reverse=True)
    assert labels.count("red") in (29, 30)
    assert labels.count("blue") in (29, 30)
    assert "trying again" not in said


def test_file_on_standard_input(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that `watch - < video.mp4` reads a file whose index is at its end."""
    path = write_video(tmp_path / "video.mp4", ["red"] * 20)
    with path.open("rb") as file:
        command = [*COMMAND, "-", "--all-frames", "--bundle", str(onnx_bundle)]
        done = subprocess.run(command, stdin=file, capture_output=True, text=True)
    assert (done.returncode, "20 frames in" in done.stderr) == (0, True), done.stderr


def test_standard_input_that_is_no_video_is_told(onnx_bundle: Path) -> None:
    """Proves that text on standard input, nothing on it, and none at all are one clear line each."""
    command = [*COMMAND, "-", "--bundle", str(onnx_bundle)]
    for content in (b"no video\n" * 1000, b""):
        done = subprocess.run(command, input=content, capture_output=True)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(b"error: -: cannot be opened (")
    done = subprocess.run(command, capture_output=True, preexec_fn=lambda: os.close(0))
    assert done.returncode == 1
    assert b"error: -: there is no standard input" in done.stderr


def test_terminal_as_standard_input_is_told(onnx_bundle: Path) -> None:
    """Proves that `watch -` without a pipe says how to send a video, and does not wait for typing."""
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.run([*COMMAND, "-", "--bundle", str(onnx_bundle)], stdin=theirs, capture_output=True)
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, b"standard input is a terminal" in done.stderr) == (1, True)


def test_named_pipe_that_is_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a FIFO is read when a writer comes, and read again when another one comes."""
    monkeypatch.setattr(camera_module, "FIRST_WAIT_S", 0.05)
    path, said = tmp_path / "pipe", list[str]()
    os.mkfifo(path)
    camera = Camera(str(path), Pace(), said.append)
    for colour in ("red", "blue"):
        with suppress(BrokenPipeError):
            path.write_bytes(b"".join([jpeg(colour)] * 60))
        wait_until(lambda colour=colour: colour_of(next_shot(camera).pixels) == colour)
        wait_until(lambda: any("ended; trying again" in line for line in said))  # or both would be one stream
    camera.close()
    assert camera.connections == 2


def send(content: bytes) -> Callable[[Server, socket.socket], None]:
    """Return what a TCP server says that sends a stream slowly."""

    def talk(server: Server, reader: socket.socket) -> None:
        for start in range(0, len(content), 1316):
            reader.sendall(content[start : start + 1316])
            time.sleep(0.001)

    return talk


def test_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a TCP server's stream is read, and connected to again after its end."""
    monkeypatch.setattr(camera_module, "FIRST_WAIT_S", 0.05)
    with served(send(ts_bytes(["red"] * 50))) as server:
        camera = Camera(f"TCP://127.0.0.1:{server.port}", Pace(), silent)
        assert colour_of(next_shot(camera).pixels) == "red"
        wait_until(lambda: camera.connections == 2)
        camera.close()


@pytest.mark.parametrize("make", [jpeg, lambda colour: part(jpeg(colour))], ids=["jpegs", "multipart"])
def test_slow_pictures_come_at_once(make: Callable[[str], bytes]) -> None:
    """Proves that small pictures that come one by one are classified one by one, and not megabytes later."""
    sent = []

    def talk(server: Server, reader: socket.socket) -> None:
        for colour in ["red"] * 3 + ["blue"] * 100:
            reader.sendall(make(colour))
            sent.append(colour)
            time.sleep(0.1)

    with served(talk) as server:
        camera = Camera(f"tcp://127.0.0.1:{server.port}", Pace(drop=False), silent)
        assert colour_of(next_shot(camera).pixels) == "red"
        assert len(sent) < 20
        wait_until(lambda: colour_of(next_shot(camera).pixels) == "blue")
        camera.close()


def test_tcp_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a server that accepts and sends nothing is given up, as is one that refuses."""
    monkeypatch.setattr(video, "TIMEOUT_S", 0.3)
    with served(lambda server, reader: time.sleep(3)) as server:
        with pytest.raises(CameraError, match=r"nothing came in 0\.3 s"):
            take_all(Camera(f"tcp://127.0.0.1:{server.port}", Pace(), silent, once=True))
        port = server.port
    with pytest.raises(CameraError, match=r"tcp://127.*cannot be opened \(Connection refused\)"):
        take_all(Camera(f"tcp://127.0.0.1:{port}", Pace(), silent, once=True))


def test_tcp_frame_without_end_is_given_up() -> None:
    """Proves that a part of 2 GB is given up after 64 MiB, however fast it comes."""
    sent = []

    def talk(server: Server, reader: socket.socket) -> None:
        reader.sendall(b"".join(part(jpeg("red")) for _ in range(20)))
        reader.sendall(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 2147483647\r\n\r\n")
        for _ in range(300):
            reader.sendall(bytes(MIB))
            sent.append(MIB)

    with served(talk) as server, pytest.raises(CameraError, match="more than 64 MiB came without a frame"):
        take_all(Camera(f"tcp://127.0.0.1:{server.port}", Pace(), silent, once=True))
    assert len(sent) < 150


@contextmanager
def sent_to(port: int, content: bytes, source: str = "127.0.0.1") -> Iterator[None]:
    """Send a stream in datagrams, again and again."""
    done = threading.Event()

    def run() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((source, 0))
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
            while not done.is_set():
                for start in range(0, len(content), 1316):
                    sender.sendto(content[start : start + 1316], ("127.0.0.1", port))
                    time.sleep(0.001)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize("host", ["127.0.0.1", "@", ""])
def test_udp(host: str) -> None:
    """Proves that a stream of datagrams to this machine is read, under each way to write the address."""
    port = free_port()
    with sent_to(port, ts_bytes(["red"] * 50)):
        camera = Camera(f"udp://{host}:{port}", Pace(), silent)
        assert colour_of(next_shot(camera).pixels) == "red"
        camera.close()


def test_udp_listens_to_one_sender() -> None:
    """Proves that datagrams of a second machine are not mixed into the stream of the first."""
    from edge_runtime.camera.allowance import Allowance
    from edge_runtime.camera.network import UdpInput

    port = free_port()
    source = UdpInput(f"udp://@:{port}", Allowance(5))
    first, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    first.bind(("127.0.0.1", 0))
    other.bind(("127.0.0.2", 0))
    for number in range(3):
        first.sendto(b"first%d" % number, ("127.0.0.1", port))
        other.sendto(b"other", ("127.0.0.1", port))
    assert [source.read(100) for _ in range(3)] == [b"first0", b"first1", b"first2"]
    first.sendto(b"longer", ("127.0.0.1", port))
    assert [source.read(4), source.read(4)] == [b"long", b"er"]
    for end in (source, first, other):
        end.close()


def test_multicast_group_is_joined() -> None:
    """Proves that an address of a multicast group listens to the group."""
    port = free_port()
    from edge_runtime.camera.allowance import Allowance
    from edge_runtime.camera.network import UdpInput

    try:
        source = UdpInput(f"udp://@239.7.7.7:{port}", Allowance(2))
    except OSError as error:
        pytest.skip(f"no multicast here: {error}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"hello", ("239.7.7.7", port))
            assert source.read(100) == b"hello"
        except (OSError, TimeoutError) as error:
            pytest.skip(f"no multicast here: {error}")
        finally:
            source.close()


def test_udp_without_a_sender_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that silence is one clear line, and that an address of another machine is too."""
    monkeypatch.setattr(video, "TIMEOUT_S", 0.3)
    with pytest.raises(CameraError, match=r"cannot be opened \(nothing came in 0\.3 s\)"):
        take_all(Camera(f"udp://127.0.0.1:{free_port()}", Pace(), silent, once=True))
    with pytest.raises(CameraError, match=r"udp://192\.0\.2\.7:9: cannot be opened"):
        take_all(Camera("udp://192.0.2.7:9", Pace(), silent, once=True))


def test_rtmp() -> None:
    """Proves that an RTMP stream is read."""
    with served(speak_rtmp) as server, opened_video(f"rtmp://127.0.0.1:{server.port}/live/key") as frames:
        frame = next(frames)
        assert frame is not None
        assert colour_of(frame.convert()) == "red"


@pytest.mark.parametrize(
    "source",
    [
        *("tcp://127.0.0.1", "tcp://:80", "tcp://user:pw@127.0.0.1:80", "tcp://127.0.0.1:80/x", "udp://@:1?a=b"),
        *("udp://127.0.0.1", "tcp://127.0.0.1:99999", "rtmp://", "rtmp://:80/x"),
    ],
)
def test_address_that_is_none_is_refused_at_once(source: str) -> None:
    """Proves that an address without a host or a port, or with something that is not used, is one line."""
    with pytest.raises(CameraError, match="not an address"):
        check_source(source)


@pytest.mark.parametrize("source", ["tcp://127.0.0.1:1", "0"])
def test_all_frames_need_a_source_that_waits(source: str) -> None:
    """Proves that --all-frames is refused for a source that does not wait."""
    result = CliRunner().invoke(main, ["watch", source, "--all-frames"])
    assert (result.exit_code, "--all-frames works only with" in result.stderr) == (2, True)
