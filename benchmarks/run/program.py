"""Run a program to its end, and say in one line why it failed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from benchmarks.errors import BenchmarkError
from edge_runtime.child_process import signal_words


def run_program(command: Sequence[str], *, name: str = "") -> str:
    """Run a program and return its standard output.

    Args:
        command: the program and its arguments.
        name: what to call it in an error; the command by default.

    Raises:
        BenchmarkError: it failed. The message ends with the last line of its standard error.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{name or ' '.join(command)}: {last_words(done.stderr, done.returncode)}")
    return done.stdout


def last_words(errors: str, code: int) -> str:
    """Return the last line of a program's standard error, and the signal that ended it if one did.

    Args:
        errors: its standard error.
        code: its exit code, or the negative number of a signal.
    """
    lines = errors.strip().splitlines()
    if code < 0:
        return signal_words(code) + (f": {lines[-1]}" if lines else "")
    return lines[-1] if lines else f"exit code {code}"
