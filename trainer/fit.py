"""Fit a network epoch by epoch. A checkpoint follows each epoch, so a killed run continues where it was."""

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
from edge_runtime.run_folder import Epoch, Side
from trainer.checkpoint import FitState, read_checkpoint, read_state, write_checkpoint
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset
from trainer.divergence import require_finite
from trainer.errors import DivergedError
from trainer.lessons import Lessons, class_weights, epoch_batches, lesson_weights, training_rows
from trainer.network.batch_norm import recalibrate
from trainer.network.optimizers import make_optimizer
from trainer.random_streams import Stream

if TYPE_CHECKING:
    import keras

# From 256 to 2,048 pictures the validation accuracy of the report network moved by less than 0.5 points.
_RECALIBRATION_PICTURES = 512
_NEGATIVES_TO_FIT = 30  # fewest on the validation side
_SUSPECT_SCORE = 0.1  # a label with a lower score is probably wrong


class Observer(Protocol):
    """Watches a fit."""

    def on_step(self, number: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """Called after each step, with the means of the epoch so far.

        Args:
            number: the epoch, from 0.
            step: the step in this epoch, 1 to `steps`.
            steps: steps of this epoch.
            loss: mean loss of the epoch so far.
            accuracy: mean accuracy of the epoch so far, 0-1.
        """

    def on_epoch(self, number: int, epoch: Epoch) -> None:
        """Called when epoch `number`, from 0, has its checkpoint."""


def compile_network(model: keras.Model, config: TrainConfig, steps: int) -> None:
    """Set optimiser, loss and metric.

    Args:
        model: the network.
        config: the options.
        steps: steps of the whole training, 1 or more.
    """
    import keras

    binary = model.output_shape[-1] == 1
    loss = keras.losses.BinaryCrossentropy if binary else keras.losses.CategoricalCrossentropy
    optimizer = make_optimizer(
        config.optimizer,
        config.schedule,
        learning_rate=config.learning_rate,
        steps=steps,
        weight_decay=config.weight_decay,
        weight_averaging=config.weight_averaging,
    )
    model.compile(
        optimizer=optimizer,
        loss=loss(label_smoothing=0.0 if config.teacher else config.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False if config.any_side else "auto",  # XLA would compile anew for every side
    )


def fit(
    model: keras.Model,
    dataset: Dataset,
    config: TrainConfig,
    *,
    folder: Path,
    observer: Observer,
    teacher: keras.Model | None = None,
) -> tuple[keras.Model, FitState]:
    """Train for `config.epochs`. If there is a checkpoint in `folder`, continue from it.

    Args:
        model: a compiled network, `uint8` or `float32 (N, H, W, 3) RGB 0-255` to `(N, outputs)`.
        dataset: the pictures.
        config: the options.
        folder: where checkpoints are kept.
        observer: watches the progress.
        teacher: a network whose scores are learnt beside the labels; None for none.

    Returns:
        The network of the kept epoch, which `config.keep_best` chooses, and the history. When the loss was not
        finite, these are the epochs before.

    Raises:
        RunError: a checkpoint cannot be read.
        DivergedError: the loss was not finite before an epoch was done.
    """
    state = read_state(folder, keep_best=config.keep_best)
    if state.history:
        model = read_checkpoint(folder, len(state.history) - 1)
    for number in range(len(state.history), config.epochs):
        if _should_stop(state, config):
            break
        try:
            epoch = _train_epoch(model, dataset, config, state, teacher, observer)
        except DivergedError as error:
            if not state.history:
                raise DivergedError(f"{error} No epoch was done, so no network is kept.") from None
            state = replace(state, diverged=str(error))
            break
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
    weights = class_weights(dataset, config)
    lessons = Lessons(config, number, teacher)
    _seed_dropout(model, config.seed, number)
    sums = np.zeros(2)  # of loss and accuracy; train_on_batch returns the figures of its batch alone
    seen = 0
    start = time.perf_counter()
    for step, (pixels, targets) in enumerate(batches, 1):
        lesson = lessons.of(pixels, targets, model.output_shape[-1])
        logs = model.train_on_batch(*lesson, lesson_weights(lesson[1], weights), return_dict=True)
        require_finite(logs["loss"], config, f"epoch {number + 1}, step {step}")
        sums += np.array([logs["loss"], logs["accuracy"]], np.float64) * len(targets)
        seen += len(targets)
        observer.on_step(number, step, len(batches), sums[0] / seen, sums[1] / seen)
    with _averaged(model):
        recalibrate(model, _some_training_pictures(dataset, config.seed))
        seconds = time.perf_counter() - start
        validation_loss, validation_accuracy = evaluate(model, dataset, Side.VALIDATION, weights)
    require_finite(validation_loss, config, f"the validation after epoch {number + 1}")
    return Epoch(
        loss=float(sums[0] / seen),
        accuracy=float(sums[1] / seen),
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        seconds=seconds,
        waiting_share=batches.waited_s / seconds,
    )


def right_odds(model: keras.Model, dataset: Dataset) -> None:
    """Correct how readily the network answers `neither`. It changes the bias of that logit in the given network.

    The correction is needed for two reasons. Training shows `neither` more often than it occurs. And the network
    knows the kinds that it was trained on better than new ones.

    The kinds on the validation side are new. So the bias is fitted there, together with a temperature, for the
    highest likelihood. If the validation side has fewer than 30 negatives, the odds of `neither` are multiplied by
    its pictures over its training rows instead.

    Sources: A. Alexandari et al., "Maximum likelihood with bias-corrected calibration is hard-to-beat at label
    shift adaptation", 2020; M. Saerens et al., "Adjusting the outputs of a classifier to new a priori
    probabilities", 2002.
    """
    neither = dataset.neither
    if neither is None:
        return
    scores, targets = predict_scores(model, dataset, Side.VALIDATION), dataset.targets(Side.VALIDATION)
    enough = (targets == neither).sum() >= _NEGATIVES_TO_FIT
    layer = [layer for layer in model.layers if layer.get_weights()][-1]
    kernel, bias = layer.get_weights()
    bias[neither] += (
        _fitted_bias(scores, targets, neither) if enough else math.log(_odds_of_neither(dataset, neither))
    )
    layer.set_weights([kernel, bias])


def _fitted_bias(scores: NDArray[np.float64], targets: NDArray[np.intp], neither: int) -> float:
    """Return what to add to the logit of `neither` for the highest likelihood, at the best temperature."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    logits = np.log(np.clip(scores, np.finfo(np.float64).tiny, 1))

    def loss(parameters: NDArray[np.float64]) -> float:
        moved = logits + parameters[1] * (np.arange(logits.shape[1]) == neither)
        shares = log_softmax(moved / np.exp(parameters[0]), axis=1)
        return float(-shares[np.arange(len(targets)), targets.astype(np.intp)].mean())

    return float(minimize(loss, [0.0, 0.0], method="Nelder-Mead").x[1])


def _odds_of_neither(dataset: Dataset, neither: int) -> float:
    """Return the pictures of `neither` over its training rows. The rows repeat pictures."""
    pictures = (dataset.targets(Side.TRAIN) == neither).sum()
    return float(pictures / (training_rows(dataset)[1] == neither).sum())


def _suspects(model: keras.Model, dataset: Dataset) -> tuple[int, ...]:
    """Return the rows of the training pictures whose label is probably wrong, by the network's own scores.

    Negatives are never among them. Somebody sorted them by kind, and the network learns most from those that look
    like a class.
    """
    with _averaged(model):
        scores = predict_scores(model, dataset, Side.TRAIN)
    targets, neither = dataset.targets(Side.TRAIN), dataset.neither
    if neither is not None:  # without this, hundreds of difficult cats and dogs would be left out as neither
        scores[:, neither] *= _odds_of_neither(dataset, neither)
        scores /= scores.sum(axis=1, keepdims=True)
    doubted = (scores[np.arange(len(targets)), targets] < _SUSPECT_SCORE) & (targets != neither)  # None: all differ
    return tuple(dataset.rows(Side.TRAIN)[doubted].tolist())


@contextmanager
def _averaged(model: keras.Model) -> Iterator[None]:
    """Use the moving average of the weights, where there is one; at the end the weights come back."""
    variables = model.trainable_variables
    own = [variable.numpy() for variable in variables]
    _take_average(model)
    try:
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)


def _take_average(model: keras.Model) -> None:
    """Replace the weights by their moving average, where there is one."""
    model.optimizer.finalize_variable_values(model.trainable_variables)


def _some_training_pictures(dataset: Dataset, seed: int) -> Pixels:
    rows = Stream.RECALIBRATION.generator(seed).permutation(dataset.rows(Side.TRAIN))
    return np.asarray(dataset.pixels[rows[:_RECALIBRATION_PICTURES]])


def _seed_dropout(model: keras.Model, seed: int, number: int) -> None:
    """Seed the noise of each dropout layer by seed and epoch, because a checkpoint does not keep its state."""
    for index, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            state = Stream.DROPOUT.generator(seed, number, index).integers(0, 2**31, 2, np.uint32)
            generator.state.assign(state)


def evaluate(
    model: keras.Model, dataset: Dataset, side: Side, weights: NDArray[np.float32] | None = None
) -> tuple[float, float]:
    """Return the mean cross-entropy (natural log) and the accuracy, 0-1, on one side of the split.

    Args:
        model: the network.
        dataset: the pictures.
        side: the side of the split.
        weights: how much each label counts in the loss, `float32 (labels,)`. Default: all the same.
    """
    scores = predict_scores(model, dataset, side)
    targets = dataset.targets(side)
    of_target = scores[np.arange(len(targets)), targets]
    counts = None if weights is None else weights[targets]
    loss = np.average(-np.log(np.clip(of_target, 1e-7, 1)), weights=counts)
    return float(loss), float((scores.argmax(axis=1) == targets).mean())


def predict_scores(model: keras.Model, dataset: Dataset, side: Side) -> NDArray[np.float64]:
    """Return the scores of the pictures of a side, `float64 (pictures, labels)`. Each row sums to 1."""
    rows = dataset.rows(side)
    parts = [
        np.asarray(model.predict_on_batch(np.asarray(dataset.pixels[rows[start : start + 64]])))
        for start in range(0, len(rows), 64)
    ]
    outputs = np.concatenate(parts).astype(np.float64)
    return label_scores(outputs)


def _log_epoch(folder: Path, number: int, epoch: Epoch) -> None:
    import tensorflow as tf

    # tf.summary.scalar needs the tensorboard package. Newer TensorFlow does not install it.
    scalar = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"}, data_class="DATA_CLASS_SCALAR")
    with tf.summary.create_file_writer(str(folder)).as_default(step=number + 1):
        for name, value in asdict(epoch).items():
            tf.summary.write(name, tf.constant(value, tf.float32), metadata=scalar)
