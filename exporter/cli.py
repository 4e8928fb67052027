"""The command `catdog-export`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

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
from exporter.own.options import Numbers, Size
from exporter.progress import Progress

if TYPE_CHECKING:
    from edge_runtime.picture.left_out import LeftOut
    from edge_runtime.proof.gate import GateState
    from exporter.export import Outcome
    from exporter.formats.conversion import ExportTarget
    from exporter.model_kind import ModelKind
    from exporter.own.model import OwnModel
    from exporter.own.several_export import SeveralModel
    from exporter.plan import ExportPlan
    from exporter.source import Source


_NONE, _ALL = "none", "all"
# The options that say something of --model.
_OF_MODEL = (
    "test", "test_labels", "labels", "input_range", "mean", "deviation", "size", "validation", "min_accuracy",
    "trust",
)  # fmt: skip
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
    model: Path | None
    test: Path | None
    test_labels: Path | None
    labels: str | None
    input_range: tuple[float, float] | None
    mean: tuple[float, ...] | None
    deviation: tuple[float, ...] | None
    size: tuple[int, int] | None
    validation: Path | None
    min_accuracy: float | None
    trust: Path | None
    name: str | None
    bundles: Path
    data: Path | None = None


@click.command(
    cls=Command,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 every file passed the drift gate, 1 error, 2 wrong use, 3 a file failed or could not be "
    "made, 4 too few test pictures to decide, or a model no better than guessing, 130 stopped by Ctrl-C.",
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
@click.option(
    "--model", "--keras", "model", type=click.Path(path_type=Path),
    help="Model of your own, instead of a run: .keras, .h5, SavedModel, TFLite or ONNX. Needs --test; a Keras "
         "model or SavedModel also --calibration.",
)  # fmt: skip
@click.option("--test", type=click.Path(path_type=Path),
              help="Test pictures for --model, with a sub-folder for each class. Of a folder split into train "
                   "and test, the test side is used.")  # fmt: skip
@click.option(
    "--test-labels", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV file with a line file,label;label for each picture of --test, if it may show several.",
)  # fmt: skip
@click.option(
    "--labels",
    help="Labels of --model in the order of its outputs: cat,dog or a file with one on each line.  [default: "
         "those in the file, or the sub-folders of --test in order]",
)  # fmt: skip
@click.option("--input-range", type=(float, float), metavar="LOW HIGH",
              help="Input values of black and white, if --model does not rescale itself.")  # fmt: skip
@click.option(
    "--mean", type=Numbers(),
    help="Mean that --model's input is made with, such as 123.7,116.3,103.5. Of pixels 0-255, or 0-1 if all "
         "numbers are at most 1.",
)  # fmt: skip
@click.option("--deviation", type=Numbers(), help="Deviation that goes with --mean.")
@click.option("--size", type=Size(),
              help="Size of the pictures, if --model takes any: 224, or 320x240 (width x height).")  # fmt: skip
@click.option("--validation", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Pictures like those of --test that set the confidence threshold of --model.")  # fmt: skip
@click.option(
    "--min-accuracy", type=NumberRange(0, 1),
    help="Smallest accuracy of a TFLite or ONNX file that passes.  [default: better than guessing]",
)  # fmt: skip
@click.option(
    "--trust", type=click.Path(path_type=Path),
    help="Run this Python file, and the code in the model, for its own layers and Lambda layers. Only for makers "
         "that you trust.",
)  # fmt: skip
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
        if options.model is None:
            ended = _converted(_source(options), targets, options)
        else:
            ended = _of_own_model(options.model, targets, options)
    _finish(ended)


class Ended(NamedTuple):
    """How an export ended.

    Attributes:
        folder: the bundle, or the folder of the report of a failed gate.
        lines: a line for each file.
        state: the gate's verdict.
        guessing: whether the model is not shown to be better than guessing.
        warnings: what to say of that.
        gate: what judged the files.
        missing: whether a file that was asked for could not be made.
    """

    folder: Path
    lines: list[str]
    state: GateState
    guessing: bool
    warnings: list[str]
    gate: str = "drift gate"
    missing: bool = False


def _of_own_model(path: Path, targets: tuple[ExportTarget, ...], options: ExportOptions) -> Ended:
    """Convert a Keras model or SavedModel of the user's own, or put a finished file into a bundle."""
    from exporter.model_kind import kind_of

    kind = kind_of(path)
    own = _own_model(path, options)
    if not kind.is_converted:
        return _packed(own, kind, options)
    if options.min_accuracy is not None:
        raise click.UsageError("--min-accuracy is for TFLite and ONNX files; a Keras model has --max-drop")
    if not options.calibration:
        raise click.UsageError("--model needs --calibration too, a folder of pictures that set the integer ranges")
    with native_output_to(Path(os.devnull)):  # TensorFlow announces itself
        from exporter.network.model import examine_model
        from exporter.own.model import read_own_keras
        from exporter.own.several_reading import read_several_keras

        facts = examine_model(own.path, own.trust)
        if facts.is_independent:
            several = read_several_keras(own, facts)
        else:
            source = read_own_keras(own, facts)
    return _several(several, targets, options) if facts.is_independent else _converted(source, targets, options)


