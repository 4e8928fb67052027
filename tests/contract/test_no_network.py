"""Nothing on the device uses the network, unless the user names a stream."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.edge_runtime.camera.video_source import write_video
from tests.edge_runtime.conftest import onnx_file, write_bundle

__all__ = ["onnx_file", "write_bundle"]  # fixtures

LISTENER = """
import sys
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"):
        print("NETWORK", event, arguments, file=sys.stderr)
sys.addaudithook(hook)
"""
COMMAND = "from edge_runtime.cli import main; main(sys.argv[1:])"
CONNECTION = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"


def listened(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a listener that writes every use of the network to standard error."""
    return subprocess.run([sys.executable, "-c", LISTENER + script, *arguments], capture_output=True, text=True)


def test_listener_hears_a_connection() -> None:
    """Proves that the listener works: it hears a connection, even a refused one."""
    assert "NETWORK socket.connect" in listened(CONNECTION).stderr


@pytest.mark.parametrize("command", ["classify", "info", "selftest", "doctor", "watch"])
def test_command_uses_no_network(
    tmp_path: Path, write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes], command: str
) -> None:
    """Proves by Python's audit events that no command connects, binds or looks up a name.

    Sockets that a library opens without Python, as PyAV does for a stream, are not heard.
    """
    folder = write_bundle({"float32.onnx": onnx_file("sigmoid")})
    arguments = [command] if command == "doctor" else [command, "--model", str(folder)]
    if command == "classify":
        Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
        arguments.append(str(tmp_path / "red.png"))
    if command == "watch":
        pytest.importorskip("av")
        arguments += [str(write_video(tmp_path / "video.mp4", ["red"] * 3)), "--all-frames"]
    done = listened(COMMAND, *arguments)
    assert done.stdout, done.stderr
    assert "NETWORK" not in done.stderr


@pytest.mark.parametrize("switch", ["as it is", "on again"])
def test_onnx_runtime_reports_nothing(
    tmp_path: Path, write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes], switch: str
) -> None:
    """Proves that ONNX Runtime makes no identifier of the device and no figures to send, unless the user wants it.

    It would send them without Python, so that no audit event tells of it. Its files in the user's cache do.
    """
    folder, home = write_bundle({"float32.onnx": onnx_file("sigmoid")}), tmp_path / "home"
    home.mkdir()
    cleared = ("CI", "GITHUB_ACTIONS", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY")
    environment = {key: value for key, value in os.environ.items() if key not in cleared} | {"HOME": str(home)}
    if switch == "on again":
        environment["ORT_DISABLE_TELEMETRY"] = "0"
    command = [sys.executable, "-c", f"import sys; {COMMAND}", "info", "--bundle", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "onnxruntime" in done.stdout, done.stderr
    written = [path.name for path in home.rglob("*") if path.is_file()]
    if switch == "on again" and not written:
        pytest.skip("this ONNX Runtime reports nothing by itself")
    assert bool(written) == (switch == "on again"), written
