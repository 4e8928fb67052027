"""The command `catdog-bench`."""

from __future__ import annotations

import click

from edge_runtime.commands.group import CommandGroup

COMMANDS = {
    "run": "benchmarks.commands.run",
    "recommend": "benchmarks.commands.recommend",
    "compare": "benchmarks.commands.compare",
    "peers": "benchmarks.commands.peers",
    "robustness": "benchmarks.commands.robustness",
    "conversion": "benchmarks.commands.conversion",
    "training-speed": "benchmarks.commands.training_speed",
    "edge": "benchmarks.commands.edge",
}


@click.group(cls=CommandGroup, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="catdog-edge")
def main() -> None:
    """Measure a bundle on this machine."""


if __name__ == "__main__":
    main()
