"""The command `catdog-bench run`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from benchmarks.commands.options import TEST_DATA
from edge_runtime.bundle import default_bundle
from edge_runtime.commands.options import BUNDLE
from edge_runtime.folders import REPORTS
from edge_runtime.home import home_folder
from edge_runtime.picture.left_out import from_words, in_short
from edge_runtime.terminal import MEASURING, ExitCode, ended_by_sigterm, next_command, one_line_errors, quoted, say

if TYPE_CHECKING:
    from benchmarks.run.record import BenchmarkReport


class RunOptions(NamedTuple):
    """What `catdog-bench run` was asked for."""

    bundle: Path | None
    data: Path
    out: Path | None
    rounds: int
    threads: tuple[int, ...]
    pictures: int | None
    without_photographs: bool


@click.command()
@BUNDLE
@TEST_DATA
@click.option("--out", type=click.Path(path_type=Path), help="Report folder.  [default: reports/BUNDLE]")
@click.option("--rounds", type=click.IntRange(10), default=200, show_default=True,
              help="Pictures to time with each configuration.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), multiple=True,
              help="Inference threads. Repeat it to try several.  [default: 1, 2, 4 up to the cores]")  # fmt: skip
@click.option("--pictures", type=click.IntRange(1), help="Pictures to score for the accuracy.  [default: all]")
@click.option("--without-photographs", is_flag=True, help="Show no photographs, so that the page can be shared.")
def run(**values: Any) -> None:
    """Measure a bundle on this machine and write a report.

    Every file of the bundle runs with every installed backend. Ctrl-C ends the measurement. The report then holds
    what was measured so far, and is marked incomplete.
    """
    options = RunOptions(**values)
    with one_line_errors("bench", stopped="stopped before anything was measured"), ended_by_sigterm():
        home_folder()  # Matplotlib needs one
        bundle = options.bundle or default_bundle()
        target = options.out or REPORTS / bundle.resolve().name
        report = _measure(bundle, target, options)
        _print_run(report, target)
    if not report.complete:
        sys.exit(ExitCode.STOPPED)


def _measure(bundle: Path, target: Path, options: RunOptions) -> BenchmarkReport:
    """Measure and write the report. What would keep it from being written is found before the measurement."""
    for library in MEASURING:
        import_module(library)
    from benchmarks.report.folder import try_folder, write_folder
    from benchmarks.run.benchmark import PHASES, Plan, run_benchmark
    from benchmarks.run.progress import Progress
    from edge_runtime.bundle import read_bundle

    preprocessing = read_bundle(bundle).preprocessing
    try_folder(target)
    with Progress(sys.stderr, PHASES) as progress:
        plan = Plan(options.rounds, options.threads, options.pictures or 0)
        report = run_benchmark(bundle, options.data, plan, progress)
    photographs = None if options.without_photographs else options.data
    write_folder(target, report, photographs=photographs, preprocessing=preprocessing)
    return report


def _print_run(report: BenchmarkReport, target: Path) -> None:
    for item in report.measured:
        what, total = item.configuration, item.total
        low, high = total.median_interval_ms
        accuracy = report.accuracy_of(what)
        right = None if accuracy is None else accuracy.accuracy
        share = "" if right is None else f"  accuracy {right:.2%}"
        say(
            f"{what.file:22} {what.backend:15}{what.threads:2}  {total.median_ms:8.2f} ms [{low:.2f}, {high:.2f}]  "
            f"p95 {total.p95_ms:.2f} ms{share}"
        )
    say(f"{target}/report.html")
    for line in in_short((from_words(*pair) for pair in report.left_out), "report.json", word="not measured"):
        say(line, err=True)
    for reason in report.invalid:
        say(f"invalid: {reason}", err=True)
    if not report.complete:
        say("incomplete: stopped before everything was measured", err=True)
    next_command(f"catdog-bench recommend {quoted(target)}")
