"""Show how far an export is."""

from __future__ import annotations

import signal
import time
from typing import Any, Protocol, TextIO

import click


class ExportObserver(Protocol):
    """Watches an export."""

    def on_stage(self, name: str) -> None:
        """Called when a stage begins."""

    def on_progress(self, done: int, total: int) -> None:
        """Called within a stage that can be counted."""


class Progress:
    """Shows an export on the terminal: a line for each stage, with a bar where it can be counted.

    A library can swallow Ctrl-C, as Python does in a destructor. Then the export ends when it next reports.
    """

    def __init__(self, terminal: TextIO) -> None:
        """Begin with nothing shown."""
        self._terminal = terminal
        self._stage = ""
        self._started = 0.0
        self._bar: Any = None
        self._at = 0
        self._stopped = False

    def __enter__(self) -> Progress:
        """Return itself, noticing Ctrl-C from now on."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        """End the stage that is shown."""
        if signal.getsignal(signal.SIGINT) == self._stop:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._end()

    def _stop(self, *_: object) -> None:
        self._stopped = True
        raise KeyboardInterrupt

    def on_stage(self, name: str) -> None:
        """End the last stage and begin another."""
        if self._stopped:
            raise KeyboardInterrupt
        self._end()
        self._stage, self._started = name, time.perf_counter()
        if self._terminal.isatty():
            click.echo(f"{name} ...", file=self._terminal, nl=False)

    def on_progress(self, done: int, total: int) -> None:
        """Move the stage's bar."""
        if self._stopped:
            raise KeyboardInterrupt
        if not self._terminal.isatty():
            return
        if self._bar is None:
            click.echo("\r", file=self._terminal, nl=False)
            self._bar = click.progressbar(length=total, label=self._stage, file=self._terminal)
            self._bar.__enter__()
            self._at = 0
        self._bar.update(done - self._at)
        self._at = done

    def _end(self) -> None:
        if not self._stage:
            return
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
        clear = "\r\033[K" if self._terminal.isatty() else ""
        seconds = time.perf_counter() - self._started
        click.echo(f"{clear}{self._stage}: {seconds:.1f} s", file=self._terminal)
        self._stage = ""
