"""The command `catdog-export`."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from edge_runtime.folders import BUNDLES, RUNS, newest_folder
from edge_runtime.terminal import next_command, one_line_errors
from exporter.errors import SourceError

if TYPE_CHECKING:
    from edge_runtime.bundle import Bundle


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--run", type=click.Path(path_type=Path), help="Run folder.  [default: newest in runs/]")
@click.option(
    "--quantize",
    type=click.Choice(["none", "int8"]),
    default="int8",
    show_default=True,
    help="none: float32 files; int8: these and full-integer files.",
)
@click.option("--format", "format_", type=click.Choice(["tflite", "onnx", "all"]), default="all", show_default=True)
@click.option("--calibration-count", type=click.IntRange(1), default=256, show_default=True,
              help="Training pictures that set the integer ranges.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the calibration draw.")
@click.option("--name", help="Name of the bundle.  [default: the run's]")
@click.option("--bundles", type=click.Path(path_type=Path), default=BUNDLES, show_default=True,
              help="Folder of all bundles.")  # fmt: skip
@click.version_option(package_name="catdog-edge")
def main(run: Path | None, name: str | None, bundles: Path, **options: Any) -> None:
    """Convert a trained model to TFLite and ONNX, check each file against Keras, write bundles/NAME."""
    with one_line_errors("export", stopped="stopped; no bundle was written"):
        folder = run or _newest_run()
        target = bundles / (name or folder.resolve().name)
        bundle = _export(folder, target, options)
    _print_drift(bundle)
    click.echo(f"{target}/report.md")
    next_command(f"catdog-edge classify --model {shlex.quote(str(target))} PICTURE")


def _newest_run() -> Path:
    folder = newest_folder(RUNS, "run.json")
    if folder is None:
        raise SourceError(f"no finished run in {RUNS}/: name one with --run, or train one with: catdog-train")
    return folder


def _export(folder: Path, target: Path, options: dict[str, Any]) -> Bundle:
    from edge_runtime.bundle import ModelFormat, Precision
    from exporter.export import ExportPlan, export, plan_targets
    from exporter.source import read_source

    formats = tuple(ModelFormat) if options["format_"] == "all" else (ModelFormat(options["format_"]),)
    precisions = (Precision.FLOAT32, Precision.INT8) if options["quantize"] == "int8" else (Precision.FLOAT32,)
    plan = ExportPlan(plan_targets(formats, precisions), options["calibration_count"], options["seed"])
    # The converters' chatter is redirected below Python; the display keeps its own way to the terminal.
    with os.fdopen(os.dup(2), "w") as terminal, Progress(terminal) as progress:
        return export(read_source(folder), target, plan, observer=progress)


def _print_drift(bundle: Bundle) -> None:
    for file in bundle.files:
        drift = file.drift
        low, high = drift["interval"]
        click.echo(
            f"{file.path:22} {file.size_bytes / 1e6:6.2f} MB  accuracy {drift['accuracy']:.2%} "
            f"[{low:.2%}, {high:.2%}], Keras {drift['keras_accuracy']:.2%}  agreement {drift['agreement']:.2%}  "
            f"largest difference {drift['largest_difference']:.2g}"
        )


class Progress:
    """Shows an export on the terminal: a line for each stage, with a bar where it can be counted."""

    def __init__(self, terminal: TextIO) -> None:
        """Begin with nothing shown."""
        self._terminal = terminal
        self._stage = ""
        self._started = 0.0
        self._bar: Any = None
        self._at = 0

    def __enter__(self) -> Progress:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the stage that is shown."""
        self._end()

    def on_stage(self, name: str) -> None:
        """End the last stage and begin another."""
        self._end()
        self._stage, self._started = name, time.perf_counter()
        if self._terminal.isatty():
            click.echo(f"{name} ...", file=self._terminal, nl=False)

    def on_progress(self, done: int, total: int) -> None:
        """Move the stage's bar."""
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
