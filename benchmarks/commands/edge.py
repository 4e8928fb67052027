"""The commands `catdog-bench edge ...`: the figures of docs/measurements/edge-performance.md."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from edge_runtime.commands.options import BACKEND
from edge_runtime.native_output import native_output_to
from edge_runtime.terminal import one_line_errors

Report = Callable[[int, int], None]
_MODEL = click.option("--model", type=click.Path(path_type=Path), required=True, help="Bundle folder.")
_DATA = click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of pictures.")


@click.group()
def edge() -> None:
    """Measure catdog-edge itself; each prints a JSON object."""


@edge.command("cold-start")
@_MODEL
@click.option("--picture", type=click.Path(path_type=Path), required=True, help="Picture to classify.")
@click.option("--python", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=sys.executable,
              help="Python of the environment to measure.  [default: this one]")  # fmt: skip
@click.option("--rounds", type=click.IntRange(2), default=20, show_default=True)
def cold_start(model: Path, picture: Path, python: Path, rounds: int) -> None:
    """Whole processes: catdog-edge classify with LiteRT against the shortest script, and its help against Click."""
    with one_line_errors("bench"), _shown(rounds) as report:
        from benchmarks.figures.cold_start import measure_cold_start

        result = measure_cold_start(model, picture, python, rounds=rounds, report=report)
    _print(result)


@edge.command()
@_MODEL
@click.option("--rounds", type=click.IntRange(2), default=500, show_default=True)
def overhead(model: Path, rounds: int) -> None:
    """A library call on an array against the bare interpreter."""
    with one_line_errors("bench"), _shown(rounds) as report, native_output_to(Path(os.devnull)):
        from benchmarks.figures.overhead import measure_overhead

        result = measure_overhead(model, rounds=rounds, report=report)
    _print(result)


@edge.command()
@click.option("--model", "models", type=click.Path(path_type=Path), required=True, multiple=True,
              help="Bundle folder; may be given again.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Inference threads.")
@click.option("--rounds", type=click.IntRange(2), default=100, show_default=True)
def inference(models: tuple[Path, ...], threads: int, rounds: int) -> None:
    """Inference with every file in turns, right after another picture and as frames of a camera come."""
    with one_line_errors("bench"), _shown(rounds) as report, native_output_to(Path(os.devnull)):
        from benchmarks.figures.inference import measure_inference

        result = measure_inference(models, threads=threads, rounds=rounds, report=report)
    _print(result)


@edge.command()
@_MODEL
@_DATA
@click.option("--rounds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--pictures", type=click.IntRange(1), default=40_000, show_default=True, help="Of the long run.")
def throughput(model: Path, data: Path, rounds: int, pictures: int) -> None:
    """A folder of pictures to labels against the loop a user would write, and memory over a long run."""
    with one_line_errors("bench"), _shown(rounds) as report, native_output_to(Path(os.devnull)):
        from benchmarks.figures.throughput import measure_throughput

        result = measure_throughput(model, data, rounds=rounds, pictures=pictures, report=report)
    _print(result)


@edge.command("soak")
@_MODEL
@_DATA
@BACKEND
@click.option("--count", type=click.IntRange(1001), default=200_000, show_default=True)
def run_soak(model: Path, data: Path, backend: str, count: int) -> None:
    """Memory over many classifications in one process."""
    with one_line_errors("bench"), _shown(count) as report, native_output_to(Path(os.devnull)):
        from benchmarks.figures.soak import soak

        result = soak(model, data, backend, count=count, report=report)
    _print(result)


@edge.command("watch")
@_MODEL
@BACKEND
@click.option("--seconds", type=click.IntRange(1), default=10, show_default=True, help="Length of the video.")
@click.option("--rounds", type=click.IntRange(2), default=5, show_default=True, help="Passes of each decoder.")
def keep_up(model: Path, backend: str, seconds: int, rounds: int) -> None:
    """Watch a 640 x 480 video of 30 fps on one core, and time the decoders."""
    with one_line_errors("camera"), native_output_to(Path(os.devnull)):
        from benchmarks.figures.video import measure_decoders, measure_watch

        result = {
            "watch": measure_watch(model, backend, seconds=seconds),
            "decode_ms_a_frame": measure_decoders(seconds=seconds, rounds=rounds),
        }
    _print(result)


@edge.command("decoders")
@click.option("--side", type=click.IntRange(100, 12_000), default=5000, show_default=True, help="Pixels.")
def weigh_decoders(side: int) -> None:
    """Peak memory of reading a large picture, bytes a pixel by format."""
    with one_line_errors("bench"):
        from benchmarks.figures.decoders import measure_decoders_memory

        result = measure_decoders_memory(side=side)
    _print({"bytes_a_pixel": result})


@contextmanager
def _shown(total: int) -> Iterator[Report]:
    with click.progressbar(length=total, file=sys.stderr) as bar:
        yield lambda done, _: bar.update(done - bar.pos)


def _print(result: dict[str, Any]) -> None:
    click.echo(json.dumps(result, indent=1))
