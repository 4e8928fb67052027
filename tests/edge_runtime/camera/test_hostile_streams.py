"""A hostile file, playlist or server cannot fill the memory, end the watch, or make it read anything else."""

import os
import resource
import socket
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_runtime.camera import camera as camera_module
from edge_runtime.camera import video
from edge_runtime.camera.address import address_in, shown_source
from edge_runtime.camera.camera import Camera, Pace
from edge_runtime.camera.opening import check_source
from edge_runtime.camera.settings import Settings
from edge_runtime.camera.trust import Trust
from edge_runtime.camera.video import opened_video
from edge_runtime.cli import main
from edge_runtime.errors import CameraError
from tests.edge_runtime.camera.stream_servers import (
    MULTIPART,
    Server,
    answer_with,
    certificate,
    jpeg,
    part,
    send_red,
    served,
    speak_rtsp,
)
from tests.edge_runtime.camera.test_camera import colour_of, next_shot, silent, take_all
from tests.edge_runtime.camera.video_source import wait_until, write_video

av = pytest.importorskip("av", reason="PyAV reads the videos of these tests")
MIB = 2**20


def first_colour(source: str, trust: Trust | None = None) -> str:
    """Open a source and return the colour of its first frame."""
    with opened_video(source, Settings(trust=trust)) as frames:
        return colour_of(next(frames).convert())


def test_frame_that_is_too_large_is_left_out() -> None:
    """Proves that a frame above 80 megapixels is reported, costs no memory, and that the next ones are read."""
    huge = part(jpeg("blue", (9500, 9000)))

    def talk(server: Server, reader: socket.socket) -> None:
        server.request(reader)
        reader.sendall(MULTIPART + 5 * part(jpeg("red")))
        for _ in range(100):
            reader.sendall(huge + part(jpeg("red")))
            time.sleep(0.05)

    said: list[str] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with served(talk) as server:
        camera = Camera(f"http://127.0.0.1:{server.port}/x", Pace(drop=False), said.append)
        for _ in range(12):
            assert colour_of(next_shot(camera).pixels) == "red"
        camera.close()
    assert camera.connections == 1
    assert len(said) == 1
    assert "more than 80,000,000 pixels; continuing with the next frame" in said[0]
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 100


def test_file_of_frames_that_are_too_large_is_an_error(tmp_path: Path) -> None:
    """Proves that a file of which no frame can be used ends with an error and not as if it had been empty."""
    (tmp_path / "x.mjpg").write_bytes(3 * part(jpeg("blue", (9500, 9000))))
    with pytest.raises(CameraError, match=r"x\.mjpg: .*(80,000,000|Invalid)"):
        take_all(Camera(str(tmp_path / "x.mjpg"), Pace(drop=False), silent))


@pytest.mark.parametrize("length", [b"Content-Length: 2147483647\r\n", b""], ids=["2 GB", "no length"])
def test_part_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch, length: bytes) -> None:
    """Proves that a part of 2 GB, or one without a length, is given up after 64 MiB, and that frames come again."""
    monkeypatch.setattr(camera_module, "FIRST_WAIT_S", 0.05)
    sent = []

    def talk(server: Server, reader: socket.socket) -> None:
        if server.connections > 1:
            send_red(server, reader)
        server.request(reader)
        reader.sendall(MULTIPART + 5 * part(jpeg("red")) + b"--frame\r\nContent-Type: image/jpeg\r\n" + length)
        reader.sendall(b"\r\n")
        for _ in range(600):
            reader.sendall(bytes(MIB))
            sent.append(MIB)

    said: list[str] = []
    with served(talk) as server:
        camera = Camera(f"http://127.0.0.1:{server.port}/x", Pace(), said.append)
        wait_until(lambda: camera.connections == 2)
        assert colour_of(next_shot(camera).pixels) == "red"
        camera.close()
    assert "more than 64 MiB came without a frame" in said[0]
    assert len(sent) < 100


