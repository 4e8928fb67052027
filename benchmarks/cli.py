"""The command `catdog-bench`."""

from __future__ import annotations

import click

from edge_runtime.commands.group import CommandGroup, Listed

COMMANDS = {
    "run": Listed("benchmarks.commands.run", "Measure a bundle on this machine and write a report."),
    "recommend": Listed("benchmarks.commands.recommend", "Name the file to ship on this machine."),
    "compare": Listed("benchmarks.commands.compare", "Show what changed from one report to another."),
    "peers": Listed("benchmarks.commands.peers", "Compare with scripts that a user would write instead."),
    "robustness": Listed("benchmarks.commands.robustness", "Count the right answers to distorted test pictures."),
    "conversion": Listed(
        "benchmarks.commands.conversion", "Compare int8 files with those of the converters' defaults."
    ),
    "training-speed": Listed(
        "benchmarks.commands.training_speed", "Compare the time of an epoch with that of plain Keras fit."
    ),
    "edge": Listed("benchmarks.commands.edge", "Measure catdog-edge itself."),
}


@click.group(cls=CommandGroup, listed=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="catdog-edge")
def main() -> None:
    """Measure a bundle on this machine."""


if __name__ == "__main__":
    main()
