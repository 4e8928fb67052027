"""The command `catdog-bench`."""

from __future__ import annotations

import click

from benchmarks.commands.compare import compare
from benchmarks.commands.conversion import conversion
from benchmarks.commands.edge import edge
from benchmarks.commands.peers import peers
from benchmarks.commands.recommend import recommend
from benchmarks.commands.robustness import robustness
from benchmarks.commands.run import run
from benchmarks.commands.training_speed import training_speed

# Each command imports its heavy libraries when it runs.
COMMANDS = (run, recommend, compare, peers, robustness, conversion, training_speed, edge)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]}, commands={str(item.name): item for item in COMMANDS}
)
@click.version_option(package_name="catdog-edge")
def main() -> None:
    """Measure a bundle on this machine."""


if __name__ == "__main__":
    main()