def test_pipe_without_a_writer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a FIFO in place of a file, and without a writer, is one clear error and no endless wait."""
    monkeypatch.setattr(video, "TIMEOUT_S", 0.3)
    os.mkfifo(tmp_path / "video.mp4")
    with pytest.raises(CameraError, match=r"video\.mp4: cannot be opened \(nothing came in 0\.3 s\)"):
        take_all(Camera(str(tmp_path / "video.mp4"), Pace(), silent, once=True))


def test_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """Proves that a folder that was put in place of a file is an error at once."""
    (tmp_path / "video.mp4").mkdir()
    with pytest.raises(CameraError, match=r"video\.mp4: cannot be opened \(not a file and not a pipe\)"):
        take_all(Camera(str(tmp_path / "video.mp4"), Pace(), silent))


def test_sparse_file_is_given_up(tmp_path: Path) -> None:
    """Proves that a file with a frame of 2 GB, which takes no space on disk, is refused after 64 MiB."""
    path = tmp_path / "x.mjpg"
    with path.open("wb") as file:
        file.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 2147483000\r\n\r\n")
        file.truncate(2**31)
    with pytest.raises(CameraError, match="more than 64 MiB came without a frame"):
        take_all(Camera(str(path), Pace(drop=False), silent))


@pytest.mark.parametrize("scheme", ["https", "rtsps"])
def test_certificates_are_checked(tmp_path: Path, scheme: str) -> None:
    """Proves that an unknown certificate is refused, and accepted with --ca-file or --insecure."""
    context, file = certificate(tmp_path, "IP:127.0.0.1")
    with served(send_red if scheme == "https" else speak_rtsp, context) as server:
        source = f"{scheme}://127.0.0.1:{server.port}/x"
        with pytest.raises(CameraError, match="--ca-file, or accept any with --insecure"):
            first_colour(source)
        assert not server.requests
        assert first_colour(source, Trust(ca_file=file)) == "red"
        assert first_colour(source, Trust(insecure=True)) == "red"


@pytest.mark.parametrize("scheme", ["https", "rtsps"])
def test_certificate_of_another_host_is_refused(tmp_path: Path, scheme: str) -> None:
    """Proves that a certificate that is known but names another host is refused."""
    context, file = certificate(tmp_path, "DNS:camera.example")
    with served(send_red if scheme == "https" else speak_rtsp, context) as server:
        with pytest.raises(CameraError, match="--ca-file"):
            first_colour(f"{scheme}://127.0.0.1:{server.port}/x", Trust(ca_file=file))
        assert not server.requests


def test_file_of_certificates_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Proves that a wrong --ca-file is one line before anything is connected."""
    (tmp_path / "x.pem").write_text("no certificate")
    for scheme in ("https", "rtsps"):
        for name in ("x.pem", "none.pem"):
            with pytest.raises(CameraError, match="no certificates can be read"):
                check_source(f"{scheme}://camera/x", Settings(trust=Trust(ca_file=tmp_path / name)))


@pytest.mark.parametrize("kind", ["tcp:127.0.0.1:{port}", "http:127.0.0.1:{port}", "2024-01-01T12:00:00.mp4"])
def test_name_of_a_file_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Proves that a file is opened whatever its name is, and that nothing is connected to."""
    monkeypatch.chdir(tmp_path)
    with served(send_red) as server:
        name = kind.format(port=server.port)
        write_video(tmp_path / "video.mp4", ["red"] * 3).rename(name)
        check_source(name)
        assert first_colour(name) == "red"
        assert server.connections == 0


def test_name_does_not_open_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a name with FFmpeg's subfile or a pattern reads the file of this name only."""
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "blue.mp4", ["blue"] * 3)
    name = "subfile,,start,0,end,0,,:blue.mp4"
    write_video(tmp_path / "video.mp4", ["red"] * 3).rename(name)
    assert first_colour(name) == "red"


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{other}'\n"]
)
def test_playlist_on_disk_is_refused(tmp_path: Path, text: str) -> None:
    """Proves that a file that names another file or address is refused, and that the other one is not read."""
    other = write_video(tmp_path / "video.ts", ["red"] * 30)
    with served(send_red) as server:
        for name in (other.name, f"http://127.0.0.1:{server.port}/x.ts"):
            (tmp_path / "list.mp4").write_text(text.format(other=name))
            with pytest.raises(CameraError, match=r"list\.mp4: "):
                first_colour(str(tmp_path / "list.mp4"))
        assert server.connections == 0


def playlist(other: str) -> bytes:
    """Return an HLS playlist of one file."""
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
    return f"{head}{other}\n#EXT-X-ENDLIST\n".encode()


