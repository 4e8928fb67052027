"""The command `catdog-edge`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from edge_runtime.commands.options import BACKEND, JSON, MIN_CONFIDENCE, MODEL, PRECISION, THREADS, open_classifier
from edge_runtime.native_output import native_output_to
from edge_runtime.terminal import MEASURING, next_command, one_line_errors, say

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier
    from edge_runtime.commands.results import ResultFormat


class _Commands(click.Group):
    """The group, whose `watch` is imported when it is asked for: other commands start sooner."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted([*super().list_commands(context), "watch"])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name != "watch":
            return super().get_command(context, name)
        from edge_runtime.commands.watch import watch

        return watch


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="catdog-edge")
def main() -> None:
    """Classify pictures with a bundle made by catdog-export."""


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@MODEL
@BACKEND
@PRECISION
@THREADS
@MIN_CONFIDENCE
@click.option("--recursive", is_flag=True, help="Look in the folders of a folder too.")
@click.option("--top-k", type=click.IntRange(1), help="Labels to show.  [default: 1 in a table, else all]")
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values with a header.")
@click.option(
    "--max-pixels", type=click.IntRange(1, 178_956_970), default=80_000_000, show_default=True,
    help="Refuse larger pictures; 80 million take up to 500 MiB of memory.",
)  # fmt: skip
def classify(paths: tuple[str, ...], model: Path | None, recursive: bool, **options: Any) -> None:
    """Say what is on pictures: files, folders, patterns, or - for standard input.

    Exit code 1 when one could not be read, 130 when stopped.
    """
    if options["as_json"] and options["as_csv"]:
        raise click.UsageError("--json and --csv exclude each other")
    with one_line_errors("onnx"):
        from edge_runtime.bundle import default_bundle
        from edge_runtime.commands.classify import run_batch
        from edge_runtime.parallel import default_workers, usable_cores
        from edge_runtime.picture.listing import list_pictures

        folder = model or default_bundle()
        pictures = list(list_pictures(paths, recursive=recursive))
        # One picture gets every core; of many, each gets a thread.
        workers = min(options["threads"] or default_workers(), len(pictures))  # each has a model of its own
        threads = (options["threads"] or usable_cores()) if len(pictures) == 1 else 1
        classifier = open_classifier(folder, options, threads=threads)
        output = _output(classifier, pictures, options)
        tally = run_batch(classifier, pictures, output, workers=workers)
    if tally.failed:
        say(f"{tally.failed} of {tally.done} could not be classified", err=True)
    if tally.done < tally.total:
        say(f"stopped: {tally.done} of {tally.total} done", err=True)
        sys.exit(130)
    if tally.failed:
        sys.exit(1)
    _say_next(folder, pictures[0])


def _say_next(folder: Path, picture: str) -> None:
    import shlex
    from importlib.util import find_spec

    from edge_runtime.picture.listing import STANDARD_INPUT

    if not all(map(find_spec, MEASURING)):
        next_command(f"catdog-edge selftest --model {shlex.quote(str(folder))}")
        return
    data = "PICTURES" if picture == STANDARD_INPUT else shlex.quote(os.path.dirname(picture) or ".")
    next_command(f"catdog-bench run --model {shlex.quote(str(folder))} --data {data}")


def _output(classifier: Classifier, pictures: list[str], options: dict[str, Any]) -> ResultFormat:
    from edge_runtime.commands.results import CsvFormat, JsonFormat, TableFormat

    labels, top_k = classifier.bundle.labels, options["top_k"]
    if options["as_json"]:
        return JsonFormat(top_k)
    if options["as_csv"]:
        return CsvFormat(labels, top_k)
    return TableFormat(min(60, max(map(len, pictures))), labels, top_k or 1)


@main.command()
@MODEL
@BACKEND
@PRECISION
@JSON
def info(model: Path | None, backend: str, precision: str, as_json: bool) -> None:
    """Say what is in a bundle, which file would be used here, and why."""
    with one_line_errors("onnx"):
        import json

        from edge_runtime.bundle import default_bundle
        from edge_runtime.commands.info import bundle_lines, describe_bundle

        with native_output_to(Path(os.devnull)):
            values = describe_bundle(model or default_bundle(), backend, precision)
    say(json.dumps(values, indent=1) if as_json else "\n".join(bundle_lines(values)))


@main.command()
@MODEL
@BACKEND
@PRECISION
@JSON
def selftest(model: Path | None, backend: str, precision: str, as_json: bool) -> None:
    """Prove that a bundle is whole and gives the scores of its export on this machine. Exit code 1 if not."""
    with one_line_errors("onnx"):
        import json

        from edge_runtime.bundle import default_bundle
        from edge_runtime.commands.selftest import run_selftest

        with native_output_to(Path(os.devnull)):
            checks = run_selftest(model or default_bundle(), backend, precision=precision)
    for check in checks:
        line = f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.detail}"
        say(json.dumps(check.to_dict()) if as_json else line)
    failed = sum(not check.passed for check in checks)
    say(f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed", err=True)
    sys.exit(1 if failed else 0)


@main.command()
@JSON
def doctor(as_json: bool) -> None:
    """Look at this machine and name the line that brings what is missing. Exit code 1 if nothing can run."""
    with one_line_errors("onnx"):
        import json

        from edge_runtime.commands.doctor import examine

        findings = examine()
    for finding in findings:
        fix = f"\n{'':8}fix: {finding.fix}" if finding.fix else ""
        line = f"{finding.state:7} {finding.name}: {finding.value}{fix}"
        say(json.dumps(finding.to_dict()) if as_json else line)
    sys.exit(1 if any(finding.state == "bad" for finding in findings) else 0)


def run() -> NoReturn:
    """Run the installed command, and leave without taking the interpreter apart.

    That takes a twentieth of `classify`, and nothing waits for it: files are closed and threads are done before.
    """
    code: int | str | None = 0
    try:
        with one_line_errors("onnx"):
            main()
    except SystemExit as end:
        code = end.code
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed by the caller
                stream.flush()
    except OSError:
        code = 1
    os._exit(code if isinstance(code, int) else bool(code))
