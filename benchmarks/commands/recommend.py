"""The command `catdog-bench recommend`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from benchmarks.commands.options import AS_JSON
from edge_runtime.folders import REPORTS, newest_folder
from edge_runtime.terminal import ExitCode, next_command, one_line_errors, quoted, say, say_exactly


class RecommendOptions(NamedTuple):
    """What `catdog-bench recommend` was asked for."""

    report: Path | None
    as_json: bool


@click.command()
@click.argument("report", type=click.Path(path_type=Path), required=False)
@AS_JSON
def recommend(**values: Any) -> None:
    """Name the file to ship on this machine.

    It is the file with the lowest p95 that passed the gate. REPORT is a report folder; the default is the newest in
    reports/. Exit code 4 if no file has passed yet, or if the figures cannot be trusted.
    """
    options = RecommendOptions(**values)
    with one_line_errors("bench"):
        from benchmarks.report.recommendation import recommend as choose
        from benchmarks.run.record import read_report

        found = choose(read_report(options.report or _newest_report()))
    if options.as_json:
        say_exactly(json.dumps(found.to_dict(), indent=1))
        sys.exit(ExitCode.DONE if found.decided else ExitCode.UNDECIDED)
    say(found.reason)
    for warning in found.warnings:
        say(f"warning: {warning.text}", err=True)
    if not found.decided:
        sys.exit(ExitCode.UNDECIDED)
    what = found.configuration
    backend, precision = quoted(what.backend), quoted(what.precision)
    next_command(f"catdog-edge classify --backend {backend} --precision {precision} PICTURE")


def _newest_report() -> Path:
    from benchmarks.errors import BenchmarkError
    from benchmarks.run.record import REPORT

    found = newest_folder(REPORTS, REPORT)
    if found is None:
        raise BenchmarkError(f"no report in {REPORTS}/: name one, or make one with: catdog-bench run")
    return found
