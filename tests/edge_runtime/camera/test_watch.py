"""`catdog-edge watch` on a real file and a real stream, as a terminal and a service see it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edge_runtime.camera.camera import Camera, Pace
from edge_runtime.camera.view import Crop, View
from edge_runtime.cli import main
from tests.edge_runtime.camera.stream_servers import jpeg
from tests.edge_runtime.camera.test_camera import take_all
from tests.edge_runtime.camera.video_source import on_air, picture, wait_until, write_video
from tests.edge_runtime.commands.test_classify import read_all

av = pytest.importorskip("av", reason="PyAV reads the videos of these tests")
COMMAND = [sys.executable, "-c", "from edge_runtime.cli import run; run()", "watch"]


def watch(*arguments: str | Path) -> Result:
    """Run `catdog-edge watch` in this process."""
    return CliRunner().invoke(main, ["watch", *map(str, arguments)])


@contextmanager
def watching(*arguments: str | Path, output: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `catdog-edge watch` as its own process, writing to a file."""
    with output.open("wb") as file:
        command = [*COMMAND, *map(str, arguments)]
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds of red, then two of blue."""
    return write_video(tmp_path / "video.mp4", ["red"] * 60 + ["blue"] * 60)


def test_changes_are_told_once(onnx_bundle: Path, video: Path) -> None:
    """Proves that a file gives one line of text for each change, and a summary."""
    result = watch(video, "--all-frames", "--bundle", onnx_bundle)
    assert result.exit_code == 0, result.output
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["red", "blue"]
    assert result.stderr.splitlines()[-1].startswith("120 frames in ")
    assert result.stderr.splitlines()[-1].endswith(", 0 dropped")


def test_a_line_for_each_frame(onnx_bundle: Path, video: Path, tmp_path: Path) -> None:
    """Proves that --each-frame prints a JSON object for each frame, and --output appends the same to a file."""
    log = tmp_path / "log.jsonl"
    log.write_text("{}\n")
    options = ("--all-frames", "--each-frame", "--json", "--output", log, "--bundle", onnx_bundle)
    result = watch("--source", video, *options)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["frame"] for row in rows] == list(range(120))
    assert next(row["frame"] for row in rows if row["changed"]) == 0
    assert set(rows[0]["scores"]) == {"blue", "red"}
    assert log.read_text() == "{}\n" + result.stdout


@pytest.mark.parametrize(
    ("options", "frames"),
    [(("--all-frames", "--every", "50"), [0, 50, 100]), (("--max-fps", "0.001"), [0])],
    ids=["every", "max-fps"],
)
def test_chosen_frames_are_classified(
    onnx_bundle: Path, video: Path, options: tuple[str, ...], frames: list[int]
) -> None:
    """Proves that --every and --max-fps choose which frames are classified."""
    result = watch(video, "--each-frame", "--json", "--bundle", onnx_bundle, *options)
    assert [json.loads(line)["frame"] for line in result.stdout.splitlines()] == frames


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (["--half-life", "0"], {0: "red", 60: "blue"}),
        (["--half-life", "1000"], {0: "red"}),
        (["--half-life", "0", "--margin", "1"], {0: "red"}),
        (["--half-life", "0", "--confidence-threshold", "1"], {0: "red unsure"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_smoothing_is_passed_on(
    onnx_bundle: Path, video: Path, options: list[str], changes: dict[int, str]
) -> None:
    """Proves that --half-life, --margin and --confidence-threshold decide when the answer changes."""
    result = watch(video, "--all-frames", "--json", "--bundle", onnx_bundle, *options)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    told = {row["frame"]: row["label"] + " unsure" * (not row["confident"]) for row in rows}
    assert told == changes


def test_agreement_is_passed_on(onnx_bundle: Path, video: Path) -> None:
    """Proves that --agree changes the answer at the last of so many frames that ask for it in a row."""
    options = ("--all-frames", "--json", "--half-life", "0", "--agree", "5")
    rows = [json.loads(line) for line in watch(video, *options, "--bundle", onnx_bundle).stdout.splitlines()]
    told = [(row["frame"], row["label"] if row["confident"] else "unsure") for row in rows]
    assert told == [(0, "unsure"), (4, "red"), (64, "blue")]


def test_part_of_the_picture_is_classified(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that --rotate and --crop choose what is classified and saved, and that a crop outside is told."""
    frame = np.concatenate([picture("red")[:, :32], picture("blue")[:, 32:]], axis=1)
    path = tmp_path / "video.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    for options, label in (
        (("--crop", "0,0,30,48"), "red"),
        (("--crop", "0.5,0,0.5,1"), "blue"),
        (("--rotate", "90", "--crop", "0,0,1,0.5"), "red"),
        (("--rotate", "270", "--crop", "0,0,1,0.5"), "blue"),
        (("--flip", "horizontal", "--crop", "0,0,30,48"), "blue"),
    ):
        folder = tmp_path / label / "".join(options)
        result = watch(path, "--json", *options, "--save", folder, "--bundle", onnx_bundle)
        row = json.loads(result.stdout)
        assert (row["label"], row["confidence"] > 0.9) == (label, True), options
        assert Image.open(row["saved"]).size in ((30, 48), (32, 48), (48, 32))
    result = watch(path, "--crop", "40,0,30,48", "--bundle", onnx_bundle)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "video.avi: crop 40,0,30,48 is not inside the picture, which has 64 x 48 pixels" in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_frames_that_change_their_size_are_left_out(tmp_path: Path) -> None:
    """Proves that a crop that fitted and then does not is one line, and that the watch continues."""
    said: list[str] = []
    sizes = [(64, 48)] * 3 + [(32, 24)] + [(64, 48)]
    (tmp_path / "x.mjpg").write_bytes(b"".join(jpeg("red", size) for size in sizes))
    camera = Camera(str(tmp_path / "x.mjpg"), Pace(drop=False), said.append, view=View(crop=Crop(0, 0, 50, 40)))
    shots = take_all(camera)
    assert {shot.pixels.shape for shot in shots} == {(40, 50, 3)}
    assert len(shots) == 4
    assert [line.endswith("continuing with the next frame") for line in said] == [True]


