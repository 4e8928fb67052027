"""Measure whether `watch` keeps up with a video of 30 fps on one core, and how fast PyAV and OpenCV decode."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from benchmarks.run.timing import describe, interleave
from edge_runtime.camera.camera import Camera, Pace
from edge_runtime.camera.smoothing import Smoother
from edge_runtime.camera.video import opened_video
from edge_runtime.camera.watch import watch
from edge_runtime.classifier import Classifier

WIDTH, HEIGHT, FPS = 640, 480, 30


def measure_watch(folder: Path, backend: str = "auto", *, seconds: int) -> dict[str, Any]:
    """Watch a moving pattern of 640 x 480 at 30 fps on one core: first in its own time, then at full speed.

    Args:
        folder: a bundle.
        backend: `auto` or a key of `edge_runtime.backends.BACKENDS`.
        seconds: length of the video.

    Returns:
        A JSON object: file, frames, dropped, processor time a frame in ms, and frames a second at full speed.
    """
    with tempfile.TemporaryDirectory() as scratch, one_core():
        classifier = Classifier.open(folder, backend, threads=1)
        path = write_pattern(Path(scratch) / "pattern.mp4", seconds * FPS)
        results: dict[str, Any] = {"file": classifier.file.path}
        for name, pace in (("own time", Pace()), ("full speed", Pace(drop=False))):
            camera = Camera(str(path), pace, lambda line: None)
            before_s = time.process_time()
            summary = watch(classifier, camera, Smoother(), tell=lambda sighting, shot: None, stop=Event())
            camera.close()
            results[name] = {
                "frames": summary.frames,
                "classified": summary.classified,
                "dropped": summary.dropped,
                "fps": summary.classified / summary.seconds,
                "processor_ms_a_frame": (time.process_time() - before_s) * 1e3 / summary.frames,
            }
    return results


def measure_decoders(*, seconds: int, rounds: int) -> dict[str, Any]:
    """Decode the same file to RGB with PyAV and, if it is installed, OpenCV. They take turns on one core.

    Args:
        seconds: length of the video.
        rounds: passes of each.

    Returns:
        A JSON object: ms per frame.
    """
    with tempfile.TemporaryDirectory() as scratch, one_core():
        path = write_pattern(Path(scratch) / "pattern.mp4", seconds * FPS)
        tasks: dict[str, Callable[[], object]] = {
            "PyAV": lambda: _with_pyav(path, convert=True),
            "PyAV, frames dropped": lambda: _with_pyav(path, convert=False),
        }
        try:
            import cv2
        except ImportError:
            pass
        else:
            cv2.setNumThreads(1)
            tasks["OpenCV"] = lambda: _with_opencv(path)
        times = interleave(tasks, rounds=rounds, warm_up=1)
    return {name: describe(values / (seconds * FPS)).to_dict() for name, values in times.items()}


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process and its threads on one core, if the system allows it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def write_pattern(path: Path, frames: int) -> Path:
    """Write an H.264 file of a moving, grainy pattern, 640 x 480 at 30 fps."""
    import av

    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    grain = np.random.default_rng(0).integers(0, 60, (HEIGHT, WIDTH, 3))
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            waves = [across + 4 * number, 2 * down + number, (across + down + 3 * number) // 2]
            pixels = np.stack([wave % 256 for wave in waves], axis=2) * 0.7 + np.roll(grain, number, axis=1)
            frame = av.VideoFrame.from_ndarray(pixels.astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _with_pyav(path: Path, *, convert: bool) -> None:
    with opened_video(str(path)) as frames:
        for frame in filter(None, frames):
            if convert:
                frame.convert()


def _with_opencv(path: Path) -> None:
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    while True:
        there, frame = capture.read()
        if not there:
            return
        cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
