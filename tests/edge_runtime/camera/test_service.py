"""The service: the systemd unit of the documentation, its confinement, and the messages for the watchdog."""

import ctypes.util
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from edge_runtime.camera import camera as camera_module
from edge_runtime.camera.camera import Camera, Pace
from edge_runtime.camera.service import Service
from edge_runtime.camera.smoothing import Smoother
from edge_runtime.camera.watch import watch
from edge_runtime.classifier import Classifier
from edge_runtime.cli import main
from tests.edge_runtime.camera.stream_servers import served
from tests.edge_runtime.camera.video_source import on_air, wait_until, write_video

UNIT = Path(__file__).parents[3] / "docs/catdog-edge.service"
CONFINEMENT = Path(__file__).with_name("confinement.py")
COMMAND = (sys.executable, "-P", "-c", "from edge_runtime.cli import run; run()")
MOST_EXPOSURE = 2.5
CONFINED_CALLS = """
import mmap, socket
for name, call in (("memory", lambda: mmap.mmap(-1, 4096, prot=7)), ("network", socket.socket)):
    try:
        call()
    except PermissionError:
        print(name, "refused")
"""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, or skip without it."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)


def test_systemd_accepts_the_unit() -> None:
    """Proves that `systemd-analyze verify` finds no fault in the unit."""
    done = analyze("verify", str(UNIT))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_exposure_of_the_unit() -> None:
    """Proves that the unit's exposure is at most 2.5 of 10, and that its comment says how much it is."""
    done = analyze("security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze does not judge a unit offline: {done.stderr.strip()}")
    assert float(found[1]) <= MOST_EXPOSURE
    assert f"an exposure of {found[1]} (" in UNIT.read_text()


def test_commands_of_the_unit_exist() -> None:
    """Proves that each option in the unit is an option of its command."""
    lines = [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith("ExecStart")]
    assert len(lines) == 2
    for line in lines:
        program, tool, name, *arguments = shlex.split(line)
        assert (program, tool) == ("/usr/bin/env", "catdog-edge")
        command = main.get_command(click.Context(main), name)
        assert command is not None
        command.make_context(name, arguments)


def confined(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command under the unit's filter of system calls, or skip where that cannot be made."""
    if ctypes.util.find_library("seccomp") is None or shutil.which("systemd-analyze") is None:
        pytest.skip("libseccomp and systemd-analyze make the filter of this test")
    whole = [sys.executable, str(CONFINEMENT), str(UNIT), *map(str, command)]
    return subprocess.run(whole, capture_output=True, text=True, check=False)


def test_confinement_refuses() -> None:
    """Proves that the filter of the next test is in force: it refuses the network, and memory to write and run."""
    assert confined(sys.executable, "-c", CONFINED_CALLS).stdout.split() == [
        "memory",
        "refused",
        "network",
        "refused",
    ]


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_commands_run_confined(both_bundle: Path, tmp_path: Path, backend: str) -> None:
    """Proves that watching with each backend needs no system call that the unit refuses."""
    video, log = write_video(tmp_path / "video.mp4", ["red"] * 3), tmp_path / "log.jsonl"
    done = confined(
        *COMMAND, "watch", video, "--all-frames", "--bundle", both_bundle, "--backend", backend, "--output", log
    )
    assert done.returncode == 0, done.stderr
    assert '"label": "red"' in log.read_text()


@contextmanager
def listening(address: str | Path) -> Iterator[socket.socket]:
    """Give the socket that systemd would listen on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        listener.settimeout(20)
        yield listener


def received(listener: socket.socket) -> list[str]:
    """Return the messages that have come."""
    messages = []
    listener.setblocking(False)
    try:
        while True:
            messages.append(listener.recv(4096).decode())
    except BlockingIOError:
        return messages
    finally:
        listener.settimeout(20)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_messages(tmp_path: Path, kind: str) -> None:
    """Proves that the messages are systemd's, on both kinds of address, and that signs of life are rare."""
    path = str(tmp_path / "notify")
    with listening(path if kind == "path" else "\0" + path) as listener:
        with Service(path if kind == "path" else "@" + path) as service:
            assert received(listener) == ["READY=1"]
            for _ in range(100):
                service.alive()
            assert received(listener) == ["WATCHDOG=1"]
        assert received(listener) == ["STOPPING=1"]


def test_no_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that without systemd, or with a socket that is gone, nothing happens."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    for address in (None, "", str(tmp_path / "gone")):
        with Service(address) as service:
            service.alive()


def test_watch_is_alive_while_frames_come_and_while_it_tries_again(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that `watch` says that it is ready, alive on frames, alive without its camera, and when it ends."""
    pytest.importorskip("av", reason="PyAV reads the stream of this test")
    address = tmp_path / "notify"
    with listening(address) as listener, on_air() as station:
        command = [*COMMAND, "watch", station.address, "--bundle", str(onnx_bundle), "--json"]
        environment = os.environ | {"NOTIFY_SOCKET": str(address)}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        try:
            assert [listener.recv(4096), listener.recv(4096)] == [b"READY=1", b"WATCHDOG=1"]
            assert process.stdout is not None
            assert process.stderr is not None
            assert '"label": "red"' in process.stdout.readline()
            station.switch_off()
            wait_until(lambda: "trying again" in process.stderr.readline())
            received(listener)
            assert listener.recv(4096) == b"WATCHDOG=1"
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert received(listener)[-1] == "STOPPING=1"
        finally:
            process.kill()
            process.communicate()
            station.switch_on()


def test_hanging_camera_is_not_alive(onnx_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a source whose opening hangs is silent, so that the watchdog restarts the service."""
    pytest.importorskip("av", reason="PyAV opens the stream of this test")
    monkeypatch.setattr(camera_module, "SILENCE_S", 0.3)
    stop, hang_up, signs = threading.Event(), threading.Event(), list[float]()
    classifier = Classifier.open(onnx_bundle)
    with served(lambda server, reader: hang_up.wait(20) and None) as server:
        camera = Camera(f"http://127.0.0.1:{server.port}/x", Pace(), lambda line: None, once=True)
        threading.Timer(1.5, stop.set).start()
        start_s = time.monotonic()
        watch(
            classifier,
            camera,
            Smoother(),
            tell=lambda *_: None,
            stop=stop,
            alive=lambda: signs.append(time.monotonic()),
        )
        assert stop.is_set()
        assert not camera.is_alive
        assert all(sign_s - start_s < 1 for sign_s in signs)
        hang_up.set()  # lets the read end
        wait_until(lambda: not camera._thread.is_alive())
