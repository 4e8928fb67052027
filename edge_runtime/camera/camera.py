"""Read a video source in a thread, keep its newest frame, and reconnect when the source is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Event, Thread
from typing import NamedTuple

from edge_runtime.camera.address import is_read_once, shown_source
from edge_runtime.camera.clock import Clock
from edge_runtime.camera.frame import Frame
from edge_runtime.camera.settings import Settings
from edge_runtime.camera.video import opened_video
from edge_runtime.camera.view import View
from edge_runtime.errors import CameraError
from edge_runtime.picture.source import Pixels

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
# The longest silence of a source that counts as alive. Streams and the Pi's camera give up much sooner.
SILENCE_S = 30.0
# Each frame of a source may be unusable. A line is printed for the first one, and then at most once in this time.
BAD_FRAME_LINE_S = 10.0


@dataclass(frozen=True)
class Pace:
    """Which frames of a source are wanted.

    Args:
        every: take one frame out of this many, 1 or more. Default 1: every frame.
        max_fps: take at most this many frames a second; 0 for no limit. Default 0.
        drop: whether a new frame replaces an old one that nobody has taken yet. If not, a file waits for its reader
            and no frame is lost. Default yes.
    """

    every: int = 1
    max_fps: float = 0.0
    drop: bool = True


class Shot(NamedTuple):
    """A frame that was taken from a camera.

    Attributes:
        number: number of the frame since the start, from 0.
        time_s: its time in a recording, or the `time.monotonic` of its arrival from a live source; seconds.
        pixels: `uint8 (height, width, 3) RGB 0-255`.
    """

    number: int
    time_s: float
    pixels: Pixels


class Camera:
    """A source that is read in a thread of its own, which keeps the newest frame.

    Attributes:
        frames: number of frames that came.
        dropped: number of wanted frames that newer ones replaced before anybody took them.
        connections: how often the source was opened successfully.
    """

    def __init__(
        self,
        source: str,
        pace: Pace,
        report: Callable[[str], None],
        *,
        settings: Settings | None = None,
        view: View | None = None,
        once: bool = False,
    ) -> None:
        """Start the thread.

        Args:
            source: any source that `opened_video` takes.
            pace: which frames are wanted.
            report: called with one line when the source is lost and when it is connected again, and once with what
                was found out about it. Any thread may call it.
            settings: what is asked of the source. Default: nothing.
            view: how each frame is turned, mirrored and cut. Default: not at all.
            once: whether a camera or a stream is given up when it ends or fails. Default no: it is opened again.
                A file is never read twice.
        """
        self.frames = self.dropped = self.connections = 0
        self._source, self._pace, self._report = source, pace, report
        self._name, self._once = shown_source(source), once or is_read_once(source)
        self._settings, self._view = settings or Settings(), view or View()
        self._noted: set[str] = set()
        self._stop, self._changed = Event(), Condition()
        self._waiting: tuple[int, float, Frame] | None = None
        self._ended = self._any_shot = False
        self._error: BaseException | None = None
        self._bad_frame: CameraError | None = None
        self._bad_frames, self._bad_frame_line_s = 0, float("-inf")
        self._due_s = self._connected_s = float("-inf")
        self._alive_until_s = time.monotonic() + SILENCE_S
        self._thread = Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> Shot | None:
        """Return the newest frame that nobody has taken yet. Wait for one if there is none.

        Args:
            timeout_s: longest wait in seconds.

        Returns:
            The frame. None when no frame came in time, or when the frame could not be converted.

        Raises:
            EOFError: a source that is read once has ended.
            CameraError: a source that is read once cannot be read, or none of its frames can be converted. Or the
                crop of the view is not inside the first frame.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._ended, timeout_s)
            waiting, self._waiting = self._waiting, None
            self._changed.notify_all()
        if waiting is not None:
            return self._converted(*waiting)
        if self._error is not None:
            raise self._error
        if not self._ended:
            return None
        if self._bad_frame is not None and not self._any_shot:
            raise self._bad_frame
        raise EOFError

    @property
    def is_alive(self) -> bool:
        """Whether the source is read or tried again. False after `SILENCE_S` seconds in which it hangs."""
        return time.monotonic() < self._alive_until_s

    def close(self) -> None:
        """Stop reading. If a read hangs, give up waiting for it after two seconds."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=2)

    def _converted(self, number: int, time_s: float, frame: Frame) -> Shot | None:
        try:
            pixels = frame.convert()
        except CameraError as error:
            self._note_bad_frame(error)
            return None
        try:
            shot = Shot(number, time_s, self._view.apply(pixels))
        except CameraError as error:
            error = CameraError(f"{self._name}: {error}")
            if not self._any_shot:  # it will not fit the next one either
                raise error from None
            self._note_bad_frame(error)
            return None
        if not self._any_shot:
            self._compare_size(pixels.shape[1], pixels.shape[0])
        self._any_shot = True
        return shot

    def _compare_size(self, width: int, height: int) -> None:
        """Say so if a camera gives another size than it was asked for: its driver takes the nearest that it has."""
        if self._settings.size not in (None, (width, height)):
            asked = "x".join(map(str, self._settings.size or ()))
            self._report(f"{self._name}: the camera gives {width}x{height}, because it does not have {asked}")

    def _note_bad_frame(self, error: CameraError) -> None:
        self._bad_frame = error
        self._bad_frames += 1
        now_s = time.monotonic()
        if now_s - self._bad_frame_line_s >= BAD_FRAME_LINE_S:
            self._bad_frame_line_s = now_s
            more = f" ({self._bad_frames} such frames so far)" if self._bad_frames > 1 else ""
            self._report(f"{error}{more}; continuing with the next frame")

    def _run(self) -> None:
        try:
            if self._once:
                self._read()
            else:
                self._read_for_ever()
        except BaseException as error:  # `take` raises it in its own thread
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_for_ever(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            before = self.connections
            try:
                self._read()
                reason = f"{self._name}: ended"
            except CameraError as error:
                reason = str(error)
            if self.connections > before and time.monotonic() - self._connected_s > wait_s:
                wait_s = FIRST_WAIT_S  # the source worked for a while
            if not self._stop.is_set():
                self._report(f"{reason}; trying again in {wait_s:g} s")
            self._alive_until_s = time.monotonic() + wait_s + SILENCE_S
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _read(self) -> None:
        """Read until no more frames come."""
        clock = Clock()
        opened = opened_video(self._source, self._settings, once=self._once, note=self._note)
        with opened as frames:
            for number, frame in enumerate(frames):
                if not number:
                    self._note_connection()
                self._alive_until_s = time.monotonic() + SILENCE_S
                if frame is not None and frame.time_s is not None and self._pace.drop:
                    self._stop.wait(clock.wait_s(frame.time_s, time.monotonic()))
                if self._stop.is_set():
                    return
                if frame is not None:
                    self._offer(frame)

    def _note(self, line: str) -> None:
        """Report a line once, and not again at each connection."""
        if line not in self._noted:
            self._noted.add(line)
            self._report(line)

    def _note_connection(self) -> None:
        self._connected_s = time.monotonic()
        self.connections += 1
        if self.connections > 1:
            self._report(f"{self._name}: connected again")

    def _offer(self, frame: Frame) -> None:
        number, now_s = self.frames, time.monotonic()
        self._alive_until_s = now_s + SILENCE_S
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
            # If one frame comes a little late, the next ones are still due at their old times. Otherwise fewer
            # frames would be taken than `max_fps` allows.
            self._due_s = (self._due_s if now_s - self._due_s < interval_s else now_s) + interval_s
        return True
