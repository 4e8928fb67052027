"""The command `catdog-export`."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from edge_runtime.commands.options import NumberRange
from edge_runtime.errors import CatdogError
from edge_runtime.folders import BUNDLES, RUN, RUNS, newest_folder
from edge_runtime.native_output import native_output_to
from edge_runtime.terminal import next_command, one_line_errors, say
from exporter.errors import SourceError

if TYPE_CHECKING:
    from exporter.export import Outcome
    from exporter.formats.conversion import ExportTarget
    from exporter.source import Source


_EXIT_CODES = {"passed": 0, "failed": 3, "inconclusive": 4}
_PRECISIONS = {
    "none": ("float32",),
    "float16": ("float32", "float16"),
    "dynamic": ("float32", "dynamic"),
    "int8": ("float32", "int8"),
    "all": ("float32", "float16", "dynamic", "int8"),
}


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 every file passed the drift gate, 1 error, 2 wrong usage, 3 a file failed, "
    "4 too few test pictures to tell, 130 stopped by Ctrl-C.",
)
@click.option("--run", type=click.Path(path_type=Path), help="Run folder.  [default: newest in runs/]")
@click.option(
    "--quantize",
    type=click.Choice(list(_PRECISIONS)),
    default="int8",
    show_default=True,
    help="Smaller files to write beside the float32 ones; dynamic is TFLite only.",
)
@click.option("--format", "format_", type=click.Choice(["tflite", "onnx", "all"]), default="all", show_default=True)
@click.option(
    "--max-drop",
    type=NumberRange(0, 1),
    default=0.01,
    show_default=True,
    help="Largest drop of accuracy that passes.",
)
@click.option("--repair", is_flag=True, help="Keep layers of a failing int8 file in float until it passes.")
@click.option("--calibration", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder of pictures that set the integer ranges.  [default: training split]")  # fmt: skip
@click.option("--calibration-count", type=click.IntRange(1), default=256, show_default=True,
              help="How many of them.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the calibration draw.")
@click.option("--keras", type=click.Path(path_type=Path), help="A Keras model of your own instead of a run.")
@click.option("--test", type=click.Path(path_type=Path), help="Its test pictures, a sub-folder per class.")
@click.option("--input-range", type=(float, float), metavar="LOW HIGH",
              help="What it takes for black and white, when it does not rescale itself.")  # fmt: skip
@click.option("--name", help="Name of the bundle.  [default: the run's]")
@click.option("--bundles", type=click.Path(path_type=Path), default=BUNDLES, show_default=True,
              help="Folder of all bundles.")  # fmt: skip
@click.version_option(package_name="catdog-edge")
def main(name: str | None, bundles: Path, **options: Any) -> None:
    """Convert a trained model to TFLite and ONNX, judge each file's drift from Keras, write bundles/NAME."""
    _refuse_mixture(options)
    with one_line_errors("export", stopped="stopped; no bundle was written"):
        source = _source(options)
        outcome = _export(source, bundles / (name or source.name), options)
    _finish(outcome)


def _refuse_mixture(options: dict[str, Any]) -> None:
    if options["quantize"] == "dynamic" and options["format_"] == "onnx":
        raise click.UsageError("there is no dynamic-range ONNX file; docs/decisions/0006 says why: --quantize int8")
    if options["keras"] is None and (options["test"] or options["input_range"]):
        raise click.UsageError("--test and --input-range go with --keras; a run has its own test pictures")
    if options["keras"] is not None and (options["run"] or not options["test"] or not options["calibration"]):
        raise click.UsageError(
            "--keras needs --test and --calibration, folders of pictures, and goes without --run"
        )


