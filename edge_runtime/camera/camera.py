"""Read a video source in a thread, keep its newest frame, and connect again when it is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Event, Thread
from typing import NamedTuple

from edge_runtime.camera.video import Frame, is_file, opened_video
from edge_runtime.errors import CameraError
from edge_runtime.picture.source import Pixels

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
LONGEST_GAP_S = 2.0  # of the times in a recording; longer ones, where a camera was off, are not waited out


@dataclass(frozen=True)
class Pace:
    """Which frames are wanted.

    Args:
        every: each how many frames one is wanted, 1 or more.
        max_fps: frames wanted a second at most; 0 for no limit.
        drop: give up old frames for new ones; else a file waits for its reader and loses none.
    """

    every: int = 1
    max_fps: float = 0.0
    drop: bool = True


class Shot(NamedTuple):
    """A frame that was taken to look at: its number from 0, its time, its pixels.

    The time is the one in the file, or when the frame came by `time.monotonic`; seconds.
    """

    number: int
    time_s: float
    pixels: Pixels


class Camera:
    """The newest frame of a source.

    Attributes:
        frames: frames that came.
        dropped: wanted frames that newer ones replaced before anybody took them.
        connections: how often the source was opened with success.
    """

    def __init__(self, source: str, pace: Pace, report: Callable[[str], None]) -> None:
        """Start to read.

        Args:
            source: what `opened_video` takes.
            pace: which frames are wanted.
            report: called, in the reading thread, with a line for each loss and each new connection.
        """
        self.frames = self.dropped = self.connections = 0
        self._source, self._pace, self._report = source, pace, report
        self._stop, self._changed = Event(), Condition()
        self._waiting: tuple[int, float, Frame] | None = None
        self._ended = self._is_recording = False
        self._error: BaseException | None = None
        self._due_s = self._connected_s = float("-inf")
        self._thread = Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> Shot | None:
        """Return the newest frame that nobody has taken, or None when none came in `timeout_s` seconds.

        Raises:
            EOFError: a recording has come to its end.
            CameraError: a recording cannot be read.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._ended, timeout_s)
            waiting, self._waiting = self._waiting, None
            self._changed.notify_all()
        if waiting is not None:
            return self._converted(*waiting)
        if self._error is not None:
            raise self._error
        if self._ended:
            raise EOFError
        return None

    def close(self) -> None:
        """Stop to read; a read that hangs is left behind after two seconds."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=2)

    def _converted(self, number: int, time_s: float, frame: Frame) -> Shot | None:
        try:
            return Shot(number, time_s, frame.convert())
        except CameraError as error:
            if is_file(self._source):
                raise
            self._report(f"{error}; going on with the next")
            return None

    def _run(self) -> None:
        try:
            if is_file(self._source):
                self._read()
            else:
                self._read_for_ever()
        except BaseException as error:  # handed to the thread that takes frames
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_for_ever(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            before = self.connections
            try:
                if self._read():
                    return
                reason = f"{self._source}: ended"
            except CameraError as error:
                if self._is_recording:  # it would begin anew
                    raise
                reason = str(error)
            if self.connections > before and time.monotonic() - self._connected_s > wait_s:
                wait_s = FIRST_WAIT_S  # it worked for a while
            if not self._stop.is_set():
                self._report(f"{reason}; trying again in {wait_s:g} s")
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _read(self) -> bool:
        """Read until no more frames come, and return whether that is the end of a recording."""
        clock = _Clock()
        with opened_video(self._source) as frames:
            for number, frame in enumerate(frames):
                if not number:
                    self._note_connection()
                self._is_recording = frame.time_s is not None
                if frame.time_s is not None and self._pace.drop:
                    self._stop.wait(clock.wait_s(frame.time_s, time.monotonic()))
                if self._stop.is_set():
                    return False
                self._offer(frame)
        return self._is_recording

    def _note_connection(self) -> None:
        self._connected_s = time.monotonic()
        self.connections += 1
        if self.connections > 1:
            self._report(f"{self._source}: connected again")

    def _offer(self, frame: Frame) -> None:
        number, now_s = self.frames, time.monotonic()
        self.frames += 1
        if not self._is_wanted(number, now_s):
            return
        with self._changed:
            if not self._pace.drop:
                self._changed.wait_for(lambda: self._waiting is None or self._stop.is_set())
            self.dropped += self._waiting is not None
            self._waiting = (number, now_s if frame.time_s is None else frame.time_s, frame)
            self._changed.notify_all()

    def _is_wanted(self, number: int, now_s: float) -> bool:
        if number % self._pace.every:
            return False
        if self._pace.max_fps:
            if now_s < self._due_s:
                return False
            interval_s = 1 / self._pace.max_fps
            # A frame that comes a little late does not move those after it, or fewer would come than are allowed.
            self._due_s = (self._due_s if now_s - self._due_s < interval_s else now_s) + interval_s
        return True


class _Clock:
    """Says how long to wait for the next frame of a recording, so that it plays in its own time."""

    def __init__(self) -> None:
        self._start_s: float | None = None
        self._last_s = 0.0

    def wait_s(self, time_s: float, now_s: float) -> float:
        """Return the wait before the frame of `time_s`; a gap or a jump back in the times moves the start."""
        if self._start_s is None:
            self._start_s, self._last_s = now_s - time_s, time_s
        step_s, self._last_s = time_s - self._last_s, time_s
        if step_s > LONGEST_GAP_S:
            self._start_s -= step_s - LONGEST_GAP_S
        elif step_s < -LONGEST_GAP_S:  # small steps back are frames out of order
            self._start_s -= step_s
        return max(0.0, self._start_s + time_s - now_s)
