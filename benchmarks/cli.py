"""The command `catdog-bench`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from benchmarks.edge_cli import edge
from edge_runtime.atomic_folder import whole_folder
from edge_runtime.bundle import newest_bundle
from edge_runtime.folders import REPORTS
from edge_runtime.terminal import next_command, one_line_errors


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="catdog-edge")
def main() -> None:
    """Measure a bundle on this machine."""


@main.command()
@click.option("--model", type=click.Path(path_type=Path), help="Bundle folder.  [default: newest in bundles/]")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Picture, or folder of pictures.")
@click.option("--out", type=click.Path(path_type=Path), help="Report folder.  [default: reports/BUNDLE]")
@click.option("--rounds", type=click.IntRange(10), default=100, show_default=True, help="Timed runs of each file.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Inference threads.")
def run(model: Path | None, data: Path, out: Path | None, rounds: int, threads: int) -> None:
    """Time every file of a bundle with every installed runtime, interleaved."""
    with one_line_errors("bench"):
        from benchmarks.latency import measure_latency
        from benchmarks.report import write_report

        folder = model or newest_bundle()
        with click.progressbar(length=rounds, label="rounds", file=sys.stderr) as bar:
            report = measure_latency(
                folder,
                data,
                rounds=rounds,
                threads=threads,
                report=lambda done, total: bar.update(done - bar.pos),
            )
        target = out or REPORTS / folder.resolve().name
        with whole_folder(target) as partial:
            (partial / "report.json").write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
            (partial / "report.md").write_text(write_report(report), encoding="utf-8")
    for item in report.files:
        low, high = item.inference.median_interval_ms
        click.echo(
            f"{item.file.path:22} {item.backend:15} {item.inference.median_ms:8.2f} ms [{low:.2f}, {high:.2f}]  "
            f"p95 {item.inference.p95_ms:.2f} ms"
        )
    click.echo(f"{target}/report.md")
    fastest = report.files[0].file
    next_command(f"catdog-edge classify --model {shlex.quote(str(folder))} --precision {fastest.precision} PICTURE")


@main.command("training-speed")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with a sub-folder per class.")
@click.option("--limit-per-class", type=click.IntRange(100), default=800, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Runs of each side.")
def training_speed(data: Path, limit_per_class: int, rounds: int) -> None:
    """Time an epoch of catdog-train against plain Keras fit, in turns."""
    with one_line_errors("train"):
        from benchmarks.training_speed import compare

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
        from benchmarks.conversion import compare_conversions

        comparison = compare_conversions(run, model or newest_bundle(), rounds=rounds, threads=threads)
    click.echo(json.dumps(comparison, indent=1))


main.add_command(edge)

if __name__ == "__main__":
    main()
