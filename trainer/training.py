"""A whole training run in one straight line: data, network, fit, evaluation, run folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from edge_runtime.native_output import native_output_to
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.run_folder import Side
from trainer.checkpoint import FitState, read_state
from trainer.config import IMAGENET, MICROSOFT, SAMPLE, TrainConfig
from trainer.data.balance import Balance
from trainer.data.begun import find_again
from trainer.data.dataset import Dataset, add_crops, read_dataset
from trainer.data.microsoft import fetch
from trainer.data.negatives import add_negatives
from trainer.data.sample import write_sample
from trainer.data.split import SplitPlan
from trainer.earlier_run import begin_with, read_teacher
from trainer.errors import ConfigError, DivergedError
from trainer.evaluation import Evaluation, evaluate_scores, worst_mistakes
from trainer.fit import Observer, compile_network, fit, predict_scores, right_odds
from trainer.lessons import training_rows
from trainer.network.architectures import ANY_SIDE, ARCHITECTURES, with_side
from trainer.network.body import build_from
from trainer.network.pretrained import PRETRAINED, find_weights
from trainer.plots import plot_confusion, plot_learning_curves, plot_mistakes
from trainer.pretraining import NEVER, begin_pretrained, head_alone, settle
from trainer.report import write_report
from trainer.run_folder import begun_with, finish_run, keep_splits, partial_folder, write_run, write_run_json

DATA = Path("data")
_WORST = 24  # mistakes that are shown


class TrainObserver(Observer, Protocol):
    """Watches a whole run."""

    def on_download(self, done_bytes: int, total_bytes: int) -> None:
        """Called while an archive is downloaded."""

    def on_scan(self, done: int, total: int) -> None:
        """Called while files are read and decoded."""

    def on_features(self, done: int, total: int) -> None:
        """Called while a pretrained network reads the pictures."""

    def on_epochs(self, epochs: int) -> None:
        """Called once it is known how many epochs there will be."""

    def on_dataset(self, dataset: Dataset) -> None:
        """Called once the pictures are split."""


def train(
    config: TrainConfig, name: str, *, runs: Path, observer: TrainObserver, cache: Path | None = None
) -> tuple[Path, Evaluation]:
    """Train the run that `start_run` began; continue at its last checkpoint if it has one.

    Args:
        config: the options.
        name: the run's name.
        runs: folder of all runs.
        observer: watches the progress.
        cache: folder of the picture cache.

    Returns:
        The finished run folder and the figures on the test split.

    Raises:
        ConfigError: the architecture is unknown.
        DataError: the data cannot be used.
        RunError: a checkpoint, teacher or start cannot be used, or the pictures are not those of the last time.
        DivergedError: the loss was not finite. If an epoch was done before, the run folder has its network.
    """
    build = _architecture(config)
    preprocessing = Preprocessing(config.image_size, config.image_size)
    folder = partial_folder(runs, name)
    dataset = _read_pictures(config, folder, preprocessing, cache, observer)
    if config.negatives:
        dataset = add_negatives(
            dataset, Path(config.negatives), preprocessing, config.seed, cache=cache, report=observer.on_scan
        )
    if config.source_side:
        dataset = add_crops(dataset, config.source_side, cache=cache, report=observer.on_scan)
    observer.on_dataset(dataset)
    keep_splits(folder, dataset)

    config = settle(config, dataset)
    observer.on_epochs(config.epochs)
    _start_keras(config)
    outputs = 1 if len(dataset.labels) == 2 else len(dataset.labels)
    model = build(None if config.any_side else config.image_size, outputs)
    crossed = None
    if not read_state(folder).history:
        if config.start:
            begin_with(model, Path(config.start), dataset, config)
        elif config.begins_pretrained:
            crossed = begin_pretrained(model, dataset, config, folder=folder, report=observer.on_features)
    trained, state = _fitted(model, dataset, config, folder, observer)
    model = _bare(trained, build, config)
    right_odds(model, dataset)

    scores, targets = predict_scores(model, dataset, Side.TEST), dataset.targets(Side.TEST)
    evaluation = replace(evaluate_scores(scores, targets, dataset.labels), crossed=crossed)
    write_run(folder, model, state, evaluation)
    plot_learning_curves(state, folder / "learning_curves.png")
    plot_confusion(evaluation, dataset.labels, folder / "confusion.png")
    plot_mistakes(dataset, worst_mistakes(scores, targets, _WORST), folder / "mistakes.png")
    text = write_report(name, config, dataset, state, evaluation)
    (folder / "report.md").write_text(text, encoding="utf-8")
    write_run_json(folder, name, config, dataset, preprocessing, stopped=state.diverged)
    finished = finish_run(folder, runs, name)
    if state.diverged:
        raise DivergedError(
            f"{state.diverged} {finished} has the network of epoch {state.kept + 1}, the last one kept before that."
        )
    return finished, evaluation


def _fitted(
    model: Any, dataset: Dataset, config: TrainConfig, folder: Path, observer: TrainObserver
) -> tuple[Any, FitState]:
    """Train all layers, unless the last one alone was to be trained; return the network and its history."""
    if config.begins_pretrained and config.fine_tune == NEVER:
        return model, head_alone(model, dataset)
    steps = config.epochs * -(-len(training_rows(dataset)[0]) // config.batch_size)
    compile_network(model, config, steps)
    teacher = read_teacher(Path(config.teacher), dataset, config) if config.teacher else None
    return fit(model, dataset, config, teacher=teacher, folder=folder, observer=observer)


def _architecture(config: TrainConfig) -> Callable[[Any, int], Any]:
    """Return what builds the network, from the side of its pictures and the number of its outputs."""
    if config.any_side and config.architecture not in ANY_SIDE:
        raise ConfigError(
            f"option first_side: the architecture {config.architecture!r} takes pictures of one side only. "
            f"Leave out first_side and last_side, or choose {' or '.join(ANY_SIDE)}."
        )
    if config.of_others:
        return partial(build_from, config.pretrained, input_range=(config.input_low, config.input_high))
    if config.pretrained == IMAGENET and config.architecture not in PRETRAINED:
        raise ConfigError(
            f"option pretrained: there are ImageNet weights for {' and '.join(PRETRAINED)}, none for "
            f"{config.architecture}. Choose one of these, or leave out --pretrained."
        )
    try:
        if config.begins_pretrained:
            find_weights(config.architecture)  # before minutes of reading pictures
        return ARCHITECTURES[config.architecture].build
    except KeyError:
        known = ", ".join(ARCHITECTURES)
        raise ConfigError(
            f"option architecture: expected one of {known}, received {config.architecture!r}"
        ) from None


def _read_pictures(
    config: TrainConfig, folder: Path, preprocessing: Preprocessing, cache: Path | None, observer: TrainObserver
) -> Dataset:
    """Read the data folder and split it. A run that has a checkpoint keeps the pictures that it began with."""
    begun = begun_with(folder, negatives=bool(config.negatives))
    if begun is not None:
        made_by_us = config.data in (SAMPLE, MICROSOFT) and begun.folder.is_dir()
        place = begun.folder if made_by_us else _data_folder(config.data, observer.on_download)
        return find_again(place, preprocessing, begun, cache=cache, report=observer.on_scan)
    source = _data_folder(config.data, observer.on_download)
    plan = SplitPlan(
        config.seed,
        config.limit_per_class,
        config.validation_fraction,
        config.test_fraction,
        Balance(config.balance),
    )
    split_file = Path(config.split) if config.split else None
    return read_dataset(source, preprocessing, plan, split_file=split_file, cache=cache, report=observer.on_scan)


def _data_folder(data: str, on_download: Callable[[int, int], None]) -> Path:
    if data == SAMPLE:
        return write_sample(DATA / SAMPLE)
    if data == MICROSOFT:
        return fetch(DATA / MICROSOFT, report=on_download)
    return Path(data)


def _bare(trained: Any, build: Callable[[Any, int], Any], config: TrainConfig) -> Any:
    """Return the network for use: float32, one input size, no optimiser."""
    import keras

    keras.config.set_dtype_policy("float32")
    return with_side(trained, build, config.image_size)


def _start_keras(config: TrainConfig) -> None:
    """Import Keras and seed it. TensorFlow's fast CPU kernels are on and its start-up messages are off."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow turns these on by itself on some processors only. Measured on the others: 0.8x the step time.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with native_output_to(Path(os.devnull)):
        import keras

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if config.mixed_bfloat16 else "float32")
