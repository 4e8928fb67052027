"""The command `catdog-export`."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.atomic_folder import plain_name
from edge_runtime.bundle.formats import FORMATS, Precision
from edge_runtime.commands.options import NumberRange
from edge_runtime.errors import CatdogError
from edge_runtime.folders import BUNDLES, RUN, RUNS, newest_folder
from edge_runtime.home import home_folder
from edge_runtime.native_output import native_output_to
from edge_runtime.picture.left_out import in_short
from edge_runtime.terminal import Command, ExitCode, ended_by_sigterm, next_command, one_line_errors, quoted, say
from exporter.errors import SourceError
from exporter.progress import Progress

if TYPE_CHECKING:
    from exporter.export import Outcome
    from exporter.formats.conversion import ExportTarget
    from exporter.source import Source


_NONE, _ALL = "none", "all"
# What can be made of a float32 file. Mixed files come of --repair alone.
_SMALLER = (Precision.FLOAT16, Precision.DYNAMIC, Precision.INT8)


@dataclass(frozen=True)
class ExportOptions:
    """What the command line asks for; the help of each option says what it is."""

    run: Path | None
    quantize: str
    format: str
    max_drop: float
    repair: bool
    calibration: Path | None
    calibration_count: int
    seed: int
    keras: Path | None
    test: Path | None
    input_range: tuple[float, float] | None
    name: str | None
    bundles: Path
    data: Path | None = None


@click.command(
    cls=Command,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 every file passed the drift gate, 1 error, 2 wrong use, 3 a file failed or could not be "
    "made, 4 too few test pictures to decide, 130 stopped by Ctrl-C.",
)
@click.option("--run", type=click.Path(path_type=Path), help="Run folder.  [default: newest in runs/]")
@click.option(
    "--quantize",
    type=click.Choice([_NONE, *map(str, _SMALLER), _ALL]),
    default="int8",
    show_default=True,
    help="Smaller files to write besides the float32 ones. ONNX has no dynamic file.",
)
@click.option("--format", type=click.Choice([*FORMATS, _ALL]), default=_ALL, show_default=True,
              help="File format to write.")  # fmt: skip
@click.option(
    "--max-drop",
    type=NumberRange(0, 1),
    default=0.01,
    show_default=True,
    help="Largest drop of accuracy that passes: 0.01 is one point.",
)
@click.option("--repair", is_flag=True,
              help="Keep in float what has no integer form, and when an int8 file fails, the layers that lose "
              "most until it passes. The file is then called mixed.")  # fmt: skip
@click.option("--calibration", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder of pictures that set the integer ranges.  [default: the training split]")  # fmt: skip
@click.option("--calibration-count", type=click.IntRange(1), default=256, show_default=True,
              help="How many pictures set the integer ranges.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Seed for drawing these pictures.")  # fmt: skip
@click.option("--keras", type=click.Path(path_type=Path),
              help="Keras model of your own, instead of a run. Needs --test and --calibration.")  # fmt: skip
@click.option("--test", type=click.Path(path_type=Path),
              help="Test pictures for --keras, with a sub-folder for each class. Of a folder split into train "
                   "and test, the test side is used.")  # fmt: skip
@click.option("--input-range", type=(float, float), metavar="LOW HIGH",
              help="Input values of black and white, if the --keras model does not rescale itself.")  # fmt: skip
@click.option("--name", help="Name of the bundle.  [default: the name of the run]")
@click.option("--bundles", type=click.Path(path_type=Path), default=BUNDLES, show_default=True,
              help="Folder in which the bundle is written.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path),
              help="Folder that has the run's pictures now, under any name.  "
                   "[default: where they were]")  # fmt: skip
@click.version_option(package_name="catdog-edge")
def main(**values: Any) -> None:
    """Convert a trained model to TFLite and ONNX files.

    Each file is run on the test pictures and compared with the Keras model. The files are written as a bundle to
    bundles/NAME. If one has drifted too far, only a report is written.
    """
    options = ExportOptions(**values)
    with one_line_errors("export", stopped="stopped; no bundle was written"), ended_by_sigterm():
        home_folder()  # Keras and Matplotlib need one
        targets = _targets(options)
        source = _source(options)
        outcome = _export(source, targets, options)
    _finish(outcome)


def _targets(options: ExportOptions) -> tuple[ExportTarget, ...]:
    """Return the files that are asked for, when the options go together."""
    if options.keras is None and (options.test or options.input_range):
        raise click.UsageError("--test and --input-range go with --keras; a run has its own test pictures")
    if options.keras is not None and (options.run or options.data or not options.test or not options.calibration):
        raise click.UsageError(
            "--keras needs --test and --calibration, two folders of pictures, and cannot go with --run or --data"
        )
    targets = wanted_targets(options.quantize, options.format)
    if options.quantize in _SMALLER and options.quantize not in [target.precision for target in targets]:
        raise click.UsageError(
            f"there is no {options.quantize} file of the format {options.format}: choose another --quantize or "
            "--format"
        )
    return targets


def wanted_targets(quantize: str, format_: str) -> tuple[ExportTarget, ...]:
    """Return the files that a choice of `--quantize` and `--format` asks for."""
    from exporter.formats.conversion import plan_targets

    smaller = [precision for precision in _SMALLER if quantize in (precision, _ALL)]
    return plan_targets(FORMATS if format_ == _ALL else (format_,), (Precision.FLOAT32, *smaller))


def _source(options: ExportOptions) -> Source:
    from exporter.source import read_keras_source, read_source

    if options.keras is not None and options.test is not None:
        from exporter.network.model import input_size

        with native_output_to(Path(os.devnull)):  # TensorFlow announces itself
            size = input_size(options.keras)
        return read_keras_source(options.keras, options.test, size=size, input_range=options.input_range)
    folder = options.run or newest_folder(RUNS, RUN)
    if folder is None:
        raise SourceError(f"no finished run in {RUNS}/: name one with --run, or train one with: catdog-train")
    return read_source(folder, options.data)


def _export(source: Source, targets: tuple[ExportTarget, ...], options: ExportOptions) -> Outcome:
    from exporter.export import export
    from exporter.plan import ExportPlan

    plan = ExportPlan(
        targets,
        calibration_count=options.calibration_count,
        seed=options.seed,
        calibration=options.calibration,
        max_drop=options.max_drop,
        repair=options.repair,
    )
    folder = options.bundles / plain_name(options.name or source.name, "--name")
    # The converters' chatter is redirected below Python; the display keeps its own way to the terminal.
    try:
        with os.fdopen(os.dup(2), "w") as terminal, Progress(terminal) as progress:
            return export(source, folder, plan, observer=progress)
    except OSError as error:  # of writing: an error of reading is told where it happens
        raise CatdogError(
            f"{folder}: cannot be written ({error.strerror}). Make room there and in "
            f"{tempfile.gettempdir()}, or name another folder with --bundles."
        ) from error


def _finish(outcome: Outcome) -> None:
    """Print what came of each file and what to do next, and end with the exit code of the gate."""
    from edge_runtime.proof.gate import GateState
    from exporter.export import explain

    _tell_left_out(outcome)
    for line in explain(outcome):
        say(line)
    say(f"{outcome.folder}/report.md")
    if outcome.state is GateState.FAILED:
        say("the drift gate failed: no bundle was written, only the report", err=True)
    else:
        next_command(f"catdog-edge classify --bundle {quoted(outcome.folder)} PICTURE")
    if outcome.record.missing:
        say("a file could not be made: standard output and the report say why", err=True)
    codes = {
        GateState.PASSED: ExitCode.DONE,
        GateState.FAILED: ExitCode.FAILED,
        GateState.INCONCLUSIVE: ExitCode.UNDECIDED,
    }
    sys.exit(ExitCode.FAILED if outcome.record.missing else codes[outcome.state])


def _tell_left_out(outcome: Outcome) -> None:
    """Say in short which pictures were not used, before the results."""
    record = outcome.record
    for left_out, what in ((record.source.left_out, "test"), (record.pictures.left_out, "calibration")):
        for line in in_short(left_out, "report.md"):
            say(f"{what} pictures {line}", err=True)
    if record.pictures.note:
        say(f"note: {record.pictures.note}", err=True)


if __name__ == "__main__":
    main()
