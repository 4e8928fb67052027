"""Other environments to run the project in: other Python and library versions, and an emulated Raspberry Pi."""

import functools
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache"
PROBE = ROOT / "tests/contract/probe.py"
SET_UP_S = 900


def missing(reason: str) -> NoReturn:
    """Skip a test whose tools are not to be had here; in CI, which has them, fail it."""
    if os.environ.get("CATDOG_CI"):
        pytest.fail(f"in CI this must not be skipped: {reason}", pytrace=False)
    pytest.skip(reason)


@dataclass(frozen=True)
class Environment:
    """Something that runs Python.

    Args:
        name: what it is called in messages.
        python: the command that starts it.
        variables: environment variables besides those of this process.
        executable: what starts this Python again from inside it, where its own file cannot be started; empty where
            it can.
    """

    name: str
    python: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    executable: str = ""

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run Python with arguments to its end, without the folder it is started in on its path."""
        command = [*self.python, *map(str, arguments)]
        variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"} | self.variables
        return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)

    def command(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run `catdog-edge`."""
        again = f"import sys; sys.executable = {self.executable!r}; " if self.executable else ""
        return self.run("-c", f"{again}from edge_runtime.cli import run; run()", *arguments)

    def probe(self, *arguments: object) -> dict[str, Any]:
        """Return what `probe.py` prints with these arguments."""
        done = self.run(PROBE, *arguments)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def virtual_environment(name: str, version: str, requirements: tuple[str, ...]) -> Environment:
    """Return a virtual environment with these packages and this checkout, made on first use and kept.

    Args:
        name: what to call it.
        version: of Python, such as `3.11`.
        requirements: what to install, wheels only.
    """
    digest = hashlib.sha256(" ".join((version, *requirements)).encode()).hexdigest()[:8]
    folder = CACHE / "environments" / f"{name}-{digest}"
    python = folder / "bin/python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        set_up([find_python(version), "-m", "venv", "--without-pip", str(folder)])
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--only-binary=:all:"]
        set_up([*pip, "--no-compile", "--disable-pip-version-check", *requirements])
        (folder / "ready").touch()
    return Environment(name, (str(python),), {"PYTHONPATH": str(ROOT)})


def find_python(version: str) -> str:
    """Return an interpreter of this version, from the path or from pyenv; 3.13 alone CI may lack."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    named = (sys.executable, shutil.which(f"python{version}"))
    for candidate in (*named, *sorted(pyenv.glob(f"versions/{version}.*/bin/python"))):
        if candidate and _version(str(candidate)) == version:
            return str(candidate)
    reason = f"there is no Python {version} here"
    if version == "3.13":
        pytest.skip(reason)
    missing(reason)


def _version(python: str) -> str:
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", script], capture_output=True, text=True, check=False).stdout.strip()


@functools.cache
def emulated_pi(extra: str) -> Environment:
    """Return CPython 3.11 for aarch64 under qemu with the project's own wheel; set QEMU_CPU to choose a processor.

    Args:
        extra: `base` for a base install, or the name of an extra that `scripts/setup_arm.sh` installs.
    """
    folder = CACHE / "arm"
    _set_up_arm()
    root = folder / "root"
    python = (str(folder / "qemu/usr/bin/qemu-aarch64"), "-L", str(root), str(root / "usr/bin/python3.11"))
    # The kernel does not start a file of another processor: a script of this one starts it in the emulator.
    again = folder / "python.sh"
    again.write_text(f'#!/bin/sh\nexec {shlex.join(python)} "$@"\n')
    again.chmod(0o755)
    return Environment(f"aarch64 {extra}", python, {"PYTHONPATH": str(folder / extra)}, str(again))


@functools.cache
def _set_up_arm() -> None:
    set_up(["sh", str(ROOT / "scripts/setup_arm.sh"), str(CACHE / "arm")])


def set_up(command: list[str]) -> None:
    """Run a command that needs the network; where it fails, the test is skipped with its last line."""
    variables = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SET_UP_S, env=variables, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        missing(f"{Path(command[0]).name} cannot set it up: {lines[-1]}")
