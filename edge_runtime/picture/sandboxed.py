"""What runs in the child of `edge_runtime.picture.sandbox`: set its limits, then decode what comes in."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from edge_runtime.errors import PictureError
from edge_runtime.picture.contract import Preprocessing
from edge_runtime.picture.heic import decode_in_one_thread
from edge_runtime.picture.preprocessing import load_picture
from edge_runtime.picture.sandbox import LENGTH, NO_MEMORY, PIXELS, READY, REFUSED

_MAX_FILES = 64  # modules are opened when a format first comes
_NO_NEW_PRIVILEGES = 38  # Source: Linux, include/uapi/linux/prctl.h


def serve() -> None:
    """Set the limits, say so, and answer each task on standard input with pixels or a reason."""
    tasks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    warnings.simplefilter("ignore")
    _decode_avif_in_one_thread()
    decode_in_one_thread()
    _set_limits(int(sys.argv[2]))
    answers.write(READY)
    answers.flush()
    while head := tasks.read(LENGTH.size):
        task = json.loads(tasks.read(LENGTH.unpack(head)[0]))
        kind, answer = _answer(task, tasks)
        answers.write(kind + LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _answer(task: dict[str, Any], tasks: IO[bytes]) -> tuple[bytes, bytes]:
    signal.alarm(task["seconds"] + 1)  # also when the parent is gone
    try:
        content = tasks.read(task["size_bytes"])
        preprocessing = Preprocessing.from_dict(task["preprocessing"])
        pixels = load_picture(content, preprocessing, max_pixels=task["max_pixels"])
        return PIXELS, pixels.tobytes()
    except PictureError as error:
        if isinstance(error.__cause__, MemoryError):
            return NO_MEMORY, b""
        return REFUSED, error.reason.encode()
    except MemoryError:
        return NO_MEMORY, b""
    finally:
        signal.alarm(0)


def _decode_avif_in_one_thread() -> None:
    """Each of its threads takes address space for a stack; the pixels are the same."""
    with suppress(ImportError):
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def _set_limits(memory_mib: int) -> None:
    """Limit what this process may take from now on, for good."""
    import ctypes

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: used + memory_mib * 2**20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _MAX_FILES,
    }
    for kind, limit in limits.items():
        _, allowed = resource.getrlimit(kind)
        least = limit if allowed == resource.RLIM_INFINITY else min(limit, allowed)
        resource.setrlimit(kind, (least, least))
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
