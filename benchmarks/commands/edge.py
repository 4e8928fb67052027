"""The commands `catdog-bench edge ...`, which measure the figures of docs/measurements/edge-performance.md."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from edge_runtime.commands.options import BACKEND
from edge_runtime.native_output import native_output_to
from edge_runtime.terminal import one_line_errors, say_exactly

Report = Callable[[int, int], None]
_BUNDLE = click.option(
    "--bundle", "--model", "bundle", type=click.Path(path_type=Path), required=True, help="Bundle folder."
)
_DATA = click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of pictures.")


def _rounds(default: int, what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("--rounds", type=click.IntRange(2), default=default, show_default=True, help=what)


@click.group()
def edge() -> None:
    """Measure catdog-edge itself. Each command prints a JSON object."""


class ColdStartOptions(NamedTuple):
    """What `catdog-bench edge cold-start` was asked for."""

    bundle: Path
    picture: Path
    python: Path
    rounds: int


@edge.command("cold-start")
@_BUNDLE
@click.option("--picture", type=click.Path(path_type=Path), required=True, help="Picture to classify.")
@click.option("--python", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=sys.executable,
              help="Python of the environment to measure.  [default: this one]")  # fmt: skip
@_rounds(20, "Processes of each kind.")
def cold_start(**values: Any) -> None:
    """Compare whole processes with the shortest script.

    Both classify one picture. The help of catdog-edge is compared with the import of Click.
    """
    options = ColdStartOptions(**values)
    with one_line_errors("bench"), _progress(options.rounds) as report:
        from benchmarks.figures.cold_start import measure_cold_start

        found = measure_cold_start(
            options.bundle, options.picture, options.python, rounds=options.rounds, report=report
        )
    _print(found)


class OverheadOptions(NamedTuple):
    """What `catdog-bench edge overhead` was asked for."""

    bundle: Path
    rounds: int


@edge.command()
@_BUNDLE
@_rounds(500, "Calls of each kind.")
def overhead(**values: Any) -> None:
    """Compare a call of the library with the bare interpreter."""
    options = OverheadOptions(**values)
    with one_line_errors("bench"), _progress(options.rounds) as report, _quiet():
        from benchmarks.figures.overhead import measure_overhead

        found = measure_overhead(options.bundle, rounds=options.rounds, report=report)
    _print(found)


class InferenceOptions(NamedTuple):
    """What `catdog-bench edge inference` was asked for."""

    bundles: tuple[Path, ...]
    threads: int
    rounds: int


@edge.command()
@click.option("--bundle", "--model", "bundles", type=click.Path(path_type=Path), required=True, multiple=True,
              help="Bundle folder. Repeat the option for several.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Inference threads.")
@_rounds(100, "Pairs of inferences with each file.")
def inference(**values: Any) -> None:
    """Time the inference of every file of several bundles.

    Each file runs twice per round: after a pause, as for a frame of a camera, and at once after that.
    """
    options = InferenceOptions(**values)
    with one_line_errors("bench"), _progress(options.rounds) as report, _quiet():
        from benchmarks.figures.inference import measure_inference

        found = measure_inference(options.bundles, threads=options.threads, rounds=options.rounds, report=report)
    _print(found)


class ThroughputOptions(NamedTuple):
    """What `catdog-bench edge throughput` was asked for."""

    bundle: Path
    data: Path
    rounds: int
    pictures: int


@edge.command()
@_BUNDLE
@_DATA
@_rounds(5, "Passes over the folder.")
@click.option("--pictures", type=click.IntRange(1), default=40_000, show_default=True,
              help="Pictures of the long run whose memory is measured.")  # fmt: skip
def throughput(**values: Any) -> None:
    """Compare the time for a folder with that of a plain loop.

    The memory of a long run is measured too.
    """
    options = ThroughputOptions(**values)
    with one_line_errors("bench"), _progress(options.rounds) as report, _quiet():
        from benchmarks.figures.throughput import measure_throughput

        found = measure_throughput(
            options.bundle, options.data, rounds=options.rounds, pictures=options.pictures, report=report
        )
    _print(found)


class SoakOptions(NamedTuple):
    """What `catdog-bench edge soak` was asked for."""

    bundle: Path
    data: Path
    backend: str
    classifications: int


@edge.command("soak")
@_BUNDLE
@_DATA
@BACKEND
@click.option(
    "--count",
    "classifications",
    type=click.IntRange(1001),
    default=200_000,
    show_default=True,
    help="Classifications.",
)
def run_soak(**values: Any) -> None:
    """Measure whether the memory grows in a long run."""
    options = SoakOptions(**values)
    with one_line_errors("bench"), _progress(options.classifications) as report, _quiet():
        from benchmarks.figures.soak import soak

        found = soak(options.bundle, options.data, options.backend, count=options.classifications, report=report)
    _print(found)


class WatchOptions(NamedTuple):
    """What `catdog-bench edge watch` was asked for."""

    bundle: Path
    backend: str
    seconds: int
    rounds: int


@edge.command("watch")
@_BUNDLE
@BACKEND
@click.option("--seconds", type=click.IntRange(1), default=10, show_default=True, help="Length of the video.")
@_rounds(5, "Passes of each decoder.")
def watch_video(**values: Any) -> None:
    """Watch a video on one core, and time the decoders.

    The video has 640 x 480 pixels and 30 frames per second.
    """
    options = WatchOptions(**values)
    with one_line_errors("camera"), _quiet():
        from benchmarks.figures.video import measure_decoders, measure_watch

        found = {
            "watch": measure_watch(options.bundle, options.backend, seconds=options.seconds),
            "decode_ms_a_frame": measure_decoders(seconds=options.seconds, rounds=options.rounds),
        }
    _print(found)


class DecodersOptions(NamedTuple):
    """What `catdog-bench edge decoders` was asked for."""

    side: int


@edge.command("decoders")
@click.option("--side", type=click.IntRange(100, 12_000), default=5000, show_default=True,
              help="Width and height of the picture in pixels.")  # fmt: skip
def weigh_decoders(**values: Any) -> None:
    """Measure the peak memory of reading a large picture.

    Prints bytes per pixel for each picture format.
    """
    options = DecodersOptions(**values)
    with one_line_errors("bench"):
        from benchmarks.figures.decoders import measure_decoders_memory

        found = measure_decoders_memory(side=options.side)
    _print({"bytes_a_pixel": found})


@contextmanager
def _progress(total: int) -> Iterator[Report]:
    with click.progressbar(length=total, file=sys.stderr) as bar:
        yield lambda done, _: bar.update(done - bar.pos)


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what inference libraries print about themselves."""
    with native_output_to(Path(os.devnull)):
        yield


def _print(found: dict[str, Any]) -> None:
    say_exactly(json.dumps(found, indent=1))
