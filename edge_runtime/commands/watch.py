"""The command `catdog-edge watch`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any

import click

from edge_runtime.commands.options import BACKEND, MIN_CONFIDENCE, MODEL, PRECISION, NumberRange, open_classifier
from edge_runtime.errors import CatdogError
from edge_runtime.terminal import one_line_errors, say

if TYPE_CHECKING:
    from edge_runtime.camera.watch import WatchSummary
    from edge_runtime.classifier import Classifier


@click.command()
@click.argument("source", required=False)
@click.option("--source", "named", help="The same, as an option.")
@MODEL
@BACKEND
@PRECISION
@click.option("--threads", type=click.IntRange(1), help="Inference threads.  [default: one per core but one]")
@MIN_CONFIDENCE
@click.option(
    "--every", type=click.IntRange(1), default=1, show_default=True, help="Each how many frames one counts."
)
@click.option("--max-fps", type=NumberRange(0), default=0, help="Frames a second at most.  [default: no limit]")
@click.option("--all-frames", is_flag=True, help="Of a video file: every frame, as fast as it goes.")
@click.option("--half-life", type=NumberRange(0), default=0.5, show_default=True,
              help="Age at which a frame's scores count half, seconds.")  # fmt: skip
@click.option("--margin", type=NumberRange(0, 1), default=0.1, show_default=True,
              help="Lead that another label needs to take over.")  # fmt: skip
@click.option("--each-frame", is_flag=True, help="A line for each frame, not only for each change.")
@click.option("--json", "as_json", is_flag=True, help="Lines as JSON objects.")
@click.option("--output", type=click.Path(path_type=Path), help="File to append JSON lines to.")
@click.option("--save", type=click.Path(path_type=Path), help="Folder for the frame of each change.")
def watch(source: str | None, named: str | None, model: Path | None, **options: Any) -> None:
    """Say what a camera sees: 0 or /dev/video0, a video file, an RTSP or HTTP address, or picamera2.

    The newest frame counts, older ones are dropped. Ctrl-C ends it.
    """
    if (source is None) == (named is None):
        raise click.UsageError("name one source, such as 0, video.mp4, rtsp://... or picamera2")
    if options["all_frames"] and options["max_fps"]:
        raise click.UsageError("--all-frames and --max-fps exclude each other; --every thins a file out")
    source = source or named or ""
    with one_line_errors("camera"):
        from edge_runtime.bundle import default_bundle
        from edge_runtime.camera.video import check_source, is_file
        from edge_runtime.parallel import usable_cores

        check_source(source)
        if options["all_frames"] and not is_file(source):
            raise click.UsageError("--all-frames is for a video file: a camera does not wait")
        folder = model or default_bundle()
        # One core is left to decode on.
        classifier = open_classifier(folder, options, threads=options["threads"] or max(1, usable_cores() - 1))
        summary = _watch(classifier, source, options)
    say(summary.line(), err=True)


def _watch(classifier: Classifier, source: str, options: dict[str, Any]) -> WatchSummary:
    from edge_runtime.camera.camera import Camera, Pace
    from edge_runtime.camera.sighting import Teller
    from edge_runtime.camera.smoothing import Smoother
    from edge_runtime.camera.watch import watch as run

    smoother = Smoother(
        half_life_s=options["half_life"], margin=options["margin"], min_confidence=classifier.min_confidence
    )
    pace = Pace(options["every"], options["max_fps"], drop=not options["all_frames"])
    with _stopped_by_signals() as stop, _appended(options["output"]) as output:
        teller = Teller(options["each_frame"], options["as_json"], output, options["save"])

        def report(line: str) -> None:
            teller.clear()
            say(line, err=True)

        camera = Camera(source, pace, report)
        try:
            return run(classifier, camera, smoother, tell=teller.tell, stop=stop)
        finally:
            camera.close()
            teller.clear()


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """Give an event that Ctrl-C and a service manager's SIGTERM set."""
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
        output = path.open("ab", buffering=0)  # a line is written at once or not at all
    except OSError as error:
        raise CatdogError(f"{path}: cannot be written ({error})") from error
    with output:
        yield output
