"""Classify what a command line names and print each result as it comes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import click

from edge_runtime.commands.results import ResultFormat, TableFormat
from edge_runtime.errors import PictureError
from edge_runtime.native_output import native_errors_hidden
from edge_runtime.picture.listing import STANDARD_INPUT
from edge_runtime.terminal import say

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier, Prediction

MANY = 20  # pictures from which a progress bar is worth its line


@dataclass
class Tally:
    """How far a batch came.

    Args:
        total: pictures in all.
        done: pictures with an answer or an error.
        failed: pictures with an error.
    """

    total: int
    done: int = 0
    failed: int = 0


def run_batch(classifier: Classifier, paths: list[str], output: ResultFormat, *, workers: int) -> Tally:
    """Classify pictures and print a line for each, in order; errors in a table go to standard error.

    Args:
        classifier: what to classify with.
        paths: picture files, `-` for standard input.
        output: how to write the results.
        workers: pictures in work at once.

    Returns:
        How far it came: all of it, unless the user stopped it with Ctrl-C.
    """
    tally = Tally(len(paths))
    if output.header():
        say(output.header())
    with native_errors_hidden(), _progress(tally.total) as bar:
        try:
            for path, result in _results(classifier, paths, workers):
                failed = isinstance(result, PictureError)
                say(output.line(path, result), err=failed and isinstance(output, TableFormat))
                tally.done += 1
                tally.failed += failed
                bar.update(1)
        except KeyboardInterrupt:
            pass  # what is done is printed; the caller sees that it is not all
    return tally


def _results(
    classifier: Classifier, paths: list[str], workers: int
) -> Iterator[tuple[str, Prediction | PictureError]]:
    if len(paths) == 1:  # on all threads, and without the cost of a pool
        yield paths[0], _one(classifier, paths[0])
        return
    results = classifier.classify_many(map(_source, paths), workers=workers)
    yield from zip(paths, results, strict=True)


def _one(classifier: Classifier, path: str) -> Prediction | PictureError:
    try:
        return classifier.classify(_source(path))
    except PictureError as error:
        return error


def _source(path: str) -> str | bytes | IO[bytes]:
    if path != STANDARD_INPUT:
        return path
    return sys.stdin.buffer if sys.stdin is not None else b""  # None: the caller closed it


def _progress(total: int) -> Any:
    """Return a progress bar on standard error, unless results on the same terminal show the progress."""
    if total < MANY or not sys.stderr.isatty() or sys.stdout.isatty():
        return nullcontext(_NoBar())
    return click.progressbar(length=total, label="pictures", file=sys.stderr)


class _NoBar:
    def update(self, count: int) -> None:
        """Show nothing."""
