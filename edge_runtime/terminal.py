"""What the four command lines say in the same way: results, errors in one line, and the next command."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from edge_runtime.errors import CatdogError


def say(line: str, *, err: bool = False, newline: bool = True) -> None:
    """Print a line as bytes: a file name need not be valid in the terminal's encoding."""
    click.echo(os.fsencode(line), err=err, nl=newline)


def fail(message: str, code: int = 1) -> NoReturn:
    """Print one line on standard error and leave with an exit code."""
    say(f"error: {message}", err=True)
    sys.exit(code)


# What `catdog-bench run` needs beside a base install: the extra `bench`.
MEASURING = ("markdown", "matplotlib", "scipy")


def next_command(command: str) -> None:
    """Name the next command to type, as the last line on standard error."""
    say(f"next: {command}", err=True)


@contextmanager
def one_line_errors(extra: str, *, stopped: str = "stopped") -> Iterator[None]:
    """Turn what can go wrong in a command into one line and an exit code: 1 error, 130 Ctrl-C.

    Args:
        extra: the extra of catdog-edge that brings the libraries this command needs.
        stopped: what to say after Ctrl-C.
    """
    # Pillow warns of odd metadata in pictures that it reads well; real damage is an error.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        yield
    except CatdogError as error:
        fail(str(error))
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed. Install what this command needs: pip install 'catdog-edge[{extra}]'")
    except ImportError as error:
        fail(f"{error}. A library is installed and does not load; `catdog-edge doctor` looks at each.")
    except BrokenPipeError:
        raise  # the reader has seen enough; Click ends quietly
    except OSError as error:
        what = f"{error.filename or 'the output'}: {error.strerror or error}"
        fail(f"{what}. Make room or give rights there, or name another place.")
    except MemoryError as error:
        fail(f"not enough memory ({error or 'none left'}). Close other programs, or take a larger machine.")
    except KeyboardInterrupt:
        say(f"\n{stopped}", err=True)
        sys.exit(130)
