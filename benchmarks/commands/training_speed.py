"""The command `catdog-bench training-speed`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import click

from edge_runtime.terminal import one_line_errors, say_exactly


class TrainingSpeedOptions(NamedTuple):
    """What `catdog-bench training-speed` was asked for."""

    data: Path
    limit_per_class: int
    rounds: int


@click.command("training-speed")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with a sub-folder per class.")
@click.option("--limit-per-class", type=click.IntRange(100), default=800, show_default=True,
              help="Pictures of each class to use.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Trainings of each kind.")
def training_speed(**values: Any) -> None:
    """Compare the time of an epoch with that of plain Keras fit.

    Prints a JSON object.
    """
    options = TrainingSpeedOptions(**values)
    with one_line_errors("train"):
        from benchmarks.figures.training_speed import compare

        found = compare(options.data, limit_per_class=options.limit_per_class, rounds=options.rounds)
    say_exactly(json.dumps(found, indent=1))