def test_playlist_reads_its_own_server_only(tmp_path: Path) -> None:
    """Proves that a playlist plays files of its own server, and reads no other server and no local file."""
    path = write_video(tmp_path / "video.ts", ["red"] * 30)
    with served(send_red) as other:
        lists = {
            "/own": playlist("video.ts"),
            "/other": playlist(f"http://127.0.0.1:{other.port}/video.ts"),
            "/local": playlist(f"file://{path}"),
            "/coded": playlist("video.ts").replace(
                b"#EXTINF", b'#EXT-X-KEY:METHOD=AES-128,URI="file://%b"\n#EXTINF' % bytes(path)
            ),
        }
        with served(answer_with({"/video.ts": path.read_bytes()} | lists)) as server:
            address = f"http://127.0.0.1:{server.port}"
            assert first_colour(f"{address}/own") == "red"
            for name in ("/other", "/local", "/coded"):
                with pytest.raises(CameraError, match="the server sends on to"):
                    first_colour(address + name)
        assert other.connections == 0


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/x", "file:///etc/hostname"])
def test_redirection_to_another_server_is_refused(target: str) -> None:
    """Proves that a redirection to another server or a local file is not followed, and that the line says so."""
    with served(send_red) as other:

        def talk(server: Server, reader: socket.socket) -> None:
            server.request(reader)
            reader.sendall(f"HTTP/1.0 302 Found\r\nLocation: {target.format(port=other.port)}\r\n\r\n".encode())

        with served(talk) as server, pytest.raises(CameraError, match=r"sends on to|answers 302"):
            first_colour(f"http://user:secret@127.0.0.1:{server.port}/x")
        assert other.connections == 0


