"""One line on the terminal that says what is being done and how much time is left."""

from __future__ import annotations

import time
from typing import IO, Self

_WIDTH = 24
_REDRAW_S = 0.2
_SURE_S = 1.0  # after this time in a phase its own speed is trusted


class Progress:
    """Shows the phases of a run. A phase has an expected time until its own speed can be measured.

    Args:
        stream: where to write, usually standard error. On a terminal one line is redrawn.
        phases: the names of the phases in order.
    """

    def __init__(self, stream: IO[str], phases: tuple[str, ...]) -> None:
        """Start before the first phase."""
        self._stream = stream
        self._expected_s = dict.fromkeys(phases, 0.0)
        self._begin = time.monotonic()
        self._phase = ""
        self._phase_begin = 0.0
        self._drawn = 0.0

    def __enter__(self) -> Self:
        """Return the progress itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the line."""
        self.close()

    def expect(self, phase: str, seconds: float) -> None:
        """Set how long a later phase will take."""
        self._expected_s[phase] = seconds

    def step(self, phase: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of a phase are done."""
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._phase_begin, self._drawn = phase, now, 0.0
        if done == total or now - self._drawn >= _REDRAW_S:
            self._draw(now, done, total)

    def left_s(self, now: float, done: int, total: int) -> float:
        """Return the seconds left of this phase and of all later ones."""
        names = list(self._expected_s)
        later = sum(self._expected_s[name] for name in names[names.index(self._phase) + 1 :])
        spent = now - self._phase_begin
        expected = self._expected_s[self._phase] * (total - done) / total
        this = spent / done * (total - done) if done and spent > _SURE_S else expected
        return this + later

    def close(self) -> None:
        """End the line."""
        if self._drawn and self._stream.isatty():
            self._stream.write("\n")

    def _draw(self, now: float, done: int, total: int) -> None:
        left = self.left_s(now, done, total)
        if not self._stream.isatty():
            if not self._drawn:  # once a phase
                self._stream.write(f"{self._phase}, {in_words(left)} left\n")
        else:
            share = (now - self._begin) / max(now - self._begin + left, 1e-9)
            bar = "#" * round(share * _WIDTH)
            text = f"[{bar:<{_WIDTH}}] {share:4.0%}  {self._phase} {done} of {total}, {in_words(left)} left"
            self._stream.write(f"\r{text}\x1b[K")
        self._stream.flush()
        self._drawn = now


def in_words(seconds: float) -> str:
    """Return a duration for people: `about 2 min 10 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"about {whole} s"
    minutes = f"{whole // 60} min"
    return f"about {minutes}" + (f" {whole % 60 // 10 * 10} s" if whole < 600 else "")