def test_threads_are_passed_on(onnx_bundle: Path, tmp_path: Path, threads_asked: list[int]) -> None:
    """Proves that --threads sets the number of inference threads."""
    video = write_video(tmp_path / "video.mp4", ["red"])
    assert watch(video, "--threads", "3", "--bundle", onnx_bundle).exit_code == 0
    assert threads_asked == [3]


def test_frames_of_changes_are_kept(onnx_bundle: Path, video: Path, tmp_path: Path) -> None:
    """Proves that --save writes one picture for each change, named by time, and that the line shows its path."""
    folder = tmp_path / "new" / "kept"
    result = watch(video, "--all-frames", "--json", "--save", folder, "--bundle", onnx_bundle)
    saved = [Path(json.loads(line)["saved"]) for line in result.stdout.splitlines()]
    assert saved == sorted(folder.iterdir())
    assert [path.stem.rsplit("_")[-1] for path in saved] == ["red", "blue"]
    pixel = Image.open(saved[0]).getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200 > 50 > pixel[2]


def test_stream_that_dies_and_comes_back(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves on a real process that a stream may go and come back, and that SIGTERM ends it with a summary."""
    output = tmp_path / "output"
    with (
        on_air() as station,
        watching(station.address, "--json", "--bundle", onnx_bundle, output=output) as process,
    ):
        wait_until(lambda: '"red"' in output.read_text())
        station.switch_off()
        station.colour = "blue"
        station.switch_on()
        wait_until(lambda: '"label": "blue"' in output.read_text())
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr
    assert [json.loads(line)["label"] for line in output.read_text().splitlines()] == ["red", "blue"]
    assert "trying again in 0.5 s" in stderr
    assert "connected again" in stderr
    assert stderr.splitlines()[-1].endswith("connected 2 times")
    assert "Traceback" not in stderr


def test_control_c_ends_it(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that Ctrl-C while a camera is away ends with a summary and exit code 0."""
    with watching("/dev/video987", "--bundle", onnx_bundle, output=tmp_path / "output") as process:
        assert process.stderr is not None
        while "trying again" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in stderr) == (0, False)
    assert stderr.splitlines()[-1].startswith("0 frames in ")