def _converted(source: Source, targets: tuple[ExportTarget, ...], options: ExportOptions) -> Ended:
    from exporter.export import explain
    from exporter.own.mistakes import baseline_warnings, is_guessing

    _say_what_was_found(source.labels, source.notes)
    outcome = _export(source, targets, options)
    _tell_left_out(outcome)
    with native_output_to(Path(os.devnull)):
        warnings = baseline_warnings(outcome.record)
    missing = bool(outcome.record.missing)
    guessing = is_guessing(outcome.record)
    return Ended(outcome.folder, explain(outcome), outcome.state, guessing, warnings, missing=missing)


def _packed(own: OwnModel, kind: ModelKind, options: ExportOptions) -> Ended:
    from exporter.own.export import explain_finished, export_finished
    from exporter.own.finished import examine_finished, read_finished
    from exporter.own.mistakes import finished_warnings
    from exporter.own.several_reading import read_several_finished

    with native_output_to(Path(os.devnull)):
        examined = examine_finished(own, kind)
    if examined.independent:
        return _several(read_several_finished(own, examined), (), options)
    finished = read_finished(own, examined)
    _say_what_was_found(finished.labels, (*finished.notes, *_test_pictures(finished.left_out)))
    with _watched(_folder(options, own.path.stem)) as (folder, progress):
        outcome = export_finished(finished, folder, min_accuracy=options.min_accuracy, observer=progress)
    with native_output_to(Path(os.devnull)):
        warnings = finished_warnings(outcome.record)
    guessing = outcome.record.guessing.is_guessing
    return Ended(outcome.folder, [explain_finished(outcome)], outcome.state, guessing, warnings, "gate")


def _several(model: SeveralModel, targets: tuple[ExportTarget, ...], options: ExportOptions) -> Ended:
    """Export a model whose pictures may show several labels."""
    from exporter.own.several_export import explain_several, export_several, several_warnings

    _say_what_was_found(model.labels, (*model.notes, *_test_pictures(model.test.left_out)))
    with _watched(_folder(options, model.path.stem)) as (folder, progress):
        plan = _plan(targets, options)
        outcome = export_several(model, folder, plan, min_accuracy=options.min_accuracy, observer=progress)
    warnings = several_warnings(outcome)
    return Ended(outcome.folder, explain_several(outcome), outcome.state, outcome.is_guessing, warnings, "gate")


