"""The command `catdog-train`."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.folders import RUNS
from edge_runtime.terminal import next_command, one_line_errors

if TYPE_CHECKING:
    from edge_runtime.run_folder import Epoch
    from trainer.config import TrainConfig
    from trainer.data.dataset import Dataset
    from trainer.evaluation import Evaluation


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", help="Folder with a sub-folder per class, or sample, or microsoft.  [default: sample]")
@click.option(
    "--negatives",
    help="Folder with a sub-folder per kind of picture of no class; adds the class neither.  [default: none]",
)
@click.option("--architecture", help="Network to train: report, compact or wide.  [default: report]")
@click.option("--start", help="Run folder of a network to train on.  [default: none]")
@click.option("--teacher", help="Run folder of a network to learn from beside the labels.  [default: none]")
@click.option("--image-size", type=int, help="Side of the model's input, pixels.  [default: 128]")
@click.option("--epochs", type=int, help="Passes over the training split.  [default: 10]")
@click.option("--batch-size", type=int, help="Pictures a step.  [default: 32]")
@click.option("--learning-rate", type=float, help="Step size.  [default: 0.001]")
@click.option("--seed", type=int, help="Seed of everything random.  [default: 0]")
@click.option("--augment/--no-augment", default=None, help="Change pictures at random.  [default: off]")
@click.option("--early-stopping", type=int, help="Epochs without progress before the end; 0 never.  [default: 0]")
@click.option("--keep-best/--keep-last", default=None, help="Result: the epoch of lowest loss.  [default: on]")
@click.option("--limit-per-class", type=int, help="Pictures of each class to use; 0 all.  [default: 0]")
@click.option("--validation-fraction", type=float, help="Share that chooses the epoch.  [default: 0.1]")
@click.option("--test-fraction", type=float, help="Share held back for the figures.  [default: 0.2]")
@click.option("--tensorboard/--no-tensorboard", default=None, help="Write a TensorBoard log.  [default: off]")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="TOML file of these options and more (a recipe); flags win over it.",
)
@click.option("--name", help="Name of the run.  [default: data, architecture and time]")
@click.option(
    "--runs", type=click.Path(path_type=Path), default=RUNS, show_default=True, help="Folder of all runs."
)
@click.option("--resume", is_flag=True, help="Go on with the newest unfinished run, or the one named.")
@click.version_option(package_name="catdog-edge")
def main(config: Path | None, name: str | None, runs: Path, resume: bool, **options: Any) -> None:
    """Train an image classifier on pictures in class folders and write runs/NAME."""
    with one_line_errors("train"):
        run_name, settled = _settle(config, name, runs, resume, options)
        folder, evaluation = _train(settled, run_name, runs, resume)
    low, high = evaluation.accuracy_interval
    what = " (drawings, not photographs)" if settled.data == "sample" else ""
    click.echo(f"test accuracy {evaluation.accuracy:.2%} [{low:.2%}, {high:.2%}] on {evaluation.pictures:,}{what}")
    click.echo(f"{folder}/report.md")
    next_command(f"catdog-export --run {shlex.quote(str(folder))} --quantize int8")


def _settle(
    config: Path | None, name: str | None, runs: Path, resume: bool, options: dict[str, Any]
) -> tuple[str, TrainConfig]:
    """Return the name and config of the run to begin or to go on with."""
    from trainer.config import read_config
    from trainer.run_folder import find_unfinished, start_run

    if resume:
        if config or any(value is not None for value in options.values()):
            raise click.UsageError(
                "--resume keeps the options of the run it goes on with; give only --name or --runs"
            )
        return find_unfinished(runs, name)
    settled = read_config(config, options)
    data = Path(settled.data).resolve().name
    name = name or f"{data}-{settled.architecture}-{time.strftime('%Y%m%d-%H%M%S')}"
    start_run(runs, name, settled)
    return name, settled


def _train(config: TrainConfig, name: str, runs: Path, resume: bool) -> tuple[Path, Evaluation]:
    from trainer.errors import ConfigError, DataError, RunError
    from trainer.run_folder import alone_in, forget_unbegun, partial_folder

    try:
        from trainer.training import train

        with alone_in(partial_folder(runs, name)), Progress(config.epochs) as progress:
            return train(config, name, runs=runs, observer=progress)
    except (ConfigError, DataError, RunError, ModuleNotFoundError):
        if not resume:
            forget_unbegun(runs, name)
        raise
    except KeyboardInterrupt:
        where = "" if runs == RUNS else f" --runs {shlex.quote(str(runs))}"
        click.echo(f"\nstopped; go on with: catdog-train --resume --name {shlex.quote(name)}{where}", err=True)
        sys.exit(130)


class Progress:
    """Shows a run on standard error: a bar with time left for each stage, a line for each epoch."""

    def __init__(self, epochs: int) -> None:
        """Begin with no bar shown."""
        self._epochs = epochs
        self._bar: Any = None
        self._at = 0
        self._figures = ""

    def __enter__(self) -> Progress:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the bar that is open."""
        self._close()

    def on_download(self, done_bytes: int, total_bytes: int) -> None:
        """Show megabytes received."""
        self._show("downloading (MB)", done_bytes // 10**6, total_bytes // 10**6)

    def on_scan(self, done: int, total: int) -> None:
        """Show files read."""
        self._show("reading pictures", done, total)

    def on_dataset(self, dataset: Dataset) -> None:
        """Say what is trained on and list what was left out."""
        self._close()
        faulty = dataset.faulty
        for file in faulty[:20]:
            click.echo(f"left out: {file.path}: {file.reason}", err=True)
        if len(faulty) > 20:
            click.echo(f"left out: {len(faulty) - 20} more, listed in splits.json", err=True)
        counts = ", ".join(f"{len(pictures):,} {side}" for side, pictures in dataset.sides.items())
        click.echo(f"{' / '.join(dataset.labels)}: {counts}", err=True)

    def on_step(self, number: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """Move the epoch's bar."""
        self._figures = f"loss {loss:.4f}, accuracy {accuracy:.1%}"
        self._show(f"epoch {number + 1}/{self._epochs}", step, steps)

    def on_epoch(self, number: int, epoch: Epoch) -> None:
        """Print the epoch's figures and the time left for the whole run."""
        self._close()
        left_min = (self._epochs - number - 1) * epoch.seconds / 60
        click.echo(
            f"epoch {number + 1}/{self._epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.1%}  "
            f"validation {epoch.validation_accuracy:.1%}  {epoch.seconds:.1f} s, {epoch.waiting_share:.1%} waiting"
            f"{f', about {left_min:.0f} min left' if left_min >= 1 else ''}",
            err=True,
        )

    def _show(self, label: str, done: int, total: int) -> None:
        if self._bar is None:
            self._figures = self._figures if label.startswith("epoch") else ""
            self._at = 0
            self._bar = click.progressbar(
                length=total, label=label, file=sys.stderr, item_show_func=lambda _: self._figures or None
            )
            self._bar.__enter__()
        self._bar.update(max(0, done - self._at), True)
        self._at = max(self._at, done)
        if done >= total:
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


if __name__ == "__main__":
    main()
