"""The command `catdog-bench compare`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from benchmarks.commands.options import AS_JSON
from edge_runtime.commands.options import NumberRange
from edge_runtime.terminal import ExitCode, one_line_errors, say, say_exactly

if TYPE_CHECKING:
    from benchmarks.report.comparison import Change


class CompareOptions(NamedTuple):
    """What `catdog-bench compare` was asked for."""

    old: Path
    new: Path
    tolerance: float
    as_json: bool


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--tolerance", type=NumberRange(0), default=0.05, show_default=True,
              help="Share by which latency, memory and size may grow.")  # fmt: skip
@AS_JSON
def compare(**values: Any) -> None:
    """Show what changed from one report to another.

    OLD and NEW are report folders. Each change has its 95 % interval. Exit code 3 if there is a regression.
    """
    options = CompareOptions(**values)
    with one_line_errors("bench"):
        from benchmarks.report.comparison import compare as compare_reports
        from benchmarks.run.record import read_report

        old, new = read_report(options.old), read_report(options.new)
        found = compare_reports(old, new, tolerance=options.tolerance)
    for warning in found.warnings:
        say(f"warning: {warning}", err=True)
    if options.as_json:
        say_exactly(json.dumps(found.to_dict(), indent=1))
    else:
        for change in found.changes:
            say(_change_line(change))
        count = len(found.regressions)
        say(f"{count} regression{'s' * (count != 1)} beyond {options.tolerance:.0%}")
    if found.regressions:
        sys.exit(ExitCode.FAILED)


def _change_line(change: Change) -> str:
    forms = {"latency": "{:.2f} ms", "memory": "{:.1f} MiB", "size": "{:.2f} MB", "accuracy": "{:.2%}"}
    old, new = (forms[change.figure].format(value) for value in (change.old, change.new))
    interval = "" if change.interval is None else f" [{change.interval[0]:+.2%}, {change.interval[1]:+.2%}]"
    mark = "  REGRESSION" if change.regression else ""
    return f"{change.name:40} {change.figure:8} {old} to {new}  {change.change:+.2%}{interval}{mark}"
