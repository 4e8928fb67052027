"""Keep the output of native libraries away from the terminal.

TensorFlow, LiteRT and converters write straight to the file descriptors and bypass Python's `sys.stderr`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def native_output_to(log: Path) -> Iterator[TextIO]:
    """Append to `log` everything that is written to standard output and standard error inside the block.

    Yields:
        The standard error of before, for a progress display.
    """
    _flush()
    _open_when_closed(1)
    _open_when_closed(2)
    with log.open("ab") as target, os.fdopen(os.dup(2), "w") as terminal:
        saved = os.dup(1), os.dup(2)
        os.dup2(target.fileno(), 1)
        os.dup2(target.fileno(), 2)
        try:
            yield terminal
        finally:
            _flush()
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None: the caller closed it
            stream.flush()


def _open_when_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)


@contextmanager
def native_errors_hidden() -> Iterator[None]:
    """Drop what native libraries write to standard error inside the block. Python's own lines still appear.

    For example, libtiff writes several lines about a damaged file, and the command prints its own error line.
    """
    shown = sys.__stderr__
    if shown is None or sys.stderr is not shown:  # closed, or already replaced by the caller
        yield
        return
    _flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    try:
        with os.fdopen(os.dup(saved), "w", buffering=1, encoding=shown.encoding, errors=shown.errors) as terminal:
            sys.stderr = terminal
            yield
    finally:
        sys.stderr = shown
        os.dup2(saved, 2)
        os.close(saved)
