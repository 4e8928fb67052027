"""Classify the newest frame of a camera again and again, and report what is seen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from edge_runtime.camera.camera import Camera, Shot
from edge_runtime.camera.several import SeveralSmoother
from edge_runtime.camera.sighting import Sighting
from edge_runtime.camera.smoothing import Smoother
from edge_runtime.classifier import Classifier

PATIENCE_S = 0.5  # longest wait for a frame before `stop` is checked again
RATE_SPAN_S = 3.0


@dataclass(frozen=True)
class WatchSummary:
    """What a watch did from its start to its end.

    Args:
        frames: number of frames that came.
        classified: number of frames that were classified.
        dropped: number of frames that newer ones replaced.
        connections: how often the source was opened.
        seconds: duration in seconds.
    """

    frames: int
    classified: int
    dropped: int
    connections: int
    seconds: float

    def line(self) -> str:
        """Return one line for people."""
        rate = self.classified / self.seconds if self.seconds else 0.0
        again = f", connected {self.connections} times" if self.connections > 1 else ""
        return (
            f"{self.frames:,} frames in {self.seconds:.1f} s, {self.classified:,} classified "
            f"({rate:.1f} a second), {self.dropped:,} dropped{again}"
        )


def watch(
    classifier: Classifier,
    camera: Camera,
    smoother: Smoother | SeveralSmoother,
    *,
    tell: Callable[[Sighting, Shot], None],
    stop: Event,
    alive: Callable[[], None] = lambda: None,
) -> WatchSummary:
    """Classify frames until a recording ends or `stop` is set.

    Args:
        classifier: classifies each frame.
        camera: gives the frames.
        smoother: averages the scores.
        tell: called for every classified frame.
        stop: ends the loop after the current frame.
        alive: called in every turn, twice a second or more, unless the camera hangs. Default: nothing is called.

    Raises:
        CameraError: a recording cannot be read.
        BackendError: the backend failed.
    """
    start_s = time.monotonic()
    recent: deque[float] = deque()
    classified = 0
    while not stop.is_set():
        if camera.is_alive:
            alive()
        try:
            shot = camera.take(PATIENCE_S)
        except EOFError:
            break
        if shot is None:
            continue
        prediction = classifier.classify(shot.pixels)
        classified += 1
        smoothed = smoother.update(prediction.scores, shot.time_s)
        sighting = Sighting(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            frame=shot.number,
            label=smoothed.label,
            confident=smoothed.confident,
            confidence=smoothed.confidence,
            scores=smoothed.scores,
            changed=smoothed.changed,
            inference_ms=prediction.inference_ms,
            fps=_rate(recent, time.monotonic()),
            dropped=camera.dropped,
        )
        tell(sighting, shot)
    seconds = time.monotonic() - start_s
    return WatchSummary(camera.frames, classified, camera.dropped, camera.connections, seconds)


def _rate(recent: deque[float], now_s: float) -> float:
    """Add the time of a frame and return the frames a second over the last `RATE_SPAN_S` seconds."""
    recent.append(now_s)
    while recent[0] < now_s - RATE_SPAN_S:
        recent.popleft()
    return (len(recent) - 1) / (now_s - recent[0]) if len(recent) > 1 else 0.0