def _targets(options: ExportOptions) -> tuple[ExportTarget, ...]:
    """Return the files that are asked for, when the options go together."""
    of_model = {name: getattr(options, name) for name in _OF_MODEL}
    if options.model is None and (given := [name for name, value in of_model.items() if value is not None]):
        raise click.UsageError(
            f"--{given[0].replace('_', '-')} goes with --model; a run has its own test pictures and labels"
        )
    if options.model is not None and (options.run or options.data or not options.test):
        raise click.UsageError("--model needs --test, a folder of pictures, and cannot go with --run or --data")
    if (options.mean is None) != (options.deviation is None) or (options.mean and options.input_range):
        raise click.UsageError("--mean and --deviation go together, and not with --input-range")
    if options.mean and options.deviation and len(options.mean) != len(options.deviation):
        raise click.UsageError("--mean and --deviation need as many numbers: 1, or 3")
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
    from exporter.source import read_source

    folder = options.run or newest_folder(RUNS, RUN)
    if folder is None:
        raise SourceError(f"no finished run in {RUNS}/: name one with --run, or train one with: catdog-train")
    return read_source(folder, options.data)


def _own_model(path: Path, options: ExportOptions) -> OwnModel:
    from exporter.labels import named_labels
    from exporter.own.model import OwnModel, normalisation

    assert options.test is not None
    return OwnModel(
        path,
        options.test,
        labels=named_labels(options.labels) if options.labels else (),
        size=options.size,
        input_range=options.input_range,
        normalisation=normalisation(options.mean, options.deviation),
        validation=options.validation,
        trust=options.trust,
        test_labels=options.test_labels,
    )


def _export(source: Source, targets: tuple[ExportTarget, ...], options: ExportOptions) -> Outcome:
    from exporter.export import export

    with _watched(_folder(options, source.name)) as (folder, progress):
        return export(source, folder, _plan(targets, options), observer=progress)


def _plan(targets: tuple[ExportTarget, ...], options: ExportOptions) -> ExportPlan:
    from exporter.plan import ExportPlan

    return ExportPlan(
        targets,
        calibration_count=options.calibration_count,
        seed=options.seed,
        calibration=options.calibration,
        max_drop=options.max_drop,
        repair=options.repair,
    )


def _folder(options: ExportOptions, name: str) -> Path:
    return options.bundles / plain_name(options.name or name, "--name")


@contextmanager
def _watched(folder: Path) -> Iterator[tuple[Path, Progress]]:
    """Give the folder to write and what shows the progress.

    Raises:
        CatdogError: the folder cannot be written.
    """
    # The converters' chatter is redirected below Python; the display keeps its own way to the terminal.
    try:
        with os.fdopen(os.dup(2), "w") as terminal, Progress(terminal) as progress:
            yield folder, progress
    except OSError as error:  # of writing: an error of reading is told where it happens
        raise CatdogError(
            f"{folder}: cannot be written ({error.strerror}). Make room there and in "
            f"{tempfile.gettempdir()}, or name another folder with --bundles."
        ) from error


def _say_what_was_found(labels: tuple[str, ...], notes: tuple[str, ...]) -> None:
    from exporter.labels import order_line

    for line in (order_line(labels), *notes):
        say(line, err=True)


def _finish(ended: Ended) -> NoReturn:
    """Print what came of each file and what to do next, and end with the exit code of the gate."""
    from edge_runtime.proof.gate import GateState

    for line in ended.lines:
        say(line)
    say(f"{ended.folder}/report.md")
    for line in ended.warnings:
        say(line, err=True)
    if ended.state is GateState.FAILED:
        say(f"the {ended.gate} failed: no bundle was written, only the report", err=True)
    elif not ended.guessing:
        next_command(f"catdog-edge classify --bundle {quoted(ended.folder)} PICTURE")
    if ended.missing:
        say("a file could not be made: standard output and the report say why", err=True)
    codes = {
        GateState.PASSED: ExitCode.UNDECIDED if ended.guessing else ExitCode.DONE,
        GateState.FAILED: ExitCode.FAILED,
        GateState.INCONCLUSIVE: ExitCode.UNDECIDED,
    }
    sys.exit(ExitCode.FAILED if ended.missing else codes[ended.state])


def _test_pictures(left_out: tuple[LeftOut, ...]) -> list[str]:
    return [f"test pictures {line}" for line in in_short(left_out, "the folder")]


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
