"""The command `catdog-bench robustness`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from benchmarks.commands.options import AS_JSON, TEST_DATA
from edge_runtime.bundle import default_bundle
from edge_runtime.commands.options import BACKEND, BUNDLE
from edge_runtime.terminal import one_line_errors, say, say_exactly


class RobustnessOptions(NamedTuple):
    """What `catdog-bench robustness` was asked for."""

    bundle: Path | None
    data: Path
    backend: str
    pictures: int | None
    as_json: bool


@click.command()
@BUNDLE
@TEST_DATA
@BACKEND
@click.option("--pictures", type=click.IntRange(1), help="Pictures to use.  [default: all]")
@AS_JSON
def robustness(**values: Any) -> None:
    """Count the right answers to distorted test pictures.

    The pictures are cropped, darkened, blurred, turned and more.
    """
    options = RobustnessOptions(**values)
    with one_line_errors("bench"):
        from benchmarks.run.progress import Progress
        from benchmarks.run.robustness import PHASE, describe_answers, measure_robustness

        with Progress(sys.stderr, (PHASE,)) as progress:
            answers = measure_robustness(
                options.bundle or default_bundle(),
                options.data,
                options.backend,
                pictures=options.pictures or 0,
                report=partial(progress.step, PHASE),
            )
    shown = [answer.to_dict() for answer in answers]
    if options.as_json:
        say_exactly(json.dumps(shown))
        return
    for line in describe_answers(answers).splitlines():
        say(line)
