"""The command `catdog-bench`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import click

from benchmarks.commands.edge import edge
from benchmarks.commands.report import compare, recommend, run
from edge_runtime.bundle import default_bundle
from edge_runtime.commands.options import BACKEND
from edge_runtime.terminal import one_line_errors


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="catdog-edge")
def main() -> None:
    """Measure a bundle on this machine."""


@main.command("training-speed")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with a sub-folder per class.")
@click.option("--limit-per-class", type=click.IntRange(100), default=800, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Runs of each side.")
def training_speed(data: Path, limit_per_class: int, rounds: int) -> None:
    """Time an epoch of catdog-train against plain Keras fit, in turns."""
    with one_line_errors("train"):
        from benchmarks.figures.training_speed import compare

        comparison = compare(data, limit_per_class=limit_per_class, rounds=rounds)
    click.echo(json.dumps(comparison, indent=1))


@main.command()
@click.option("--run", type=click.Path(path_type=Path), required=True, help="Run folder of the bundle.")
@click.option("--model", type=click.Path(path_type=Path), help="Bundle folder.  [default: newest in bundles/]")
@click.option("--rounds", type=click.IntRange(10), default=300, show_default=True, help="Timed runs of each file.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Inference threads.")
def conversion(run: Path, model: Path | None, rounds: int, threads: int) -> None:
    """Time a bundle's int8 files against those of the converters' own defaults, in turns."""
    with one_line_errors("export"):
        from benchmarks.figures.conversion import compare_conversions

        comparison = compare_conversions(run, model or default_bundle(), rounds=rounds, threads=threads)
    click.echo(json.dumps(comparison, indent=1))


@main.command()
@click.option("--model", type=click.Path(path_type=Path), help="Bundle folder.  [default: newest in bundles/]")
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder of pictures; the bundle's test pictures among them are known by content.")  # fmt: skip
@BACKEND
@click.option("--pictures", type=click.IntRange(1), help="Pictures to use.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def robustness(model: Path | None, data: Path, backend: str, pictures: int | None, as_json: bool) -> None:
    """Classify test pictures cropped, dark, blurred, turned and noisy; print the shares answered right."""
    with one_line_errors("bench"):
        from benchmarks.run.progress import Progress
        from benchmarks.run.robustness import PHASE, describe_answers, measure_robustness

        progress = Progress(sys.stderr, (PHASE,))
        answers = measure_robustness(
            model or default_bundle(), data, backend, pictures=pictures or 0, report=partial(progress.step, PHASE)
        )
        progress.close()
    click.echo(json.dumps([answer.to_dict() for answer in answers]) if as_json else describe_answers(answers))


@main.command()
@click.option("--model", type=click.Path(path_type=Path), help="Bundle folder.  [default: newest in bundles/]")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Picture, or folder of pictures.")
@click.option("--run", type=click.Path(path_type=Path), help="Run folder of the bundle, to time Keras too.")
@click.option("--rounds", type=click.IntRange(10), default=100, show_default=True, help="Pictures for each.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def peers(model: Path | None, data: Path, run: Path | None, rounds: int, as_json: bool) -> None:
    """Compare with what a user would write instead: label_image, plain LiteRT, plain ONNX Runtime, Keras."""
    with one_line_errors("bench"):
        from benchmarks.peers.comparison import PHASE, compare_peers, describe_peers
        from benchmarks.run.progress import Progress

        progress = Progress(sys.stderr, (PHASE,))
        found = compare_peers(
            model or default_bundle(), data, run=run, rounds=rounds, report=partial(progress.step, PHASE)
        )
        progress.close()
    click.echo(json.dumps(found, indent=1) if as_json else describe_peers(found))


for command in (run, recommend, compare, edge):
    main.add_command(command)

if __name__ == "__main__":
    main()
