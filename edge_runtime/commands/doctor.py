"""The command `catdog-edge doctor`: say what this machine has, what is missing, and how to install it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import click

from edge_runtime.backends import BACKENDS
from edge_runtime.camera import devices
from edge_runtime.child_process import script_command, signal_words
from edge_runtime.commands.options import JSON
from edge_runtime.terminal import ExitCode, one_line_errors, say, say_exactly

# Processor features that make int8 arithmetic faster, under the names of /proc/cpuinfo.
CPU_FEATURES = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "neon", "asimd", "asimddp", "i8mm", "sve")
# Libraries that the wheels for a Raspberry Pi do not contain, each with its Debian package.
SYSTEM_LIBRARIES = {"libopenblas": "libopenblas0", "libopenjp2": "libopenjp2-7", "libtiff": "libtiff6"}
LEAST_MEMORY_MIB = 128  # twice what a classification with a 13 MB model needs


class Finding(NamedTuple):
    """One finding about the machine.

    Attributes:
        name: the thing that was checked.
        state: `ok`; `missing` if classifying works without it; `bad` if nothing can run because of it.
        value: what was found.
        fix: the command to type if the state is not `ok`; otherwise empty.
    """

    name: str
    state: str
    value: str
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return self._asdict()


@click.command()
@JSON
def doctor(as_json: bool) -> None:
    """Look at this machine and say what is missing.

    Each line that is not ok names the command that fixes it. The exit code is 1 when nothing can run.
    """
    with one_line_errors("onnx"):
        import json

        findings = examine()
    for finding in findings:
        if as_json:
            say_exactly(json.dumps(finding.to_dict()))
            continue
        say(f"{finding.state:7} {finding.name}: {finding.value}")
        if finding.fix:
            say(f"{'':8}fix: {finding.fix}")
    sys.exit(ExitCode.ERROR if any(finding.state == "bad" for finding in findings) else ExitCode.DONE)


def examine() -> tuple[Finding, ...]:
    """Return all findings about this machine. A check that fails is a finding and raises nothing."""
    import platform

    return (
        _python(),
        Finding("system", "ok", f"{platform.system()} {platform.release()} {platform.machine()}"),
        Finding("C library", "ok", " ".join(platform.libc_ver()) or "unknown"),
        _processor(),
        _memory(),
        _loaded(_package("numpy", "bad"), "import numpy", "numpy"),
        _loaded(_package("pillow", "bad"), "from PIL import Image; Image.core.new", "pillow"),
        *_backends(),
        _loaded(
            _importable("PyAV, for catdog-edge watch", "av", "pip install 'catdog-edge[camera]'"), "import av", "av"
        ),
        _picamera(),
        *_cameras(),
    )


def _python() -> Finding:
    import platform

    found = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", "ok", found)
    return Finding(
        "Python", "bad", f"{found}, expected 3.11 to 3.13", "sudo apt install python3.11 python3.11-venv"
    )


def _processor() -> Finding:
    words = set(_read("/proc/cpuinfo").split())
    present = [name for name in CPU_FEATURES if name in words]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("processor", "ok", f"{cores} cores, {' '.join(present) or 'features unknown'}")


def _memory() -> Finding:
    words = _read("/proc/meminfo").split()
    if "MemAvailable:" not in words:
        return Finding("memory", "ok", "unknown")
    available_mib = int(words[words.index("MemAvailable:") + 1]) // 1024
    if available_mib >= LEAST_MEMORY_MIB:
        return Finding("memory", "ok", f"{available_mib:,} MiB available")
    found = f"{available_mib} MiB available, expected {LEAST_MEMORY_MIB}"
    return Finding("memory", "bad", found, "sudo dphys-swapfile swapon  # or stop other programs")


def _package(name: str, state: str) -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, state, "not installed", f"pip install {name}")


def _loaded(finding: Finding, script: str, package: str) -> Finding:
    """Return the finding, or a bad one with its fix if the installed package does not load.

    Args:
        finding: the finding about the package so far.
        script: Python code that loads the package.
        package: the name that pip knows the package by.
    """
    words = _failure(script) if finding.state == "ok" else ""
    if not words:
        return finding
    fixes = [f"sudo apt install {lacking}" for library, lacking in SYSTEM_LIBRARIES.items() if library in words]
    fix = fixes[0] if fixes else f"pip install --force-reinstall {package}"
    return finding._replace(state="bad", value=f"{finding.value}, does not load: {words}", fix=fix)


def _backends() -> list[Finding]:
    """Check every backend. One working backend is enough, and more than one for a format is of no use."""
    findings = {name: _backend(name) for name in BACKENDS}
    working = [name for name, finding in findings.items() if finding.state == "ok"]
    if not working:
        fix = next(backend.install for backend in BACKENDS.values())
        return [*findings.values(), Finding("backends", "bad", "none can be imported", fix)]
    return [finding if finding.state == "ok" else _beside(finding, working) for finding in findings.values()]


def _beside(finding: Finding, working: list[str]) -> Finding:
    """Return the finding about a backend that does not work, when others do.

    Args:
        finding: the finding about the backend so far.
        working: the names of the backends that work.
    """
    format_ = BACKENDS[finding.name].format
    twin = next((name for name in working if BACKENDS[name].format == format_), None)
    if twin and finding.state == "missing":
        return Finding(finding.name, "ok", f"{finding.value}, not needed beside {twin}")
    return finding._replace(state="missing")


def _backend(name: str) -> Finding:
    backend = BACKENDS[name]
    if find_spec(backend.library) is None:
        return Finding(name, "missing", "not installed", backend.install)
    words = _failure(f"import {backend.module}")
    if not words:
        return _old_numpy(name) or Finding(name, "ok", _package(backend.library.replace("_", "-"), "ok").value)
    return Finding(name, "bad", f"cannot be imported: {words}", f"{backend.install} --force-reinstall")


def _old_numpy(name: str) -> Finding | None:
    numpy = _package("numpy", "bad").value
    if name != "tflite-runtime" or numpy.startswith(("0.", "1.")):
        return None
    return Finding(name, "missing", f"needs NumPy below 2, found {numpy}", "pip install 'numpy<2'")


def _failure(script: str) -> str:
    """Run Python code in a process of its own. Return why it fails, or nothing if it does not.

    A wheel for another processor can end the process with an illegal instruction.
    """
    import subprocess

    try:
        done = subprocess.run(script_command(script), capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return "no answer in 60 s"
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"{signal_words(done.returncode)}, so it was built for another processor"
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"


def _importable(name: str, module: str, fix: str) -> Finding:
    return Finding(name, "ok", "installed") if find_spec(module) else Finding(name, "missing", "not installed", fix)


def _picamera() -> Finding:
    fix = "sudo apt install python3-picamera2  # and a virtual environment with --system-site-packages"
    finding = _importable("picamera2, for the Pi's camera", "picamera2", fix)
    loaded = _loaded(finding, "import picamera2", "picamera2")
    if loaded.state != "bad":
        return loaded
    fix = "pip install 'numpy<2'" if "numpy" in loaded.value else fix
    return loaded._replace(state="missing", fix=fix)


def _cameras() -> list[Finding]:
    every = devices.video_devices()
    cameras = list(filter(devices.may_be_camera, every))
    if not cameras:
        found = f"none of the {len(every)} /dev/video* is a camera" if every else "no /dev/video*"
        fix = "v4l2-ctl --list-devices  # after plugging one in; for the Pi's own: catdog-edge watch picamera2"
        return [Finding("cameras", "missing", found, fix)]
    findings = []
    for device in cameras:
        readable = os.access(device, os.R_OK | os.W_OK)
        card = _read(f"/sys/class/video4linux/{Path(device).name}/name").strip() or "camera"
        fix = "" if readable else "sudo usermod -aG video $USER  # and log in again"
        value = card if readable else f"{card}, this user may not open it"
        findings.append(Finding(device, "ok" if readable else "missing", value, fix))
    return findings


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