def _source(options: dict[str, Any]) -> Source:
    from exporter.source import read_keras_source, read_source

    if options["keras"] is not None:
        from exporter.network.model import input_size

        with native_output_to(Path(os.devnull)):  # TensorFlow announces itself
            size = input_size(options["keras"])
        return read_keras_source(options["keras"], options["test"], size=size, input_range=options["input_range"])
    folder = options["run"] or newest_folder(RUNS, RUN)
    if folder is None:
        raise SourceError(f"no finished run in {RUNS}/: name one with --run, or train one with: catdog-train")
    return read_source(folder)


def _export(source: Source, target: Path, options: dict[str, Any]) -> Outcome:
    from exporter.export import ExportPlan, export

    plan = ExportPlan(
        wanted_targets(options["quantize"], options["format_"]),
        calibration_count=options["calibration_count"],
        seed=options["seed"],
        calibration=options["calibration"],
        max_drop=options["max_drop"],
        repair=options["repair"],
    )
    # The converters' chatter is redirected below Python; the display keeps its own way to the terminal.
    try:
        with os.fdopen(os.dup(2), "w") as terminal, Progress(terminal) as progress:
            return export(source, target, plan, observer=progress)
    except OSError as error:  # of writing: what is read says itself what is wrong with it
        raise CatdogError(
            f"{target}: cannot be written ({error.strerror}). Make room there and in "
            f"{tempfile.gettempdir()}, or name another folder with --bundles."
        ) from error


def wanted_targets(quantize: str, format_: str) -> tuple[ExportTarget, ...]:
    """Return the files that a choice of `--quantize` and `--format` asks for."""
    from edge_runtime.bundle import FORMATS, Precision
    from exporter.formats.conversion import plan_targets

    formats = tuple(FORMATS) if format_ == "all" else (format_,)
    return plan_targets(formats, tuple(Precision(name) for name in _PRECISIONS[quantize]))


def _finish(outcome: Outcome) -> None:
    from exporter.export import explain

    for line in explain(outcome):
        click.echo(line)
    click.echo(f"{outcome.folder}/report.md")
    if outcome.state == "failed":
        say("the drift gate failed: no bundle was written, only the report", err=True)
    else:
        next_command(f"catdog-edge classify --model {shlex.quote(str(outcome.folder))} PICTURE")
    sys.exit(_EXIT_CODES[outcome.state])


class Progress:
    """Shows an export on the terminal: a line for each stage, with a bar where it can be counted.

    Ctrl-C that a library swallows, as Python does in a destructor, ends the export when it next reports.
    """

    def __init__(self, terminal: TextIO) -> None:
        """Begin with nothing shown."""
        self._terminal = terminal
        self._stage = ""
        self._started = 0.0
        self._bar: Any = None
        self._at = 0
        self._stopped = False

    def __enter__(self) -> Progress:
        """Return itself, noticing Ctrl-C from now on."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        """End the stage that is shown."""
        if signal.getsignal(signal.SIGINT) == self._stop:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._end()

    def _stop(self, *_: object) -> None:
        self._stopped = True
        raise KeyboardInterrupt

    def on_stage(self, name: str) -> None:
        """End the last stage and begin another."""
        if self._stopped:
            raise KeyboardInterrupt
        self._end()
        self._stage, self._started = name, time.perf_counter()
        if self._terminal.isatty():
            click.echo(f"{name} ...", file=self._terminal, nl=False)

    def on_progress(self, done: int, total: int) -> None:
        """Move the stage's bar."""
        if self._stopped:
            raise KeyboardInterrupt
        if not self._terminal.isatty():
            return
        if self._bar is None:
            click.echo("\r", file=self._terminal, nl=False)
            self._bar = click.progressbar(length=total, label=self._stage, file=self._terminal)
            self._bar.__enter__()
            self._at = 0
        self._bar.update(done - self._at)
        self._at = done

    def _end(self) -> None:
        if not self._stage:
            return
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
        clear = "\r\033[K" if self._terminal.isatty() else ""
        seconds = time.perf_counter() - self._started
        click.echo(f"{clear}{self._stage}: {seconds:.1f} s", file=self._terminal)
        self._stage = ""


if __name__ == "__main__":
    main()