def test_server_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a server that sends a byte from time to time is given up like one that sends nothing."""
    monkeypatch.setattr(video, "TIMEOUT_S", 0.5)

    def talk(server: Server, reader: socket.socket) -> None:
        server.request(reader)
        reader.sendall(MULTIPART + b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 9999\r\n\r\n")
        for _ in range(200):
            reader.sendall(b"x")
            time.sleep(0.05)

    start_s = time.monotonic()
    with served(talk) as server, pytest.raises(CameraError, match="no whole frame came in"):
        first_colour(f"http://127.0.0.1:{server.port}/x")
    assert time.monotonic() - start_s < 5


def test_recording_on_a_server_is_read_from_any_place(tmp_path: Path) -> None:
    """Proves that an MP4 file with its index at the end is read from a server that can start anywhere."""
    content = write_video(tmp_path / "video.mp4", ["red"] * 30).read_bytes()
    assert content.index(b"mdat") < content.index(b"moov")

    def talk(server: Server, reader: socket.socket) -> None:
        request = server.request(reader)
        start = int(request.partition("bytes=")[2].partition("-")[0] or 0)
        status = "206 Partial Content" if start else "200 OK"
        head = f"HTTP/1.0 {status}\r\nAccept-Ranges: bytes\r\nContent-Length: {len(content) - start}\r\n\r\n"
        reader.sendall(head.encode() + content[start:])

    with served(talk) as server, opened_video(f"http://127.0.0.1:{server.port}/x") as frames:
        assert [colour_of(frame.convert()) for frame in frames] == ["red"] * 30


def test_password_is_sent_when_the_camera_asks() -> None:
    """Proves that user and password of an address are sent to its server."""

    def talk(server: Server, reader: socket.socket) -> None:
        if "Authorization: Basic dXNlcjpwYSBzcw==" in server.request(reader):
            reader.sendall(MULTIPART + 20 * part(jpeg("red")))
        else:
            reader.sendall(b'HTTP/1.0 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n')

    with served(talk) as server:
        assert first_colour(f"http://user:pa%20ss@127.0.0.1:{server.port}/x") == "red"
        with pytest.raises(CameraError, match="the server answers 401"):
            first_colour(f"http://user:wrong@127.0.0.1:{server.port}/x")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://user:secret@camera:554/1", "rtsp://***@camera:554/1"),
        ("rtsp://user:se/cr@et@camera/1", "rtsp://***@camera/1"),
        ("http://camera/now.cgi?user=a&pwd=secret", "http://camera/now.cgi?***"),
        ("ftp://user:secret@camera", "ftp://***@camera"),
        ("http://camera/1", "http://camera/1"),
        ("a@b.mp4", "a@b.mp4"),
        ("2024-01-01T12:00:00.mp4", "2024-01-01T12:00:00.mp4"),
        ("RTSP://user:secret@camera/1", "RTSP://***@camera/1"),
        ("user:secret@camera/1", "***@camera/1"),
        ("rtsp:/user:secret@camera/1", "rtsp:/***@camera/1"),
        ("rtsp//user:secret@camera/1", "rtsp//***@camera/1"),
        ("//user:secret@camera/1", "//***@camera/1"),
        ("/srv/2024-01-01T12:00:00@hall.mp4", "/srv/2024-01-01T12:00:00@hall.mp4"),
        ("camera/now.cgi?pwd=secret", "camera/now.cgi?***"),
        ("rtsp://camera:554/user=admin_password=secret_channel=1.sdp", "rtsp://camera:554/***"),
        ("http://camera/img;usr=a;pwd=secret", "http://camera/img;***"),
        ("http://camera/x#token=secret", "http://camera/x#***"),
        ("rtmp://server/live/secret", "rtmp://server/live/***"),
        ("rtmp://user:secret@server:1935/live/secret?token=secret", "rtmp://***@server:1935/live/***?***"),
        ("tcp://user:secret@camera:8888", "tcp://***@camera:8888"),
    ],
)
def test_secrets_are_masked(source: str, shown: str) -> None:
    """Proves that user, password and the values of a question are masked, and nothing else."""
    assert shown_source(source) == shown


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https", "rtmp", "tcp", "udp", "ftp"])
@pytest.mark.parametrize("from_file", [True, False])
def test_no_line_has_a_secret(onnx_bundle: Path, tmp_path: Path, scheme: str, from_file: bool) -> None:
    """Proves that no line of the command has the password of an address, and that it may come from a file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    source = f"{scheme}://user:hunter1@127.0.0.1:{port}/x/hunter3?key=hunter2".replace(
        "/hunter3" * (scheme != "rtmp"), ""
    )
    (tmp_path / "address").write_text(f"{source}\n")
    named = ["--source-file", str(tmp_path / "address")] if from_file else [source]
    result = watch(*named, "--once", "--bundle", str(onnx_bundle))
    assert result.exit_code == 1
    assert f"{scheme}://***@127.0.0.1:{port}/x{'/***' * (scheme == 'rtmp')}?***" in result.output
    assert "hunter" not in result.output
    assert ("--source-file hides them" in result.output) != from_file


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe", b"x" * 5000, None], ids=str)
def test_file_without_a_source_is_told(tmp_path: Path, content: bytes | None) -> None:
    """Proves that a file that has no source is one line, which does not repeat what is in it."""
    if content is not None:
        (tmp_path / "address").write_bytes(content)
    with pytest.raises(CameraError, match=r"address: (expected|is not text|cannot be read)") as caught:
        address_in(tmp_path / "address")
    assert "xx" not in str(caught.value)


def watch(*arguments: str) -> Result:
    """Run `catdog-edge watch` in this process."""
    return CliRunner().invoke(main, ["watch", *arguments])


def test_recording_at_an_address_ends_with_once(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that --once ends with exit code 0 at the end of a recording, and with 1 when it is not there."""
    path = write_video(tmp_path / "video.ts", ["red"] * 10)
    with served(answer_with({"/video.ts": path.read_bytes()})) as server:
        address = f"http://127.0.0.1:{server.port}"
        result = watch(f"{address}/video.ts", "--once", "--bundle", str(onnx_bundle))
        assert (result.exit_code, "red" in result.stdout) == (0, True)
        result = watch(f"{address}/none.ts", "--once", "--bundle", str(onnx_bundle))
        assert (result.exit_code, "the server answers 404 Not Found" in result.stderr) == (1, True)


def test_log_is_opened_again(tmp_path: Path) -> None:
    """Proves that a log that was renamed gets its next lines under its old name, and none is lost meanwhile."""
    from edge_runtime.camera.log import Log

    path = tmp_path / "log"
    with Log(path) as log:
        log.append("1")
        path.rename(tmp_path / "log.1")
        log.append("2")
        log.reopen()
        log.append("3")
        path.unlink()
        path.mkdir()
        log.reopen()
        log.append("4")
    assert (tmp_path / "log.1").read_text() == "1\n2\n"
