"""The command `catdog-edge classify`: pictures, folders and patterns to labels, a line each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from edge_runtime.commands.options import (
    BACKEND,
    BUNDLE,
    CONFIDENCE_THRESHOLD,
    JSON,
    PRECISION,
    THREADS,
    open_classifier,
)
from edge_runtime.commands.results import CsvFormat, JsonFormat, ResultFormat, TableFormat
from edge_runtime.errors import PictureError
from edge_runtime.native_output import native_errors_hidden
from edge_runtime.picture.listing import STANDARD_INPUT, list_pictures
from edge_runtime.terminal import MEASURING, ExitCode, next_command, one_line_errors, quoted, say, say_exactly

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier, Prediction

MANY = 20  # pictures from which a progress bar is worth its line


class ClassifyOptions(NamedTuple):
    """What `catdog-edge classify` was asked for."""

    paths: tuple[str, ...]
    bundle: Path | None
    backend: str
    precision: str
    threads: int | None
    confidence_threshold: float | None
    recursive: bool
    top_k: int | None
    as_json: bool
    as_csv: bool
    max_pixels: int


class Tally:
    """How far a batch came.

    Attributes:
        total: pictures in all.
        done: pictures with an answer or an error.
        failed: pictures with an error.
    """

    def __init__(self, total: int) -> None:
        """Begin with nothing done."""
        self.total = total
        self.done = 0
        self.failed = 0


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@BUNDLE
@BACKEND
@PRECISION
@THREADS
@CONFIDENCE_THRESHOLD
@click.option("--recursive", is_flag=True, help="Look in the folders of a folder too.")
@click.option("--top-k", type=click.IntRange(1), help="Labels to show.  [default: 1 in a table, else all]")
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values with a header.")
@click.option(
    "--max-pixels", type=click.IntRange(1, 178_956_970), default=80_000_000, show_default=True,
    help="Refuse larger pictures; 80 million take up to 500 MiB of memory.",
)  # fmt: skip
def classify(**values: Any) -> None:
    """Say what is on pictures.

    PATH is a picture, a folder, a pattern such as '*.jpg', or - for standard input.

    The exit code is 1 when a picture could not be read, and 130 when Ctrl-C stopped it.
    """
    options = ClassifyOptions(**values)
    if options.as_json and options.as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    with one_line_errors("onnx"):
        from edge_runtime.bundle.folder import default_bundle

        folder = options.bundle or default_bundle()
        pictures = list(list_pictures(options.paths, recursive=options.recursive))
        tally = _classify(folder, pictures, options)
    if tally.failed:
        say(f"{tally.failed} of {tally.done} could not be classified", err=True)
    if tally.done < tally.total:
        say(f"stopped: {tally.done} of {tally.total} done", err=True)
        sys.exit(ExitCode.STOPPED)
    if tally.failed:
        sys.exit(ExitCode.ERROR)
    _say_next(folder, pictures[0])


def _classify(folder: Path, pictures: list[str], options: ClassifyOptions) -> Tally:
    from edge_runtime.parallel import default_workers, usable_cores

    # One picture gets every core; of many, each gets a thread.
    workers = min(options.threads or default_workers(), len(pictures))  # each has a model of its own
    threads = (options.threads or usable_cores()) if len(pictures) == 1 else 1
    classifier = open_classifier(
        folder,
        options.backend,
        options.precision,
        threads=threads,
        confidence_threshold=options.confidence_threshold,
        max_pixels=options.max_pixels,
    )
    return run_batch(classifier, pictures, _output(classifier, pictures, options), workers=workers)


def _say_next(folder: Path, picture: str) -> None:
    from importlib.util import find_spec

    if not all(map(find_spec, MEASURING)):
        next_command(f"catdog-edge selftest --bundle {quoted(folder)}")
        return
    data = "PICTURES" if picture == STANDARD_INPUT else quoted(os.path.dirname(picture) or ".")
    next_command(f"catdog-bench run --bundle {quoted(folder)} --data {data}")


def _output(classifier: Classifier, pictures: list[str], options: ClassifyOptions) -> ResultFormat:
    labels, top_k = classifier.bundle.labels, options.top_k
    if options.as_json:
        return JsonFormat(top_k)
    if options.as_csv:
        return CsvFormat(labels, top_k)
    return TableFormat(pictures, labels, top_k or 1)


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
    for_people = isinstance(output, TableFormat)
    tell = say if for_people else say_exactly
    if output.header():
        tell(output.header())
    with native_errors_hidden(), _progress(tally.total) as bar:
        try:
            for path, result in _results(classifier, paths, workers):
                failed = isinstance(result, PictureError)
                tell(output.line(path, result), err=failed and for_people)
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
