"""Fit a network epoch by epoch, with a checkpoint after each, so that a killed run goes on where it was."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.scores import label_scores
from edge_runtime.picture.preprocessing import Pixels
from trainer.checkpoint import Epoch, FitState, read_checkpoint, read_state, write_checkpoint
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset, Side
from trainer.lessons import Lessons, epoch_batches, training_rows
from trainer.network.batch_norm import recalibrate

if TYPE_CHECKING:
    import keras

# Validation accuracy of the report network moved by less than 0.5 points from 256 to 2,048 pictures.
_RECALIBRATION_PICTURES = 512
_NEGATIVES_TO_FIT = 30  # on the validation side
_SUSPECT_SCORE = 0.1  # a label that scores less is taken to be wrong


class Observer(Protocol):
    """Watches a fit."""

    def on_step(self, number: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """Called after each step of epoch `number`, from 1 to `steps`, with the epoch's means so far."""

    def on_epoch(self, number: int, epoch: Epoch) -> None:
        """Called when epoch `number`, from 0, is checkpointed."""


def compile_network(model: keras.Model, config: TrainConfig, steps: int) -> None:
    """Set optimiser, loss and metric.

    Args:
        model: the network.
        config: the options.
        steps: steps of the whole run, the length of a schedule.
    """
    import keras

    binary = model.output_shape[-1] == 1
    losses = keras.losses
    loss = losses.BinaryCrossentropy if binary else losses.CategoricalCrossentropy
    model.compile(
        optimizer=_optimizer(config, steps),
        loss=loss(label_smoothing=0.0 if config.teacher else config.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False if config.any_side else "auto",  # XLA would compile anew for every side
    )


def _optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    from keras import optimizers

    rate: float | optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.schedule == "cosine":
        warm_up = max(1, steps // 20)
        rate = optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=config.learning_rate, warmup_steps=warm_up
        )
    decay, average = config.weight_decay or None, config.weight_averaging
    options = {"weight_decay": decay, "use_ema": average > 0, "ema_momentum": average or 0.99}
    if config.optimizer == "sgd":
        optimizer = optimizers.SGD(rate, momentum=0.9, nesterov=True, **options)
    elif config.optimizer == "muon":
        from trainer.network.muon import ConvolutionMuon

        optimizer = ConvolutionMuon(rate, adam_weight_decay=decay, **options)
    else:
        optimizer = optimizers.Adam(rate, **options)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def fit(
    model: keras.Model,
    dataset: Dataset,
    config: TrainConfig,
    *,
    folder: Path,
    observer: Observer,
    teacher: keras.Model | None = None,
) -> tuple[keras.Model, FitState]:
    """Train for `config.epochs`, going on from the checkpoint in `folder` if there is one.

    Args:
        model: a compiled network, `uint8` or `float32 (N, H, W, 3) RGB 0-255` to `(N, outputs)`.
        dataset: the pictures.
        config: the options.
        folder: where checkpoints are kept.
        observer: watches the progress.
        teacher: a network whose scores are learnt beside the labels.

    Returns:
        The network of the epoch that `config.keep_best` asks for, and the history.

    Raises:
        RunError: a checkpoint cannot be read.
    """
    state = read_state(folder, keep_best=config.keep_best)
    if state.history:
        model = read_checkpoint(folder, len(state.history) - 1)
    for number in range(len(state.history), config.epochs):
        if _should_stop(state, config):
            break
        epoch = _train_epoch(model, dataset, config, state, teacher, observer)
        state = replace(state, history=(*state.history, epoch))
        if config.clean_labels and len(state.history) == max(1, config.epochs * 2 // 3):
            state = replace(state, suspects=_suspects(model, dataset))
        write_checkpoint(folder, model, state)
        if config.tensorboard:
            _log_epoch(folder / "tensorboard", number, epoch)
        observer.on_epoch(number, epoch)
    model = read_checkpoint(folder, state.kept)
    _take_average(model)
    return model, state


def _should_stop(state: FitState, config: TrainConfig) -> bool:
    return 0 < config.early_stopping <= len(state.history) - 1 - state.best and state.best >= 0


def _train_epoch(
    model: keras.Model,
    dataset: Dataset,
    config: TrainConfig,
    state: FitState,
    teacher: keras.Model | None,
    observer: Observer,
) -> Epoch:
    number = len(state.history)
    batches = epoch_batches(dataset, config, number, state.suspects)
    lessons = Lessons(config, number, teacher)
    _seed_dropout(model, config.seed, number)
    sums = np.zeros(2)  # of loss and accuracy; train_on_batch returns the figures of its batch alone
    seen = 0
    start = time.perf_counter()
    for step, (pixels, targets) in enumerate(batches, 1):
        lesson = lessons.of(pixels, targets, model.output_shape[-1])
        logs = model.train_on_batch(*lesson, return_dict=True)
        sums += np.array([logs["loss"], logs["accuracy"]], np.float64) * len(targets)
        seen += len(targets)
        observer.on_step(number, step, len(batches), sums[0] / seen, sums[1] / seen)
    with _averaged(model):
        recalibrate(model, _some_training_pictures(dataset, config.seed))
        seconds = time.perf_counter() - start
        validation_loss, validation_accuracy = evaluate(model, dataset, Side.VALIDATION)
    return Epoch(
        loss=float(sums[0] / seen),
        accuracy=float(sums[1] / seen),
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        seconds=seconds,
        waiting_share=batches.waited_s / seconds,
    )


def right_odds(model: keras.Model, dataset: Dataset) -> None:
    """Move the logit of `neither`, in place, so that it is answered as readily as new kinds of it ask for.

    Training shows `neither` more often than it is there, and kinds that the network then knows. The bias, fitted
    together with a temperature, is the one with which the validation side, whose kinds are new, is most likely.
    With few negatives there, the odds are multiplied by pictures over training rows instead.

    Sources: A. Alexandari et al., "Maximum likelihood with bias-corrected calibration is hard-to-beat at label
    shift adaptation", 2020; M. Saerens et al., "Adjusting the outputs of a classifier to new a priori
    probabilities", 2002.
    """
    if not dataset.has_negatives:
        return
    scores, targets = predict_scores(model, dataset, Side.VALIDATION), dataset.targets(Side.VALIDATION)
    enough = (targets == len(dataset.labels) - 1).sum() >= _NEGATIVES_TO_FIT
    layer = [layer for layer in model.layers if layer.get_weights()][-1]
    kernel, bias = layer.get_weights()
    bias[-1] += _fitted_bias(scores, targets) if enough else math.log(_odds_of_neither(dataset))
    layer.set_weights([kernel, bias])


def _fitted_bias(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> float:
    """Return what to add to the last label's logit for the highest likelihood at the best temperature."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    logits = np.log(np.clip(scores, np.finfo(np.float64).tiny, 1))

    def loss(parameters: NDArray[np.float64]) -> float:
        moved = logits + np.array([*[0.0] * (logits.shape[1] - 1), parameters[1]])
        shares = log_softmax(moved / np.exp(parameters[0]), axis=1)
        return float(-shares[np.arange(len(targets)), targets.astype(np.intp)].mean())

    return float(minimize(loss, [0.0, 0.0], method="Nelder-Mead").x[1])


def _odds_of_neither(dataset: Dataset) -> float:
    """Return the pictures of `neither`, the last label, over its training rows, which overstate its odds."""
    neither = len(dataset.labels) - 1
    pictures = (dataset.targets(Side.TRAIN) == neither).sum()
    return float(pictures / (training_rows(dataset)[1] == neither).sum())


def _suspects(model: keras.Model, dataset: Dataset) -> tuple[int, ...]:
    """Return the rows of the training pictures whose label the network hardly believes.

    Negatives are never among them: somebody sorted them by kind, and those that look like a class are the ones to
    learn from.
    """
    with _averaged(model):
        scores = predict_scores(model, dataset, Side.TRAIN)
    if dataset.has_negatives:  # or hundreds of hard cats and dogs would be left out as neither
        scores[:, -1] *= _odds_of_neither(dataset)
        scores /= scores.sum(axis=1, keepdims=True)
    targets = dataset.targets(Side.TRAIN)
    doubted = scores[np.arange(len(targets)), targets] < _SUSPECT_SCORE
    if dataset.has_negatives:
        doubted &= targets != len(dataset.labels) - 1
    return tuple(dataset.rows(Side.TRAIN)[doubted].tolist())


@contextmanager
def _averaged(model: keras.Model) -> Iterator[None]:
    """Put the moving average of the weights in their place for a while, where one is kept."""
    variables = model.trainable_variables
    own = [variable.numpy() for variable in variables]
    _take_average(model)
    try:
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)


def _take_average(model: keras.Model) -> None:
    """Replace the weights by their moving average, where the optimiser keeps one."""
    model.optimizer.finalize_variable_values(model.trainable_variables)


def _some_training_pictures(dataset: Dataset, seed: int) -> Pixels:
    rows = np.random.default_rng([seed, 4]).permutation(dataset.rows(Side.TRAIN))
    return np.asarray(dataset.pixels[rows[:_RECALIBRATION_PICTURES]])


def _seed_dropout(model: keras.Model, seed: int, number: int) -> None:
    """Give each dropout layer noise that follows from seed and epoch: a checkpoint does not keep its state."""
    for index, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            state = np.random.default_rng([seed, 3, number, index]).integers(0, 2**31, 2, np.uint32)
            generator.state.assign(state)


def evaluate(model: keras.Model, dataset: Dataset, side: Side) -> tuple[float, float]:
    """Return mean cross-entropy (natural log) and accuracy, 0-1, on one side of the split."""
    scores = predict_scores(model, dataset, side)
    targets = dataset.targets(side)
    of_target = scores[np.arange(len(targets)), targets]
    loss = -np.log(np.clip(of_target, 1e-7, 1)).mean()
    return float(loss), float((scores.argmax(axis=1) == targets).mean())


def predict_scores(model: keras.Model, dataset: Dataset, side: Side) -> NDArray[np.float64]:
    """Return the score of every label for a side's pictures, `float64 (pictures, labels)`, rows summing to 1."""
    rows = dataset.rows(side)
    parts = [
        np.asarray(model.predict_on_batch(np.asarray(dataset.pixels[rows[start : start + 64]])))
        for start in range(0, len(rows), 64)
    ]
    outputs = np.concatenate(parts).astype(np.float64)
    return label_scores(outputs)


def _log_epoch(folder: Path, number: int, epoch: Epoch) -> None:
    import tensorflow as tf

    # tf.summary.scalar would need the tensorboard package, which newer TensorFlow does not bring along.
    scalar = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"}, data_class="DATA_CLASS_SCALAR")
    with tf.summary.create_file_writer(str(folder)).as_default(step=number + 1):
        for name, value in asdict(epoch).items():
            tf.summary.write(name, tf.constant(value, tf.float32), metadata=scalar)
