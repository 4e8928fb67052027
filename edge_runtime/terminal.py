"""Print results, errors and the next command in the same way on all four command lines."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NoReturn

import click

from edge_runtime.errors import CatdogError, shortage_of
from edge_runtime.visible_text import exact_bytes, visible


def say(line: str, *, err: bool = False) -> None:
    """Print one line for people. Nothing in it can move the cursor, turn the letters around or begin a new line."""
    click.echo(_encoded(visible(line)), err=err)


def say_exactly(line: str, *, err: bool = False) -> None:
    """Print JSON or CSV for scripts. A file name comes out as the bytes that it is on disk."""
    click.echo(_encoded(line), err=err)


def show_status(text: str) -> None:
    """Show one line for people on standard error, in place of the last status; an empty one takes it away."""
    import shutil  # here, because `classify` must come fast

    fitting = visible(text)[: shutil.get_terminal_size().columns - 1]  # a line that wraps cannot be taken away
    click.echo(b"\r" + _encoded(fitting) + b"\x1b[K", err=True, nl=False)


# What no shell reads as anything but itself; shlex.quote has the same.
_UNQUOTED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def quoted(argument: str | os.PathLike[str]) -> str:
    """Return an argument as people can type it into a shell, whatever is in it."""
    text = os.fspath(argument)
    if text and _UNQUOTED.issuperset(text):
        return text
    if visible(text) == text:
        import shlex  # here, because `classify` must come fast

        return shlex.quote(text)
    escaped = (
        f"\\x{byte:02x}" if byte < 32 or byte > 126 or byte in b"'\\" else chr(byte) for byte in _encoded(text)
    )
    return f"$'{''.join(escaped)}'"


def _encoded(line: str) -> bytes:
    """Return bytes: a file name need not be valid in the terminal's encoding."""
    return exact_bytes(line, sys.getfilesystemencoding())


class ExitCode(IntEnum):
    """The exit codes of the four commands. Click itself exits with 2 when a command is used wrongly.

    Attributes:
        DONE: everything was done.
        ERROR: something failed, or a picture could not be read.
        FAILED: a file failed the gate, or a benchmark became worse.
        UNDECIDED: there are too few pictures or measurements to decide.
        STOPPED: the user pressed Ctrl-C.
        TERMINATED: SIGTERM ended a training, an export or a benchmark.
    """

    DONE = 0
    ERROR = 1
    FAILED = 3
    UNDECIDED = 4
    STOPPED = 130
    TERMINATED = 143


# The modules that `catdog-bench run` needs and a base install lacks. The extra `bench` installs them.
MEASURING = ("markdown", "matplotlib", "scipy")
# The package to install for each module of a base install. Extras install all other modules.
BASE_PACKAGES = {
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "click": "click",
    "numpy": "numpy",
}


# The extras of the commands that load TensorFlow or Matplotlib. Those of the device must come fast.
_COMPUTER = ("train", "export", "bench")


def fail(message: str, code: ExitCode = ExitCode.ERROR) -> NoReturn:
    """Print one line on standard error and end the process with an exit code."""
    say(f"error: {message}", err=True)
    sys.exit(code)


def next_command(command: str) -> None:
    """Print the next command to type. Call it last, so that it is the last line on standard error."""
    say(f"next: {command}", err=True)


@contextmanager
def wrong_use_visible() -> Iterator[None]:
    """Escape what people typed, such as the names that `*` stands for, in Click's errors of wrong use."""
    try:
        yield
    except click.UsageError as error:
        if visible(error.message) == error.message:
            raise
        raise click.UsageError(visible(error.format_message()), error.ctx) from error


class Command(click.Command):
    """A Click command whose errors of wrong use are `wrong_use_visible`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line."""
        with wrong_use_visible():
            return super().parse_args(ctx, args)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block in order, so that it removes what is temporary. Service managers send that signal.

    The exit code is `TERMINATED`, as a shell has it for this signal.
    """
    import signal

    def end(*_: object) -> NoReturn:
        raise SystemExit(ExitCode.TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def one_line_errors(extra: str, *, stopped: str = "stopped") -> Iterator[None]:
    """End the process with one line and the exit code `ERROR` or `STOPPED` when the block fails.

    Args:
        extra: the extra of catdog-edge that installs the libraries of this command.
        stopped: the line to print after Ctrl-C.
    """
    # Pillow warns about odd metadata in pictures that it reads well. Real damage raises an error.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        if extra in _COMPUTER:
            _prepare_for_large_libraries(extra)
        yield
    except CatdogError as error:
        fail(str(error))
    except ModuleNotFoundError as error:
        package = BASE_PACKAGES.get((error.name or "").partition(".")[0], f"'catdog-edge[{extra}]'")
        fail(f"{error.name} is not installed. Install what this command needs: pip install {package}")
    except ImportError as error:
        _fail_of_shortage(error)
        reason = " ".join(str(error).split())  # NumPy's has many lines
        fail(f"{reason}. A library is installed but does not load. `catdog-edge doctor` checks each library.")
    except BrokenPipeError:
        raise  # the program that reads the output has ended: Click ends quietly
    except OSError as error:
        _fail_of_shortage(error)
        what = f"{error.filename or 'the output'}: {error.strerror or error}"
        fail(f"{what}. Free some space, get permission to write there, or name another place.")
    except MemoryError as error:
        fail(f"not enough memory ({error or 'none left'}). Close other programs, or take a larger machine.")
    except RuntimeError as error:  # no thread may start
        _fail_of_shortage(error)
        raise
    except KeyboardInterrupt:
        click.echo(err=True)  # below the ^C
        say(stopped, err=True)
        sys.exit(ExitCode.STOPPED)


def _prepare_for_large_libraries(extra: str) -> None:
    from edge_runtime.address_space import require_address_space

    # Matplotlib warns of each letter that its font lacks, as of an emoji; the plot has a box there.
    warnings.filterwarnings("ignore", message="Glyph .* missing from")
    require_address_space(extra)


def _fail_of_shortage(error: Exception) -> None:
    shortage = shortage_of(error)
    if shortage:
        fail(shortage)
