"""The command `catdog-edge watch`: print a line each time the answer for a camera changes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from edge_runtime.commands.options import (
    BACKEND,
    BUNDLE,
    CONFIDENCE_THRESHOLD,
    PRECISION,
    NumberRange,
    open_classifier,
)
from edge_runtime.errors import CatdogError
from edge_runtime.terminal import one_line_errors, say

if TYPE_CHECKING:
    from edge_runtime.camera.watch import WatchSummary
    from edge_runtime.classifier import Classifier


class WatchOptions(NamedTuple):
    """The options of `catdog-edge watch`."""

    bundle: Path | None
    backend: str
    precision: str
    threads: int | None
    confidence_threshold: float | None
    every: int
    max_fps: float
    all_frames: bool
    half_life: float
    margin: float
    each_frame: bool
    as_json: bool
    output: Path | None
    save: Path | None


@click.command()
@click.argument("source", required=False)
@click.option("--source", "named", help="The same as the argument.")
@BUNDLE
@BACKEND
@PRECISION
@click.option(
    "--threads", type=click.IntRange(1),
    help="Number of inference threads.  [default: one for each core but one, at most 3]",
)  # fmt: skip
@CONFIDENCE_THRESHOLD
@click.option("--every", type=click.IntRange(1), default=1, show_default=True,
              help="Classify one frame out of this many and skip the others.")  # fmt: skip
@click.option("--max-fps", type=NumberRange(0), default=0,
              help="Classify at most this many frames a second.  [default: no limit]")  # fmt: skip
@click.option("--all-frames", is_flag=True, help="Classify every frame of a video file, as fast as possible.")
@click.option("--half-life", type=NumberRange(0), default=0.5, show_default=True,
              help="Age in seconds at which a frame counts half as much as a new one.")  # fmt: skip
@click.option("--margin", type=NumberRange(0, 1), default=0.1, show_default=True,
              help="Another label takes over when its average score is higher by more than this.")  # fmt: skip
@click.option("--each-frame", is_flag=True, help="Print a line for each frame, not only for each change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
@click.option("--output", type=click.Path(path_type=Path), help="Also append the JSON lines to this file.")
@click.option("--save", type=click.Path(path_type=Path), help="Save the frame of each change in this folder.")
def watch(source: str | None, named: str | None, **values: Any) -> None:
    """Say what a camera sees.

    SOURCE is a camera such as 0 or /dev/video0, a video file, an RTSP or HTTP address, or picamera2. The newest
    frame is classified, and older ones are dropped. Ctrl-C ends the command.
    """
    options = WatchOptions(**values)
    if (source is None) == (named is None):
        raise click.UsageError("name one source, such as 0, video.mp4, rtsp://... or picamera2")
    if options.all_frames and options.max_fps:
        raise click.UsageError("--all-frames and --max-fps cannot be used together. Use --every to skip frames.")
    with one_line_errors("camera"):
        summary = _watch(source or named or "", options)
    say(summary.line(), err=True)


def _watch(source: str, options: WatchOptions) -> WatchSummary:
    from edge_runtime.bundle.folder import default_bundle
    from edge_runtime.camera.video import check_source, is_file
    from edge_runtime.parallel import usable_cores

    check_source(source)
    if options.all_frames and not is_file(source):
        raise click.UsageError("--all-frames works only with a video file, because a camera does not wait")
    classifier = open_classifier(
        options.bundle or default_bundle(),
        options.backend,
        options.precision,
        threads=options.threads or max(1, usable_cores() - 1),  # one core is left for decoding
        confidence_threshold=options.confidence_threshold,
    )
    return _classify_frames(classifier, source, options)


def _classify_frames(classifier: Classifier, source: str, options: WatchOptions) -> WatchSummary:
    from edge_runtime.camera.camera import Camera, Pace
    from edge_runtime.camera.service import Service
    from edge_runtime.camera.sighting import Teller
    from edge_runtime.camera.smoothing import Smoother
    from edge_runtime.camera.watch import watch as run

    smoother = Smoother(
        half_life_s=options.half_life,
        margin=options.margin,
        confidence_threshold=classifier.confidence_threshold,
    )
    pace = Pace(options.every, options.max_fps, drop=not options.all_frames)
    with _stopped_by_signals() as stop, _appended(options.output) as output:
        teller = Teller(options.each_frame, options.as_json, output, options.save)

        def report(line: str) -> None:
            teller.clear()
            say(line, err=True)

        camera = Camera(source, pace, report)
        try:
            with Service() as service:
                return run(classifier, camera, smoother, tell=teller.tell, stop=stop, alive=service.alive)
        finally:
            camera.close()
            teller.clear()


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """Give an event. Ctrl-C and the SIGTERM of a service manager set it."""
    stop = Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _appended(path: Path | None) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    try:
        output = path.open("ab", buffering=0)  # unbuffered, so that each line is in the file at once and whole
    except OSError as error:
        raise CatdogError(f"{path}: cannot be written ({error}). Name another file with --output.") from error
    with output:
        yield output
