"""Frames of files, streams and the Pi's camera: the newest frame counts, and a lost source is opened again."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge_runtime.camera import camera as camera_module
from edge_runtime.camera import clock as clock_module
from edge_runtime.camera import video
from edge_runtime.camera.address import is_file
from edge_runtime.camera.allowance import Allowance
from edge_runtime.camera.camera import Camera, Pace, Shot
from edge_runtime.camera.frame import Frame
from edge_runtime.camera.opening import check_source
from edge_runtime.camera.video import opened_video
from edge_runtime.errors import CameraError
from tests.edge_runtime.camera.video_source import on_air, picture, turn_video, wait_until, write_video

pytest.importorskip("av", reason="PyAV reads the videos of these tests")


def colour_of(pixels: np.ndarray) -> str:
    """Return the strongest colour of a frame."""
    return ("red", "green", "blue")[int(pixels.reshape(-1, 3).mean(axis=0).argmax())]


def take_all(camera: Camera) -> list[Shot]:
    """Take frames until the file ends."""
    shots = []
    try:
        while True:
            shot = camera.take(5)
            if shot is not None:
                shots.append(shot)
    except EOFError:
        return shots
    finally:
        camera.close()


def silent(line: str) -> None:
    """Print nothing."""


def test_colours_come_in_the_right_order(tmp_path: Path) -> None:
    """Proves that frames are RGB, so a red video is red, and that times rise with the frame rate."""
    path = write_video(tmp_path / "video.mp4", ["red", "lime", "blue"], fps=25)
    with opened_video(str(path)) as frames:
        found = [(frame.time_s, frame.convert()) for frame in frames]
    assert [colour_of(pixels) for _, pixels in found] == ["red", "green", "blue"]
    assert [time_s for time_s, _ in found] == pytest.approx([0, 0.04, 0.08])
    assert (found[0][1].shape, found[0][1].dtype) == ((48, 64, 3), np.uint8)
    assert np.abs(found[0][1].astype(int) - picture("red")).max() < 12


def test_turned_video_is_upright(tmp_path: Path) -> None:
    """Proves that a telephone's video comes upright: what was at the left comes to the top."""
    import av

    path = tmp_path / "video.mp4"
    halves = np.concatenate([picture("red")[:, :32], picture("blue")[:, 32:]], axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(halves, format="rgb24")))
        container.mux(stream.encode())
    with opened_video(str(turn_video(path, tmp_path / "turned.mp4"))) as frames:
        (pixels,) = [frame.convert() for frame in frames]
    assert pixels.shape == (64, 48, 3)
    assert [colour_of(half) for half in (pixels[:28], pixels[36:])] == ["red", "blue"]


def test_older_pyav_shows_video_as_it_was_recorded() -> None:
    """Proves that an older PyAV, without the rotation of a frame, still reads a video."""
    frame = SimpleNamespace(width=64, height=48, to_ndarray=lambda format: picture("red"))
    np.testing.assert_array_equal(video._pixels(frame, "x"), picture("red"))


