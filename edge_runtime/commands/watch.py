"""The command `catdog-edge watch`: print a line each time the answer for a camera changes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edge_runtime.commands.camera_options import AGREE, CameraOptions, camera_options, settings_and_view
from edge_runtime.commands.options import (
    BACKEND,
    BUNDLE,
    CONFIDENCE_THRESHOLD,
    PRECISION,
    NumberRange,
    open_classifier,
)
from edge_runtime.terminal import one_line_errors, say

if TYPE_CHECKING:
    from edge_runtime.camera.camera import Camera
    from edge_runtime.camera.log import Log
    from edge_runtime.camera.settings import Settings
    from edge_runtime.camera.view import View
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
    agree: int
    each_frame: bool
    as_json: bool
    output: Path | None
    save: Path | None
    once: bool


@click.command()
@click.argument("source", required=False)
@click.option("--source", "named", help="The same as the argument.")
@click.option("--source-file", type=click.Path(path_type=Path),
              help="Read the source from the first line of this file. This hides its password.")  # fmt: skip
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
@AGREE
@click.option("--each-frame", is_flag=True, help="Print a line for each frame, not only for each change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
@click.option("--output", type=click.Path(path_type=Path), help="Also append the JSON lines to this file.")
@click.option("--save", type=click.Path(path_type=Path), help="Save the frame of each change in this folder.")
@click.option("--once", is_flag=True,
              help="End when the camera or the stream ends or fails. Do not open it again.")  # fmt: skip
@camera_options
def watch(source: str | None, named: str | None, source_file: Path | None, **values: Any) -> None:
    """Say what a camera sees.

    SOURCE is a camera such as 0, /dev/video0, picamera2 or picamera:1; a video file; an address that begins with
    rtsp, rtsps, http, https, rtmp, tcp or udp and ://; a named pipe; or - for standard input. The newest frame is
    classified, and older ones are dropped. Ctrl-C ends the command. SIGHUP opens the file of --output again.
    """
    camera = CameraOptions(**{name: values.pop(name) for name in CameraOptions._fields})
    options = WatchOptions(**values)
    if [source, named, source_file].count(None) != 2:
        raise click.UsageError("name one source, such as 0, video.mp4, rtsp://... or picamera2")
    if options.all_frames and options.max_fps:
        raise click.UsageError("--all-frames and --max-fps cannot be used together. Use --every to skip frames.")
    with one_line_errors("camera"):
        settings, view = settings_and_view(camera)
        summary = _watch(_source(source or named or "", source_file), settings, view, options)
    say(summary.line(), err=True)


def _source(named: str, file: Path | None) -> str:
    from edge_runtime.camera.address import address_in, has_secrets

    if file is not None:
        return address_in(file)
    if has_secrets(named):
        say("other users of this machine can see the secrets of this address; --source-file hides them", err=True)
    return named


def _watch(source: str, settings: Settings, view: View, options: WatchOptions) -> WatchSummary:
    from edge_runtime.bundle.folder import default_bundle
    from edge_runtime.camera.address import Kind, kind_of
    from edge_runtime.camera.camera import Camera, Pace
    from edge_runtime.camera.opening import check_source
    from edge_runtime.parallel import usable_cores

    check_source(source, settings)
    if options.all_frames and kind_of(source) not in (Kind.FILE, Kind.INPUT, Kind.PIPE):
        raise click.UsageError(
            "--all-frames works only with a video file, a pipe or standard input, because a camera does not wait"
        )
    classifier = open_classifier(
        options.bundle or default_bundle(),
        options.backend,
        options.precision,
        threads=options.threads or max(1, usable_cores() - 1),  # one core is left for decoding
        confidence_threshold=options.confidence_threshold,
    )
    pace = Pace(options.every, options.max_fps, drop=not options.all_frames)
    return _classify_frames(
        classifier,
        lambda report: Camera(source, pace, report, settings=settings, view=view, once=options.once),
        options,
    )


def _classify_frames(
    classifier: Classifier, start: Callable[[Callable[[str], None]], Camera], options: WatchOptions
) -> WatchSummary:
    from edge_runtime.camera.service import Service
    from edge_runtime.camera.sighting import Teller
    from edge_runtime.camera.smoothing import Smoother
    from edge_runtime.camera.watch import watch as run

    smoother = Smoother(
        half_life_s=options.half_life,
        margin=options.margin,
        confidence_threshold=classifier.confidence_threshold,
        agree=options.agree,
    )
    with _appended(options.output) as output, _signals(output) as stop:
        teller = Teller(options.each_frame, options.as_json, output, options.save)

        def report(line: str) -> None:
            teller.clear()
            say(line, err=True)

        camera = start(report)
        try:
            with Service() as service:
                return run(classifier, camera, smoother, tell=teller.tell, stop=stop, alive=service.alive)
        finally:
            camera.close()
            teller.clear()


@contextmanager
def _signals(output: Log | None) -> Iterator[Event]:
    """Give an event. Ctrl-C and the SIGTERM of a service manager set it.

    SIGHUP opens the output again, as logrotate wants it. Without an output it means that the terminal was closed.
    Then it sets the event too, unless `nohup` has switched it off.
    """
    stop = Event()
    actions: dict[int, Callable[..., object]] = dict.fromkeys(
        (signal.SIGINT, signal.SIGTERM), lambda *_: stop.set()
    )
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and output is not None:
        actions[hangup] = lambda *_: output.reopen()
    elif hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        actions[hangup] = lambda *_: stop.set()
    before = {number: signal.signal(number, action) for number, action in actions.items()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _appended(path: Path | None) -> AbstractContextManager[Log | None]:
    from edge_runtime.camera.log import Log

    return nullcontext() if path is None else Log(path)
