"""Play a recording at its own speed."""

from __future__ import annotations

# A recording may have a gap in its times, because the camera was off. At most this much of a gap is waited.
LONGEST_GAP_S = 2.0


class Clock:
    """Says how long to wait for each frame of a recording, so that it plays at its own speed."""

    def __init__(self) -> None:
        """Start at the first frame."""
        self._start_s: float | None = None
        self._last_s = 0.0

    def wait_s(self, time_s: float, now_s: float) -> float:
        """Return the seconds to wait before a frame. The rest of a large gap and a jump back are skipped.

        Args:
            time_s: the frame's time in the recording, seconds.
            now_s: the time now, seconds on the clock that the waits are measured on.
        """
        if self._start_s is None:
            self._start_s, self._last_s = now_s - time_s, time_s
        step_s, self._last_s = time_s - self._last_s, time_s
        if step_s > LONGEST_GAP_S:
            self._start_s -= step_s - LONGEST_GAP_S
        elif step_s < -LONGEST_GAP_S:  # a small step back is a frame out of order
            self._start_s -= step_s
        return max(0.0, self._start_s + time_s - now_s)
