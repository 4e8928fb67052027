"""Begin, continue and finish a run folder.

While it trains, the run lies in `runs/.<name>.partial/` with its checkpoints. When it is whole, it becomes
`runs/<name>/`. `write_run_json` writes `run.json`. The keys of all JSON files and the functions that read them are
in `edge_runtime.run_folder`. `docs/reference/run-folder.md` says what lies in a run folder.
"""

from __future__ import annotations

import fcntl
import glob
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.atomic_folder import plain_name, rename_folder
from edge_runtime.bundle.labels import NEITHER
from edge_runtime.errors import RunFolderError
from edge_runtime.folders import RUN
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.run_folder import HISTORY, METRICS, MODEL, SPLITS, Run, Splits, read_splits, write_json
from trainer.checkpoint import STATE, FitState, read_state
from trainer.config import MICROSOFT, SAMPLE, TrainConfig, read_config, write_config
from trainer.data.dataset import Dataset
from trainer.errors import RunError

if TYPE_CHECKING:
    import keras

    from trainer.evaluation import Evaluation

_VERSIONED = ("catdog-edge", "tensorflow", "keras", "numpy", "pillow", "scikit-learn")


def partial_folder(runs: Path, name: str) -> Path:
    """Return the folder of a run that is not finished."""
    return runs / f".{name}.partial"


def start_run(runs: Path, name: str, config: TrainConfig) -> Path:
    """Make the partial folder of a new run and write its config.

    Raises:
        OutputError: the name is no plain folder name.
        RunError: a run of that name is there already, finished or not, or the folder cannot be made.
    """
    folder = partial_folder(runs, plain_name(name, "--name"))
    if (runs / name).exists():
        raise RunError(f"{runs / name}: a run of that name is there. Choose another --name.")
    if folder.exists():
        raise RunError(f"{folder}: an unfinished run of that name is there. Add --resume, or delete it.")
    try:
        folder.mkdir(parents=True)
        write_config(folder / "config.toml", config)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made ({error}). Name another folder with --runs.") from error
    return folder


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a partial folder: two of them would spoil each other's checkpoints.

    Raises:
        RunError: another one is at work there.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel unlocks it when the process ends
    except BlockingIOError as error:
        os.close(descriptor)
        raise RunError(
            f"{folder}: another catdog-train is at work on this run. Wait for it, or train with another --name."
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def forget_unbegun(runs: Path, name: str) -> None:
    """Delete the partial folder of a run without a checkpoint, so that its name is free again."""
    folder = partial_folder(runs, name)
    if not (folder / STATE).exists():
        shutil.rmtree(folder, ignore_errors=True)


def find_unfinished(runs: Path, name: str | None, data: str | None = None) -> tuple[str, TrainConfig]:
    """Return name and config of the unfinished run to continue.

    Args:
        runs: folder of all runs.
        name: name of the run; None for the newest.
        data: the data folder, if it has moved; not used for a sample or a download. Default: where it was, by
            `splits.json`.

    Raises:
        RunError: there is none.
    """
    pattern = f".{glob.escape(name)}.partial/config.toml" if name else ".*.partial/config.toml"
    found = sorted(runs.glob(pattern), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise RunError(
            f"{runs}: no unfinished run{f' named {name}' if name else ''} to resume. Train without --resume."
        )
    partial = found[-1].parent
    config = read_config(found[-1], {})
    name = partial.name[1 : -len(".partial")]
    if config.data in (SAMPLE, MICROSOFT):  # made by ourselves, wherever they are
        return name, config
    if data:
        return name, replace(config, data=os.path.abspath(data))
    begun = _begun(partial).folder if (partial / SPLITS).exists() else None
    return name, replace(config, data=os.fspath(begun)) if begun and begun.is_dir() else config


def begun_with(folder: Path, *, negatives: bool) -> Splits | None:
    """Return the split that a run with a checkpoint began with, without its negatives; None for a new run.

    Args:
        folder: the partial folder of the run.
        negatives: whether the run has negatives.

    Raises:
        RunError: the split cannot be read.
    """
    if not read_state(folder).history or not (folder / SPLITS).exists():
        return None
    begun = _begun(folder)
    if not negatives:
        return begun
    files = tuple(file for file in begun.files if file.label != NEITHER)
    left_out = tuple(file for file in begun.left_out if not file.path.startswith("../"))
    return replace(begun, labels=begun.labels[:-1], files=files, left_out=left_out)


def keep_splits(folder: Path, dataset: Dataset) -> None:
    """Write `splits.json`. If the run has a checkpoint, make sure first that the split is still the same.

    Raises:
        RunError: the split is another. Pictures that were trained on could now be test pictures.
    """
    splits = dataset.splits()
    if read_state(folder).history and (folder / SPLITS).exists() and _content(_begun(folder)) != _content(splits):
        raise RunError(
            f"{folder}: the pictures in {dataset.folder} are not those that this run began with. "
            f"Put them back, or delete {folder} and train again."
        )
    write_json(folder / SPLITS, splits.to_dict())


def _content(splits: Splits) -> list[tuple[str, str, str]]:
    """Return side, label and hash of each picture: what a moved data folder does not change."""
    return [(file.side, file.label, file.sha256) for file in splits.files]


def _begun(folder: Path) -> Splits:
    try:
        return read_splits(folder)
    except RunFolderError as error:
        raise RunError(str(error)) from error


def write_run(folder: Path, model: keras.Model, state: FitState, evaluation: Evaluation) -> None:
    """Write the network, without its optimiser, and the figures of a run into its partial folder."""
    model.save(folder / MODEL)  # synced with the whole folder by `finish_run`
    write_json(folder / HISTORY, [epoch.to_dict() for epoch in state.history])
    write_json(folder / METRICS, {"kept_epoch": state.kept + 1, "test": evaluation.to_dict()})


def write_run_json(
    folder: Path,
    name: str,
    config: TrainConfig,
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    stopped: str = "",
) -> None:
    """Write `run.json`, which makes the folder a finished run; `stopped` says why it ended too early."""
    run = Run(
        name,
        dataset.labels,
        preprocessing,
        config.architecture,
        config.data,
        config.seed,
        versions=versions(),
        extra={"stopped": stopped} if stopped else {},
    )
    write_json(folder / RUN, run.to_dict())


def finish_run(folder: Path, runs: Path, name: str) -> Path:
    """Delete the checkpoints and give the folder its final name, once all of it is on the disk."""
    for path in (*folder.glob("checkpoint-*.keras"), *folder.glob("*partial*"), folder / STATE):
        path.unlink(missing_ok=True)
    rename_folder(folder, runs / name)
    return runs / name


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide the result."""
    return {"python": platform.python_version()} | {name: version(name) for name in _VERSIONED}
