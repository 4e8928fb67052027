"""The command `catdog-edge`."""

from __future__ import annotations

import faulthandler
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

import click

from edge_runtime.commands.group import CommandGroup, Listed
from edge_runtime.terminal import one_line_errors

COMMANDS = {
    "classify": Listed("edge_runtime.commands.classify", "Label pictures."),
    "doctor": Listed("edge_runtime.commands.doctor", "Look at this machine and say what is missing."),
    "info": Listed("edge_runtime.commands.info", "Say what is in a bundle and which file is used here."),
    "selftest": Listed("edge_runtime.commands.selftest", "Prove that a bundle works on this machine."),
    "teach": Listed("edge_runtime.commands.teach", "Teach the network of a bundle new labels."),
    "watch": Listed("edge_runtime.commands.watch", "Say what a camera sees."),
}


@click.group(cls=CommandGroup, listed=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="catdog-edge")
def main() -> None:
    """Classify pictures with a bundle.

    One for cat, dog and neither comes with the package. `catdog-export` makes others.
    """


def run() -> NoReturn:
    """Run the installed command and end the process without Python's clean-up.

    The clean-up takes a twentieth of the time of `classify`. Nothing needs it: by then files are closed and threads
    have ended. The garbage collector waits until a classifier is open, as start-up leaves it nothing to collect.
    """
    gc.disable()
    # NumPy's OpenBLAS keeps every core busy while it starts, and nothing here multiplies matrices with it. Where no
    # thread may start, it would send this process the signal of Ctrl-C.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _tell_of_crashes()
    code: int | str | None = 0
    try:
        with one_line_errors("onnx"):
            main()
    except SystemExit as end:
        code = end.code
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # None: the caller closed it
                stream.flush()
    except OSError:
        code = 1
    os._exit(code if isinstance(code, int) else bool(code))


def _tell_of_crashes() -> None:
    """Print on standard error where a native library crashed: a damaged model file can end any of them.

    A process of its own for every model would cost `classify` more than it may; this costs microseconds.
    """
    with suppress(OSError, RuntimeError):  # the caller closed standard error
        faulthandler.enable(os.dup(2), all_threads=False)  # a copy, as the libraries' own words are led elsewhere
