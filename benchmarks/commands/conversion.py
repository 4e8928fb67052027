"""The command `catdog-bench conversion`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.commands.options import BUNDLE, takes
from edge_runtime.bundle import default_bundle
from edge_runtime.terminal import one_line_errors


@dataclass(frozen=True)
class ConversionOptions:
    """The options of `catdog-bench conversion`."""

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
@takes(ConversionOptions)
def conversion(options: ConversionOptions) -> None:
    """Compare int8 files with those of the converters' defaults.

    Prints a JSON object with time and accuracy of both.
    """
    with one_line_errors("export"):
        from benchmarks.figures.conversion import compare_conversions

        bundle = options.bundle or default_bundle()
        found = compare_conversions(options.run, bundle, rounds=options.rounds, threads=options.threads)
    click.echo(json.dumps(found, indent=1))
