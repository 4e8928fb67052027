"""The commands `catdog-bench run`, `recommend` and `compare`."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.bundle import default_bundle
from edge_runtime.commands.options import NumberRange
from edge_runtime.folders import REPORTS, newest_folder
from edge_runtime.terminal import MEASURING, next_command, one_line_errors, say

if TYPE_CHECKING:
    from benchmarks.report.comparison import Change
    from benchmarks.run.record import BenchmarkReport

REGRESSION, UNDECIDED = 3, 4  # exit codes
STOPPED = 130
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


@click.command()
@click.option("--model", type=click.Path(path_type=Path), help="Bundle folder.  [default: newest in bundles/]")
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder of pictures; the bundle's test pictures among them are known by content.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Report folder.  [default: reports/BUNDLE]")
@click.option("--rounds", type=click.IntRange(10), default=200, show_default=True,
              help="Timed pictures of each configuration.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), multiple=True,
              help="Inference threads; may be repeated.  [default: 1, 2, 4 up to the cores]")  # fmt: skip
@click.option("--pictures", type=click.IntRange(1), help="Pictures to score for the accuracy.  [default: all]")
@click.option("--without-photographs", is_flag=True, help="Show no picture in the page, so that it can be shared.")
def run(model: Path | None, data: Path, out: Path | None, **options: Any) -> None:
    """Measure every file of a bundle with every installed runtime, and write a report.

    Ctrl-C ends the measuring and writes what is there, marked incomplete.
    """
    with one_line_errors("bench", stopped="stopped before anything was measured"):
        folder = model or default_bundle()
        target = out or REPORTS / folder.resolve().name
        report = _measured(folder, data, target, options)
        _print_run(report, target)
    if not report.complete:
        sys.exit(STOPPED)


def _measured(folder: Path, data: Path, target: Path, options: dict[str, Any]) -> BenchmarkReport:
    for library in MEASURING:  # or minutes would pass before one is missed
        import_module(library)
    from benchmarks.report.folder import write_folder
    from benchmarks.run.benchmark import PHASES, Plan, run_benchmark
    from benchmarks.run.progress import Progress
    from edge_runtime.bundle import read_bundle

    plan = Plan(options["rounds"], options["threads"], options["pictures"] or 0)
    progress = Progress(sys.stderr, PHASES)
    try:
        report = run_benchmark(folder, data, plan, progress)
    finally:
        progress.close()
    photographs = None if options["without_photographs"] else data
    write_folder(target, report, photographs=photographs, preprocessing=read_bundle(folder).preprocessing)
    return report


def _print_run(report: BenchmarkReport, target: Path) -> None:
    for item in report.measured:
        what, total = item.configuration, item.total
        low, high = total.median_interval_ms
        accuracy = report.accuracy_of(what)
        right = None if accuracy is None else accuracy.accuracy
        share = "" if right is None else f"  accuracy {right:.2%}"
        click.echo(
            f"{what.file:22} {what.runtime:15}{what.threads:2}  {total.median_ms:8.2f} ms [{low:.2f}, {high:.2f}]  "
            f"p95 {total.p95_ms:.2f} ms{share}"
        )
    click.echo(f"{target}/report.html")
    for name, reason in report.left_out:
        say(f"not measured: {name}: {reason}", err=True)
    for reason in report.invalid:
        say(f"invalid: {reason}", err=True)
    if not report.complete:
        say("incomplete: stopped before everything was measured", err=True)
    next_command(f"catdog-bench recommend {shlex.quote(str(target))}")


@click.command()
@click.argument("report", type=click.Path(path_type=Path), required=False)
@_AS_JSON
def recommend(report: Path | None, as_json: bool) -> None:
    """Name the fastest file that passes the gate, by p95, from REPORT (default: the newest in reports/).

    Exit code 4 says that none has passed yet, or that the figures cannot be relied on.
    """
    with one_line_errors("bench"):
        from benchmarks.report.recommendation import recommend as choose
        from benchmarks.run.record import read_report

        found = choose(read_report(report or _newest_report()))
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
        sys.exit(0 if found.decided else UNDECIDED)
    click.echo(found.reason.replace("`", ""))
    for warning in found.warnings:
        say(f"warning: {warning}".replace("`", ""), err=True)
    if not found.decided:
        sys.exit(UNDECIDED)
    what = found.configuration
    next_command(f"catdog-edge classify --backend {what.runtime} --precision {what.precision} PICTURE")


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--tolerance", type=NumberRange(0), default=0.05, show_default=True,
              help="Share by which latency, memory and size may grow.")  # fmt: skip
@_AS_JSON
def compare(old: Path, new: Path, tolerance: float, as_json: bool) -> None:
    """Compare two reports: paired differences with intervals; exit code 3 on a regression."""
    with one_line_errors("bench"):
        from benchmarks.report.comparison import compare as compare_reports
        from benchmarks.run.record import read_report

        found = compare_reports(read_report(old), read_report(new), tolerance=tolerance)
    for warning in found.warnings:
        say(f"warning: {warning}", err=True)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        for change in found.changes:
            click.echo(_change_line(change))
        click.echo(f"{len(found.regressions)} regressions beyond {tolerance:.0%}")
    if found.regressions:
        sys.exit(REGRESSION)


def _change_line(change: Change) -> str:
    forms = {"latency": "{:.2f} ms", "memory": "{:.1f} MiB", "size": "{:.2f} MB", "accuracy": "{:.2%}"}
    old, new = (forms[change.figure].format(value) for value in (change.old, change.new))
    sure = "" if change.interval is None else f" [{change.interval[0]:+.2%}, {change.interval[1]:+.2%}]"
    mark = "  REGRESSION" if change.regression else ""
    return f"{change.name:40} {change.figure:8} {old} to {new}  {change.change:+.2%}{sure}{mark}"


def _newest_report() -> Path:
    from benchmarks.errors import BenchmarkError

    found = newest_folder(REPORTS, "report.json")
    if found is None:
        raise BenchmarkError(f"no report in {REPORTS}/: name one, or make one with: catdog-bench run")
    return found
