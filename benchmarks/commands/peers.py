"""The command `catdog-bench peers`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from benchmarks.commands.options import AS_JSON
from edge_runtime.bundle import default_bundle
from edge_runtime.commands.options import BUNDLE
from edge_runtime.terminal import one_line_errors, say, say_exactly


class PeersOptions(NamedTuple):
    """What `catdog-bench peers` was asked for."""

    bundle: Path | None
    data: Path
    run: Path | None
    rounds: int
    as_json: bool


@click.command()
@BUNDLE
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Picture, or folder of pictures.")
@click.option("--run", type=click.Path(path_type=Path), help="Run folder of the bundle, to time Keras too.")
@click.option("--rounds", type=click.IntRange(10), default=100, show_default=True,
              help="Pictures to time with each peer.")  # fmt: skip
@AS_JSON
def peers(**values: Any) -> None:
    """Compare with scripts that a user would write instead.

    These are label_image, plain LiteRT, plain ONNX Runtime and, with --run, Keras.
    """
    options = PeersOptions(**values)
    with one_line_errors("bench"):
        from benchmarks.peers.comparison import PHASE, compare_peers, describe_peers
        from benchmarks.run.progress import Progress

        bundle = options.bundle or default_bundle()
        with Progress(sys.stderr, (PHASE,)) as progress:
            report = partial(progress.step, PHASE)
            found = compare_peers(bundle, options.data, run=options.run, rounds=options.rounds, report=report)
    if options.as_json:
        say_exactly(json.dumps(found, indent=1))
        return
    for line in describe_peers(found).splitlines():
        say(line)
