"""The command `catdog-bench conversion`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import click

from edge_runtime.bundle import default_bundle
from edge_runtime.commands.options import BUNDLE
from edge_runtime.terminal import one_line_errors, say_exactly


class ConversionOptions(NamedTuple):
    """What `catdog-bench conversion` was asked for."""

    run: Path
    bundle: Path | None
    rounds: int
    threads: int


@click.command()
@click.option("--run", type=click.Path(path_type=Path), required=True, help="Run folder of the bundle.")
@BUNDLE
@click.option("--rounds", type=click.IntRange(10), default=300, show_default=True,
              help="Pictures to time with each file.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Inference threads.")
def conversion(**values: Any) -> None:
    """Compare int8 files with those of the converters' defaults.

    Prints a JSON object with time and accuracy of both.
    """
    options = ConversionOptions(**values)
    with one_line_errors("export"):
        from benchmarks.figures.conversion import compare_conversions

        bundle = options.bundle or default_bundle()
        found = compare_conversions(options.run, bundle, rounds=options.rounds, threads=options.threads)
    say_exactly(json.dumps(found, indent=1))
