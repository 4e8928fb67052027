"""The command `catdog-train`."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.atomic_folder import no_empty_parents
from edge_runtime.folders import RUNS
from edge_runtime.home import home_folder
from edge_runtime.terminal import Command, ended_by_sigterm, next_command, one_line_errors, quoted, say
from trainer.data.balance import Balance
from trainer.network.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from trainer.config import TrainConfig
    from trainer.evaluation import Evaluation


@dataclass(frozen=True)
class Options:
    """The options of `catdog-train`: first those of the command, then those of `TrainConfig` that are flags.

    A flag that was not given is None.
    """

    config: Path | None
    name: str | None
    runs: Path
    resume: bool
    data: str | None
    negatives: str | None
    architecture: str | None
    start: str | None
    teacher: str | None
    image_size: int | None
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    seed: int | None
    augment: bool | None
    early_stopping: int | None
    keep_best: bool | None
    split: str | None
    balance: str | None
    limit_per_class: int | None
    validation_fraction: float | None
    test_fraction: float | None
    tensorboard: bool | None

    @property
    def overrides(self) -> dict[str, Any]:
        """The flags that were given, by their name in `TrainConfig`."""
        flags = {name: value for name, value in vars(self).items() if name not in _OF_THE_COMMAND}
        return {name: value for name, value in flags.items() if value is not None}


_KEEPS = "--resume keeps the options of the run that it continues; give only --name, --runs or --data"
_OF_THE_COMMAND = ("config", "name", "runs", "resume")


@click.command(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    help="Pictures: a folder with a sub-folder per class, or sample (drawn), or microsoft (downloaded).  "
    "[default: sample]",
)
@click.option(
    "--split",
    help="CSV file with the columns path and side: on which side of the split each picture is. Without it, folders "
    "train, val and test say so, or else the split is drawn.  [default: none]",
)
@click.option(
    "--negatives",
    help="Pictures that show none of the classes: a folder with a sub-folder per kind. Adds the class neither.  "
    "[default: none]",
)
@click.option("--architecture", help=f"Network to train: {', '.join(ARCHITECTURES)}.  [default: report]")
@click.option("--start", help="Run folder: begin with the weights of its network.  [default: none]")
@click.option("--teacher", help="Run folder: also learn from the scores of its network.  [default: none]")
@click.option("--image-size", type=int, help="Side of the network's input, in pixels.  [default: 128]")
@click.option("--epochs", type=int, help="Passes over the training pictures.  [default: 10]")
@click.option("--batch-size", type=int, help="Pictures per step.  [default: 32]")
@click.option("--learning-rate", type=float, help="Step size.  [default: 0.001]")
@click.option("--seed", type=int, help="Seed of everything random.  [default: 0]")
@click.option(
    "--augment/--no-augment", default=None, help="Change the training pictures at random.  [default: off]"
)
@click.option(
    "--early-stopping",
    type=int,
    help="Stop after so many epochs without a lower validation loss; 0: never.  [default: 0]",
)
@click.option(
    "--keep-best/--keep-last",
    default=None,
    help="Keep the epoch with the lowest validation loss, or the last one.  [default: on]",
)
@click.option(
    "--balance",
    type=click.Choice(tuple(map(str, Balance))),
    help="What is done about classes of different size: let pictures of small classes count for more, leave out "
    "pictures of large ones, or nothing.  [default: weights]",
)
@click.option("--limit-per-class", type=int, help="Use at most so many pictures per class; 0: all.  [default: 0]")
@click.option(
    "--validation-fraction", type=float, help="Share of the pictures used to choose the best epoch.  [default: 0.1]"
)
@click.option("--test-fraction", type=float, help="Share of the pictures for the final figures.  [default: 0.2]")
@click.option("--tensorboard/--no-tensorboard", default=None, help="Write a TensorBoard log.  [default: off]")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="TOML file with options (a recipe). A flag on the command line wins over it.",
)
@click.option("--name", help="Name of the run.  [default: data, architecture and time]")
@click.option(
    "--runs", type=click.Path(path_type=Path), default=RUNS, show_default=True, help="Folder of all runs."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Continue the newest unfinished run, or the one that --name names. With --data its pictures are looked "
    "for in that folder.",
)
@click.version_option(package_name="catdog-edge")
def main(**options: Any) -> None:
    """Train an image classifier on pictures in class folders and write the run folder runs/NAME."""
    _run(Options(**options))


def _run(options: Options) -> None:
    with one_line_errors("train"), ended_by_sigterm(), no_empty_parents(options.runs / "NAME"):
        home_folder()  # Keras, Matplotlib and the cache of pictures need one
        name, config = _settle(options)
        folder, evaluation = _train(config, name, options)
    from trainer.largest_class import no_better_than_one_answer

    low, high = evaluation.accuracy_interval
    what = " (drawings, not photographs)" if config.is_sample else ""
    say(f"test accuracy {evaluation.accuracy:.2%} [{low:.2%}, {high:.2%}] on {evaluation.pictures:,}{what}")
    if warning := no_better_than_one_answer(evaluation):
        say(f"warning: {warning}", err=True)
    say(f"{folder}/report.md")
    next_command(_export_command(folder, config))


def _export_command(folder: Path, config: TrainConfig) -> str:
    # The sample has 160 test pictures. They cannot show a drop of one point, so five are allowed.
    allowed = " --max-drop 0.05" if config.is_sample else ""
    return f"catdog-export --run {quoted(folder)}{allowed}"


def _settle(options: Options) -> tuple[str, TrainConfig]:
    """Return the name and config of the run to begin or to continue."""
    from trainer.config import MICROSOFT, SAMPLE, read_config
    from trainer.run_folder import find_unfinished, start_run

    if options.resume:
        if options.config or options.overrides.keys() - {"data"}:
            raise click.UsageError(_KEEPS)
        name, config = find_unfinished(options.runs, options.name, options.data)
        if options.data and config.data in (SAMPLE, MICROSOFT):
            raise click.UsageError(f"{_KEEPS}; the pictures of this run are {config.data}")
        return name, config
    config = read_config(options.config, options.overrides)
    data = Path(config.data).resolve().name
    name = options.name or f"{data}-{config.architecture}-{time.strftime('%Y%m%d-%H%M%S')}"
    start_run(options.runs, name, config.with_absolute_paths())  # to go on from any folder
    return name, config


def _train(config: TrainConfig, name: str, options: Options) -> tuple[Path, Evaluation]:
    from trainer.errors import ConfigError, DataError, DivergedError, RunError
    from trainer.progress import Progress
    from trainer.run_folder import alone_in, forget_unbegun, partial_folder

    runs = options.runs
    try:
        from trainer.training import train

        with alone_in(partial_folder(runs, name)), Progress(config.epochs) as progress:
            return train(config, name, runs=runs, observer=progress)
    except (ConfigError, DataError, DivergedError, RunError, ImportError, MemoryError):
        if not options.resume:
            forget_unbegun(runs, name)
        raise
    except KeyboardInterrupt:
        where = "" if runs == RUNS else f" --runs {quoted(runs)}"
        click.echo(err=True)  # below the ^C
        say(f"stopped; go on with: catdog-train --resume --name {quoted(name)}{where}", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
