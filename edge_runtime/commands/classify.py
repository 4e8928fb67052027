"""The command `catdog-edge classify`: print one line with the label of each picture."""

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
    open_classifier,
)
from edge_runtime.commands.results import CsvFormat, JsonFormat, ResultFormat, TableFormat
from edge_runtime.errors import PictureError
from edge_runtime.native_output import native_errors_hidden
from edge_runtime.picture.contract import LARGEST_MAX_PIXELS, MAX_PIXELS
from edge_runtime.picture.listing import STANDARD_INPUT, list_pictures
from edge_runtime.terminal import MEASURING, ExitCode, next_command, one_line_errors, quoted, say, say_exactly

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier, Prediction
    from edge_runtime.picture.left_out import LeftOut

MANY = 20  # fewer pictures than this get no progress bar


class ClassifyOptions(NamedTuple):
    """The arguments and options of `catdog-edge classify`."""

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
    untrusted: bool


class Tally:
    """The progress of a batch.

    Attributes:
        total: number of pictures.
        done: number of pictures that have an answer or an error.
        failed: number of pictures that have an error.
    """

    def __init__(self, total: int) -> None:
        """Start with nothing done."""
        self.total = total
        self.done = 0
        self.failed = 0


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@BUNDLE
@BACKEND
@PRECISION
@click.option(
    "--threads", type=click.IntRange(1),
    help="Number of threads. A single picture runs on all of them. Many pictures run at once, each on one thread.  "
         "[default: one for each core, at most 4 (plus one when there are many pictures)]",
)  # fmt: skip
@CONFIDENCE_THRESHOLD
@click.option("--recursive", is_flag=True, help="Also search the folders inside a folder.")
@click.option(
    "--top-k", type=click.IntRange(1),
    help="Number of labels to show, the best first.  [default: 1 in text, all in JSON and CSV]",
)  # fmt: skip
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values with a header.")
@click.option(
    "--max-pixels", type=click.IntRange(1, LARGEST_MAX_PIXELS), default=MAX_PIXELS, show_default=True,
    help="Refuse pictures with more pixels. A picture of 80 million can need 500 MiB of memory.",
)  # fmt: skip
@click.option(
    "--untrusted", is_flag=True,
    help="Decode pictures in a process of their own, with hard limits of 600 MiB and 10 seconds.",
)  # fmt: skip
def classify(**values: Any) -> None:
    """Label pictures.

    PATH is a picture, a folder, a pattern such as '*.jpg', or - for standard input.

    The exit code is 1 when a picture could not be read, and 130 when Ctrl-C stopped the command.
    """
    options = ClassifyOptions(**values)
    if options.as_json and options.as_csv:
        raise click.UsageError("--json and --csv cannot be used together. Choose one.")
    with one_line_errors("onnx"):
        from edge_runtime.bundle.folder import default_bundle

        folder = options.bundle or default_bundle()
        left_out: list[LeftOut] = []
        pictures = list(list_pictures(options.paths, recursive=options.recursive, tell=left_out.append))
        tally = _classify(folder, pictures, options)
    for line in _of_links(left_out):
        say(line, err=True)
    if tally.failed and tally.total > 1:  # of a single picture, all is said
        say(f"{tally.failed} of {tally.done} pictures could not be classified", err=True)
    if tally.done < tally.total:
        say(f"stopped: {tally.done} of {tally.total} pictures done", err=True)
        sys.exit(ExitCode.STOPPED)
    if tally.failed:
        sys.exit(ExitCode.ERROR)
    _say_next(folder, pictures)


def _of_links(left_out: list[LeftOut]) -> list[str]:
    """Return the lines that name folders that were not searched. What is plainly no picture needs no line."""
    if not left_out:
        return []
    from edge_runtime.picture.left_out import Cause, in_short

    return in_short((item for item in left_out if item.cause is Cause.LINK), "the folder")


def _classify(folder: Path, pictures: list[str], options: ClassifyOptions) -> Tally:
    from edge_runtime.parallel import default_workers, usable_cores

    # A single picture runs on all threads. Many pictures run at once, each on one thread.
    workers = min(options.threads or default_workers(), len(pictures))  # each worker loads a model of its own
    threads = (options.threads or usable_cores()) if len(pictures) == 1 else 1
    classifier = open_classifier(
        folder,
        options.backend,
        options.precision,
        threads=threads,
        confidence_threshold=options.confidence_threshold,
        max_pixels=options.max_pixels,
        untrusted=options.untrusted,
    )
    return run_batch(classifier, pictures, _output(classifier, pictures, options), workers=workers)


def _say_next(folder: Path, pictures: list[str]) -> None:
    from importlib.util import find_spec

    if not all(map(find_spec, MEASURING)):
        next_command(f"catdog-edge selftest --bundle {quoted(folder)}")
        return
    next_command(f"catdog-bench run --bundle {quoted(folder)} --data {_folder_of(pictures)}")


def _folder_of(pictures: list[str]) -> str:
    """Return the folder above all pictures, quoted, or the word `PICTURES` if there is none to propose.

    The current folder and those above it hold much else, so they are not proposed.
    """
    if STANDARD_INPUT in pictures:
        return "PICTURES"
    try:
        folder = os.path.commonpath({os.path.dirname(picture) for picture in pictures})
    except ValueError:  # some paths begin at the root and others do not
        return "PICTURES"
    within = os.path.commonpath([os.getcwd(), os.path.abspath(folder)]) == os.path.abspath(folder)
    return "PICTURES" if within else quoted(folder)


def _output(classifier: Classifier, pictures: list[str], options: ClassifyOptions) -> ResultFormat:
    labels, top_k = classifier.bundle.labels, options.top_k
    if options.as_json:
        return JsonFormat(top_k)
    if options.as_csv:
        return CsvFormat(labels, top_k)
    return TableFormat(pictures, labels, top_k or 1)


def run_batch(classifier: Classifier, paths: list[str], output: ResultFormat, *, workers: int) -> Tally:
    """Classify pictures and print one line for each, in order. In text, errors go to standard error.

    Args:
        classifier: classifies each picture.
        paths: paths of the pictures, or `-` for standard input.
        output: writes each result as a line.
        workers: how many pictures are in work at once, 1 or more.

    Returns:
        The progress. It is not complete when the user pressed Ctrl-C.
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
            pass  # the finished pictures are printed, and the caller sees in the tally that some are missing
    return tally


def _results(
    classifier: Classifier, paths: list[str], workers: int
) -> Iterator[tuple[str, Prediction | PictureError]]:
    if len(paths) == 1:  # runs on all threads, and needs no thread pool
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
    return sys.stdin.buffer if sys.stdin is not None else b""  # None: the caller closed standard input


def _progress(total: int) -> Any:
    """Return a progress bar on standard error, or none if the results appear on the same terminal."""
    if total < MANY or not sys.stderr.isatty() or sys.stdout.isatty():
        return nullcontext(_NoBar())
    return click.progressbar(length=total, label="pictures", file=sys.stderr)


class _NoBar:
    def update(self, count: int) -> None:
        """Show nothing."""