def test_hangup_opens_the_log_again(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that SIGHUP continues in a new file after the log was renamed, and that SIGTERM still ends it."""
    log, output = tmp_path / "log", tmp_path / "output"
    arguments = ("--each-frame", "--output", log, "--bundle", onnx_bundle)
    with on_air() as station, watching(station.address, *arguments, output=output) as process:
        wait_until(lambda: log.exists() and log.stat().st_size)
        log.rename(tmp_path / "log.1")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: log.exists() and log.stat().st_size)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr
    rows = [json.loads(line) for file in ("log.1", "log") for line in (tmp_path / file).read_text().splitlines()]
    assert len(rows) == len(output.read_text().splitlines())
    assert " frames in " in stderr.splitlines()[-1]


def test_hangup_without_a_log_ends_it(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that a terminal that is closed ends the watch with a summary and exit code 0."""
    with watching("/dev/video987", "--bundle", onnx_bundle, output=tmp_path / "output") as process:
        assert process.stderr is not None
        while "trying again" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, " frames in " in stderr.splitlines()[-1]) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.mp4"], 1, "none.mp4: no such video file"),
        (["ftp://host/x"], 1, "expected an address that begins with rtsp://"),
        ([], 2, "name one source"),
        (["0", "--source", "1"], 2, "name one source"),
        (["0", "--source-file", "x"], 2, "name one source"),
        (["--source-file", "none"], 1, "none: cannot be read"),
        (["0", "--ca-file", "x", "--insecure"], 2, "cannot be used together"),
        (["0", "--max-fps", "nan"], 2, "'nan' is not a number"),
        (["0", "--all-frames"], 2, "--all-frames works only with a video file"),
        (["0", "--crop", "1,2,3"], 1, "crop '1,2,3' is not four numbers"),
        (["0", "--crop", "0.5,0,0.6,1"], 1, "reaches beyond the picture"),
        (["0", "--size", "640x480", "--crop", "600,0,100,100"], 1, "which has 640 x 480 pixels after rotating"),
        (["0", "--size", "640x480", "--rotate", "90", "--crop", "0,0,640,480"], 1, "which has 480 x 640 pixels"),
        (["0", "--size", "big"], 1, "such as 1280x720"),
        (["0", "--rotate", "45"], 2, "'45' is not one of"),
        (["0", "--flip", "both"], 2, "'both' is not one of"),
        (["0", "--rate", "0"], 2, "0.0 is not in the range"),
        (["0", "--camera-format", "jpg"], 2, "'jpg' is not one of"),
        (["0", "--agree", "0"], 2, "0 is not in the range"),
        (["rtsp://user:secret@camera/1", "--size", "64x48"], 1, "rtsp://***@camera/1: is an RTSP stream"),
        (["0", "--all-frames", "--max-fps", "5"], 2, "cannot be used together"),
    ],
    ids=str,
)
def test_wrong_use_is_one_clear_line(onnx_bundle: Path, arguments: list[str], code: int, words: str) -> None:
    """Proves that an impossible source and contradicting options are refused at once in one line."""
    result = watch(*arguments, "--bundle", onnx_bundle)
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr


def test_missing_library_names_its_extra(onnx_bundle: Path, video: Path, tmp_path: Path) -> None:
    """Proves that without PyAV one line says what to install."""
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError(\"No module named 'av'\", name='av')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [*COMMAND, str(video), "--bundle", str(onnx_bundle)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: av is not installed")
    assert "pip install 'catdog-edge[camera]'" in done.stderr


def test_unwritable_places_are_told(onnx_bundle: Path, video: Path, tmp_path: Path) -> None:
    """Proves that a log that cannot be opened is one line, and that a frame that cannot be saved stops nothing."""
    (tmp_path / "file").touch()
    result = watch(video, "--all-frames", "--bundle", onnx_bundle, "--output", tmp_path / "file" / "log")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    result = watch(video, "--all-frames", "--bundle", onnx_bundle, "--save", tmp_path / "file")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)
    assert result.stderr.count("the frame cannot be saved") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_is_full_does_not_end_the_watching(onnx_bundle: Path, video: Path) -> None:
    """Proves that an error is printed for each line that cannot be written, and that the watch continues."""
    result = watch(video, "--all-frames", "--bundle", onnx_bundle, "--output", "/dev/full")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)
    assert result.stderr.count("/dev/full: a line cannot be written") == 2


def test_full_disk_leaves_whole_lines_and_frames(onnx_bundle: Path, video: Path, small_disk: Path) -> None:
    """Proves that a full disk leaves no half line and no cut frame, and that lines continue when there is room."""
    log, frames = small_disk / "log", small_disk / "frames"
    options = ("--all-frames", "--each-frame", "--bundle", onnx_bundle, "--output", log, "--save", frames)
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    log.touch()
    result = watch(video, *options)
    assert result.exit_code == 0
    assert "a line cannot be written" in result.stderr
    for frame in frames.glob("*"):
        Image.open(frame).load()
    kept = log.read_text().splitlines()
    assert all(json.loads(line) for line in kept)
    filler.unlink()
    assert watch(video, *options).exit_code == 0
    lines = log.read_text().splitlines()
    assert lines[: len(kept)] == kept
    assert len([json.loads(line) for line in lines]) == len(kept) + 120
    assert len(list(frames.glob("*.jpg"))) >= 2


def test_status_line_on_a_terminal(onnx_bundle: Path, video: Path) -> None:
    """Proves that a terminal shows label, frames a second and dropped frames in one line that is overwritten."""
    ours, theirs = pty.openpty()
    command = [*COMMAND, str(video), "--bundle", str(onnx_bundle)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    text = read_all(ours)
    assert process.wait() == 0
    states = [part for part in text.split("\r") if " fps " in part]
    assert len(states) >= 4
    assert all(re.match(r"(red|blue) +\d+\.\d%  +\d+\.\d fps  \d+ dropped", state) for state in states)
