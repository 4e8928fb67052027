"""Open damaged model files, each in a child of its own: native code may end the process that loads it.

Started as a program, it reads from its input the name and the bytes of a model file and writes one letter for how
the child ended. The children are forked from this process, which has imported the libraries and opened nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from edge_runtime.bundle import MANIFEST, Manifest, Precision, read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.errors import CatdogError
from tests.fuzz.seeds import manifests

HEADER = struct.Struct("<II")
MEMORY_BYTES, PROCESSOR_S, WALL_S = 4 << 30, 5, 10
ROOT = Path(__file__).parents[2]


class Ending(StrEnum):
    """How a child ended."""

    ANSWERED = "a"
    REFUSED = "r"
    KILLED = "k"
    OVERTIME = "t"
    MISBEHAVED = "m"


class ModelServer:
    """A process that opens model files in children of its own."""

    def __init__(self, errors: int | None = subprocess.DEVNULL) -> None:
        """Start it; `errors` is where tracebacks and the libraries' own lines go."""
        command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {_START}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)

    def open(self, name: str, content: bytes) -> Ending:
        """Open a model file such as `float32.onnx` and classify one picture with it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(HEADER.pack(len(name), len(content)) + name.encode() + content)
        self._process.stdin.flush()
        return Ending(self._process.stdout.read(1).decode())

    def close(self) -> None:
        """End it."""
        self._process.communicate()


_START = "from tests.fuzz.model_server import serve; serve()"


def serve() -> None:
    """Answer until the input ends."""
    import edge_runtime.classifier  # noqa: F401  the children are to find everything loaded
    from edge_runtime.backends import import_ahead, installed_backends

    for backend in installed_backends():
        import_ahead(backend)
    with tempfile.TemporaryDirectory() as folder:
        while header := sys.stdin.buffer.read(HEADER.size):
            name_length, length = HEADER.unpack(header)
            name, content = sys.stdin.buffer.read(name_length).decode(), sys.stdin.buffer.read(length)
            os.write(1, _ending_of_child(Path(folder), name, content).encode())


def _ending_of_child(folder: Path, name: str, content: bytes) -> Ending:
    child = os.fork()
    if not child:
        _classify_and_exit(folder, name, content)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(WALL_S)
    _, status, used = os.wait4(child, 0)
    overtime = not signal.alarm(0) or used.ru_utime + used.ru_stime >= PROCESSOR_S
    if os.WIFSIGNALED(status):
        return Ending.OVERTIME if overtime else Ending.KILLED
    return {0: Ending.ANSWERED, 1: Ending.REFUSED}.get(os.WEXITSTATUS(status), Ending.MISBEHAVED)


def _classify_and_exit(folder: Path, name: str, content: bytes) -> None:
    """Open the file through a bundle whose manifest has its right hash, as a stranger's bundle would."""
    code = 2
    with contextlib.suppress(BaseException):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the answers' own channel is the parent's
        try:
            _classify(folder, name, content)
            code = 0
        except CatdogError as error:
            code = 2 if "\n" in str(error) else 1
            if code == 2:
                traceback.print_exc()
        except BaseException:
            traceback.print_exc()
    os._exit(code)


def _classify(folder: Path, name: str, content: bytes) -> None:
    from edge_runtime.classifier import Classifier

    manifest = _manifest_of(name)
    digest = hashlib.sha256(content).hexdigest()
    files = (replace(manifest.files[0], size_bytes=len(content), sha256=digest),)
    (folder / name).write_bytes(content)
    (folder / MANIFEST).write_text(json.dumps(replace(manifest, files=files, selftest=()).to_dict()))
    size = manifest.preprocessing.height, manifest.preprocessing.width
    Classifier.open(folder, threads=1).classify(np.zeros((*size, 3), np.uint8))


def _manifest_of(name: str) -> Manifest:
    """Return a manifest with one file: a seed's, or one of the bundle that comes with the package."""
    shipped = read_bundle(PRETRAINED).manifest
    if any(file.path == name for file in shipped.files):
        return replace(shipped, files=tuple(file for file in shipped.files if file.path == name), selftest=())
    seed = Manifest.from_dict(json.loads(manifests()["whole"]))
    file = next(file for file in seed.files if name.endswith(file.format))
    return replace(seed, files=(replace(file, path=name, precision=Precision.FLOAT32),), selftest=())