def test_damaged_frame_is_left_out(tmp_path: Path) -> None:
    """Proves that one damaged frame of a file is left out, and no other frame."""
    import av

    path = tmp_path / "video.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture("red"), format="rgb24")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        packet = list(container.demux(video=0))[10]
    content = bytearray(path.read_bytes())
    place = content.index(bytes(packet), packet.pos)
    content[place : place + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    shots = take_all(Camera(str(path), Pace(drop=False), silent))
    assert len(shots) == 19
    assert {colour_of(shot.pixels) for shot in shots} == {"red"}


def test_every_frame_of_a_file_when_none_is_to_be_dropped(tmp_path: Path) -> None:
    """Proves that a slow reader gets every frame of a file in order if it asks for all."""
    path = write_video(tmp_path / "video.mp4", ["red", "blue"] * 20)
    camera = Camera(str(path), Pace(drop=False), silent)
    shots = take_all(camera)
    assert [shot.number for shot in shots] == list(range(40))
    assert [colour_of(shot.pixels) for shot in shots] == ["red", "blue"] * 20
    assert (camera.frames, camera.dropped) == (40, 0)


def test_slow_reader_gets_the_newest_frame(tmp_path: Path) -> None:
    """Proves that frames that come while the reader is busy are dropped and counted, except the newest."""
    path = write_video(tmp_path / "video.mp4", ["red"] * 20 + ["blue"], fps=60)
    camera = Camera(str(path), Pace(), silent)
    first = camera.take(5)
    wait_until(lambda: camera.frames == 21)
    last = camera.take(5)
    camera.close()
    assert first is not None
    assert last is not None
    assert (last.number, colour_of(last.pixels)) == (20, "blue")
    assert camera.dropped == 20 - first.number - 1


def test_file_plays_in_its_own_time(tmp_path: Path) -> None:
    """Proves that a file plays at its own speed, like a camera: half a second of video takes half a second."""
    path = write_video(tmp_path / "video.mp4", ["red"] * 16, fps=30)
    start_s = time.monotonic()
    take_all(Camera(str(path), Pace(), silent))
    assert 0.5 <= time.monotonic() - start_s < 3


def test_raw_file_plays_at_its_rate(tmp_path: Path) -> None:
    """Proves that a file without times, as rpicam-vid writes, takes as long to play as it took to film."""
    path = write_video(tmp_path / "video.m4v", ["red"] * 16, fps=25)
    start_s = time.monotonic()
    shots = take_all(Camera(str(path), Pace(drop=False), silent))
    assert [shot.time_s for shot in shots] == pytest.approx([number / 25 for number in range(len(shots))])
    assert len(shots) >= 15
    start_s = time.monotonic()
    take_all(Camera(str(path), Pace(), silent))
    assert 0.5 <= time.monotonic() - start_s < 3


@pytest.mark.parametrize(("jump_s", "least_s"), [(3600, 0.3), (-0.5, 0.0)])
def test_jump_in_the_times_is_not_waited_out(
    monkeypatch: pytest.MonkeyPatch, jump_s: float, least_s: float
) -> None:
    """Proves that an hour without frames or a clock that was set back causes no wait."""
    monkeypatch.setattr(clock_module, "LONGEST_GAP_S", 0.3)
    assert waits_of(7.0, 7.1, 7.1 + jump_s, 7.2 + jump_s) == pytest.approx([0, 0.1, least_s, 0.1])


def test_frames_out_of_order_take_no_longer() -> None:
    """Proves that small steps back in the times of a file do not add up."""
    assert waits_of(0.04, 0.12, 0.16, 0.08, 0.24) == pytest.approx([0, 0.08, 0.04, 0, 0.08])


def waits_of(*times_s: float) -> list[float]:
    """Return the wait before each frame of a recording."""
    clock, now_s, waits = clock_module.Clock(), 100.0, []
    for time_s in times_s:
        waits.append(clock.wait_s(time_s, now_s))
        now_s += waits[-1]
    return waits


def test_frames_without_a_time_follow_those_with_one() -> None:
    """Proves that a frame without a time follows the frame before it at the rate of the file."""
    times = [1000.0, None, None, 1000.12, None]
    stream = SimpleNamespace(average_rate=25, index=0, codec_context=SimpleNamespace())
    packets = [
        SimpleNamespace(stream=stream, decode=lambda time=time: [SimpleNamespace(time=time)]) for time in times
    ]
    container = SimpleNamespace(streams=SimpleNamespace(video=[stream]), duration=None, demux=lambda: iter(packets))
    found = [frame.time_s for frame in video._frames(container, "video.ts", Allowance())]
    assert found == pytest.approx([1000, 1000.04, 1000.08, 1000.12, 1000.16])


@pytest.mark.parametrize("once", [True, False])
def test_recording_behind_an_address_plays_again_unless_once(tmp_path: Path, once: bool) -> None:
    """Proves that a file on a web server plays at its own speed, and plays again unless it was to be read once."""
    write_video(tmp_path / "video.mp4", ["red"] * 16, fps=30)
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        start_s = time.monotonic()
        camera = Camera(f"http://127.0.0.1:{server.server_port}/video.mp4", Pace(), silent, once=once)
        if once:
            take_all(camera)
        wait_until(lambda: camera.connections == (1 if once else 2))
        assert 0.5 <= time.monotonic() - start_s < 10
        camera.close()
        server.shutdown()
    assert camera.frames == 16 if once else camera.frames > 16


def test_recording_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    """Proves that a file that breaks off on its server is an error if it was to be read once."""
    write_video(tmp_path / "video.avi", ["red", "blue"] * 40)
    handler = partial(HalfHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        camera = Camera(f"http://127.0.0.1:{server.server_port}/video.avi", Pace(), silent, once=True)
        with pytest.raises(CameraError, match="reading failed"):
            take_all(camera)
        server.shutdown()
    assert camera.connections == 1
    assert 20 < camera.frames < 80


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


class HalfHandler(QuietHandler):
    """Announces a whole file and sends half of it."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send half of the file."""
        content = source.read()
        outputfile.write(content[: len(content) // 2])


def test_source_that_gives_one_frame_each_time_is_asked_ever_more_slowly(tmp_path: Path) -> None:
    """Proves that the waits grow for a camera that always breaks off after its first frame."""
    write_video(tmp_path / "now.avi", ["red"])
    handler, said = partial(QuietHandler, directory=str(tmp_path)), []
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        camera = Camera(f"http://127.0.0.1:{server.server_port}/now.avi", Pace(), said.append)
        wait_until(lambda: sum("trying again" in line for line in said) >= 3)
        camera.close()
        server.shutdown()
    assert [line.split()[-2] for line in said if "trying again" in line][:3] == ["0.5", "1", "2"]
    assert camera.connections >= 3


@pytest.mark.parametrize(("pace", "numbers"), [(Pace(every=5), [0, 5, 10, 15]), (Pace(max_fps=10), [0, 3, 6, 9])])
def test_unwanted_frames_are_not_counted_as_dropped(tmp_path: Path, pace: Pace, numbers: list[int]) -> None:
    """Proves that frames that --every and --max-fps leave out do not count as dropped."""
    path = write_video(tmp_path / "video.mp4", ["red"] * 20)
    camera = Camera(str(path), pace, silent)
    shots = take_all(camera)
    if pace.every > 1:
        assert [shot.number for shot in shots] == numbers
    else:
        assert 5 <= len(shots) <= 8
    assert camera.dropped <= 1  # on a busy machine


def test_stream_is_read_live() -> None:
    """Proves that a stream on loopback gives the frames that are sent now."""
    with on_air() as station:
        camera = Camera(station.address, Pace(), silent)
        shot = next_shot(camera)
        assert colour_of(shot.pixels) == "red"
        station.colour = "blue"
        wait_until(lambda: colour_of(next_shot(camera).pixels) == "blue")
        camera.close()
    assert camera.connections == 1


def next_shot(camera: Camera) -> Shot:
    """Wait for the next frame."""
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        shot = camera.take(0.1)
        if shot is not None:
            return shot
    raise AssertionError("no frame came")


def test_stream_that_dies_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a lost stream is tried again after growing waits, and read again when it is back."""
    monkeypatch.setattr(camera_module, "FIRST_WAIT_S", 0.05)
    said: list[str] = []
    with on_air() as station:
        camera = Camera(station.address, Pace(), said.append)
        next_shot(camera)
        station.switch_off()
        wait_until(lambda: len(said) >= 4)
        assert camera.take(0.01) is None or camera.take(0.01) is None
        station.colour = "blue"
        station.switch_on()
        assert colour_of(next_shot(camera).pixels) == "blue"
        camera.close()
    assert camera.connections == 2
    waits = [float(line.split()[-2]) for line in said if "trying again in" in line]
    assert waits[:4] == [0.05, 0.1, 0.2, 0.4]
    assert said[-1].endswith("connected again")


def test_lost_source_costs_no_processor_time() -> None:
    """Proves that waiting for a camera takes at most a tenth of the processor's time."""
    camera = Camera("/dev/video987", Pace(), silent)
    wait_until(lambda: camera._thread.is_alive())
    time.sleep(0.3)
    before_s = time.process_time()
    assert camera.take(1.0) is None
    assert time.process_time() - before_s < 0.1
    camera.close()


def test_closing_does_not_wait_for_the_back_off() -> None:
    """Proves that closing takes no time while a camera is away."""
    camera = Camera("/dev/video987", Pace(), silent)
    camera.take(1.2)
    start_s = time.monotonic()
    camera.close()
    assert time.monotonic() - start_s < 1
    assert not camera._thread.is_alive()


def test_damaged_video_is_one_clear_error(tmp_path: Path) -> None:
    """Proves that a file that is no video, or is cut, gives a CameraError or the frames that it has."""
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(CameraError, match=r"text.mp4: cannot be opened"):
        take_all(Camera(str(tmp_path / "text.mp4"), Pace(), silent))
    whole = write_video(tmp_path / "video.avi", ["red"] * 30).read_bytes()
    dice = np.random.default_rng(0)
    for _ in range(20):
        content = bytearray(whole[: dice.integers(len(whole))])
        for place in dice.integers(0, max(1, len(content)), 5):
            content[place : place + 1] = bytes([dice.integers(256)])
        (tmp_path / "cut.avi").write_bytes(content)
        try:
            shots = take_all(Camera(str(tmp_path / "cut.avi"), Pace(drop=False), silent))
        except CameraError as error:
            assert "cut.avi" in str(error)  # noqa: PT017
        else:
            assert len(shots) <= 30


@pytest.mark.parametrize("source", ["none.mp4", "ftp://x/y", "concat:a|b", "", "/tmp"])
def test_source_that_can_never_open_is_refused_at_once(source: str) -> None:
    """Proves that a wrong name is refused at once, with the kinds of sources that there are."""
    with pytest.raises(CameraError, match="rtsp://"):
        check_source(source)


def test_kinds_of_sources() -> None:
    """Proves which names are files and which are cameras or streams."""
    assert is_file("video.mp4")
    for source in ("0", "/dev/video3", "rtsp://camera/1", "http://camera/stream"):
        assert not is_file(source)
        check_source(source)


FAKE = """
import time
import numpy as np
class Picamera2:
    calls, trouble, is_open = [], None, False
    def __init__(self, number=0):
        if Picamera2.is_open: raise RuntimeError("busy")
        Picamera2.is_open, self.left = True, 5
    def create_video_configuration(self, main, controls):
        assert main == {"size": (640, 480), "format": "BGR888"}
        return main
    def configure(self, configuration): self.call("configure")
    def start(self): self.call("start")
    def capture_array(self, name, wait):
        if Picamera2.trouble == "stall":
            Picamera2.trouble = None
            time.sleep(wait)
            raise TimeoutError
        if not self.left: raise RuntimeError("unplugged")
        self.left -= 1
        self.call(name)
        return np.full((480, 640, 3), (255, 0, 0), np.uint8)
    def close(self):
        Picamera2.is_open = False
        self.call("close")
    def call(self, name):
        self.calls.append(name)
        if Picamera2.trouble == name:
            Picamera2.trouble = None
            raise RuntimeError(f"{name} failed")
"""


@pytest.fixture
def fake_picamera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module with the interface of picamera2, after its manual. Its camera is unplugged after 5 frames."""
    (tmp_path / "picamera2.py").write_text(FAKE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("picamera2", None)


def test_camera_of_the_pi(fake_picamera: None) -> None:
    """Proves that picamera2 is set to RGB, is read, and is closed when it fails."""
    import picamera2

    seen: list[Frame] = []

    def read() -> None:
        with opened_video("picamera2") as frames:
            for frame in frames:
                seen.append(frame)

    with pytest.raises(CameraError, match=r"picamera2: reading failed \(unplugged\)"):
        read()
    assert {colour_of(frame.convert()) for frame in seen} == {"red"}
    assert picamera2.Picamera2.calls == ["configure", "start", *["main"] * 5, "close"]


@pytest.mark.parametrize(
    ("trouble", "reason", "connections"),
    [
        ("configure", "cannot be opened (configure failed)", 1),
        ("start", "cannot be opened (start failed)", 1),
        ("stall", "no frame in 0.05 s", 1),
        ("close", "reading failed (unplugged)", 2),
    ],
)
def test_camera_of_the_pi_comes_back(
    fake_picamera: None, monkeypatch: pytest.MonkeyPatch, trouble: str, reason: str, connections: int
) -> None:
    """Proves that after any failure the camera is closed, the reason is printed, and frames come again."""
    import picamera2

    monkeypatch.setattr(camera_module, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(video, "TIMEOUT_S", 0.05)
    picamera2.Picamera2.trouble = trouble
    said: list[str] = []
    camera = Camera("picamera2", Pace(), said.append)
    wait_until(lambda: camera.connections == connections)
    assert colour_of(next_shot(camera).pixels) == "red"
    camera.close()
    assert said[0] == f"picamera2: {reason}; trying again in 0.05 s"


def test_missing_picamera_names_its_package() -> None:
    """Proves that a missing picamera2 is an error at once, with the command that installs it."""
    with pytest.raises(CameraError, match="sudo apt install python3-picamera2"):
        check_source("picamera2")
    with pytest.raises(CameraError, match="sudo apt install python3-picamera2"), opened_video("picamera2"):
        pass


@pytest.mark.parametrize("error", ["ValueError", "AttributeError", "OSError"])
def test_picamera_that_does_not_load_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    """Proves that a picamera2 built for NumPy 1 is an error at once, with advice on NumPy."""
    (tmp_path / "picamera2.py").write_text(f"raise {error}('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CameraError, match=r"size changed.* pip install 'numpy<2'"):
        check_source("picamera2")


def test_no_thread_or_descriptor_is_left(tmp_path: Path) -> None:
    """Proves that opening and closing sources many times leaves no thread and no open file."""
    path = write_video(tmp_path / "video.mp4", ["red"] * 3)
    take_all(Camera(str(path), Pace(drop=False), silent))
    before = threading.active_count(), len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(5):
        take_all(Camera(str(path), Pace(drop=False), silent))
    after = threading.active_count(), len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    assert after == before


def test_stream_that_stalls_is_given_up_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a stream that stays connected but sends nothing is given up after a timeout and tried again."""
    monkeypatch.setattr(camera_module, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(video, "TIMEOUT_S", 0.5)
    said: list[str] = []
    with on_air() as station:
        camera = Camera(station.address, Pace(), said.append)
        next_shot(camera)
        station.stalled = True
        wait_until(lambda: said, seconds=20)
        station.stalled = False
        wait_until(lambda: camera.connections == 2)
        camera.close()
    assert "reading failed" in said[0]
    assert "trying again in 0.05 s" in said[0]
