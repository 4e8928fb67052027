"""The pictures that a network sees in an epoch, and the answers it should give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels
from edge_runtime.run_folder import Side
from trainer.augmentation import augment, cut_and_mix, resize
from trainer.batches import DRAWN, Batches, Change
from trainer.config import TrainConfig
from trainer.data.balance import Balance
from trainer.data.dataset import Dataset
from trainer.random_streams import Stream

if TYPE_CHECKING:
    import keras

_NEGATIVE_REPEATS = 4  # how often each negative is seen in an epoch
_DRAWN_SHARE = 0.04  # number of negatives drawn by code, as a share of the training pictures


def epoch_batches(dataset: Dataset, config: TrainConfig, number: int, suspects: tuple[int, ...] = ()) -> Batches:
    """Return the batches of an epoch: training pictures, changed as the options say, with their label indices.

    Args:
        dataset: the pictures.
        config: the options.
        number: the epoch, from 0.
        suspects: rows of training pictures to leave out.
    """
    rows, targets = training_rows(dataset, suspects)
    pixels = dataset.pixels
    if dataset.crops is not None:
        pixels = dataset.crops.pixels
        rows = np.where(rows == DRAWN, DRAWN, dataset.crops.row_of[rows])
    return Batches(
        pixels,
        rows,
        targets,
        batch_size=config.batch_size,
        seed=Stream.BATCHES.seed(config.seed, number),
        change=_change(config, config.side(number)),
    )


def training_rows(dataset: Dataset, suspects: tuple[int, ...] = ()) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows and targets of an epoch, `int (N,)` and `float32 (N,)`: all training pictures but suspects.

    There are far fewer negatives than pictures of a class. So each comes several times, and code draws more.
    """
    rows, targets = dataset.rows(Side.TRAIN), dataset.targets(Side.TRAIN)
    kept = ~np.isin(rows, suspects)
    rows, targets = rows[kept], targets[kept]
    neither = dataset.neither
    if neither is not None:
        again = np.tile(rows[targets == neither], _NEGATIVE_REPEATS - 1)
        drawn = np.full(round(len(rows) * _DRAWN_SHARE), DRAWN, np.intp)
        targets = np.concatenate([targets, np.full(len(again) + len(drawn), neither)])
        rows = np.concatenate([rows, again, drawn])
    return rows, targets.astype(np.float32)


def class_weights(dataset: Dataset, config: TrainConfig) -> NDArray[np.float32] | None:
    """Return how much a training picture of each label counts, `float32 (labels,)`; None when all count the same.

    A class with half as many pictures as the mean counts twice. The label `neither` counts once: its pictures come
    as often as is right for it. The mean over all pictures is 1.
    """
    if config.balance != Balance.WEIGHTS:
        return None
    counts = np.bincount(dataset.targets(Side.TRAIN), minlength=len(dataset.labels)).astype(np.float64)
    classes = np.arange(len(counts)) != dataset.neither  # None: all differ
    weights = np.where(classes, counts[classes].mean() / np.maximum(counts, 1), 1)
    return None if np.allclose(weights, 1) else weights.astype(np.float32)


def lesson_weights(
    expected: NDArray[np.float32], weights: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """Return how much each lesson counts, `float32 (B,)`, by the labels that its answer is made of.

    Args:
        expected: the answers, as `Lessons.of` returns them.
        weights: how much each label counts, as `class_weights` returns it.
    """
    if weights is None:
        return None
    shares = np.hstack([1 - expected, expected]) if expected.shape[1] == 1 else expected
    return np.asarray(shares @ weights, np.float32)


def _change(config: TrainConfig, side: int) -> Change:
    """Return the function that changes a training picture and makes it `side` x `side` pixels."""
    return (
        (lambda picture, generator: augment(picture, generator, side))
        if config.augment
        else (lambda picture, _: resize(picture, side))
    )


class Lessons:
    """Turn the batches of one epoch into pictures to show and answers to expect."""

    def __init__(self, config: TrainConfig, number: int, teacher: keras.Model | None) -> None:
        """Seed the random choices of epoch `number`, from 0; without a teacher the labels alone are the answers."""
        self._config, self._teacher = config, teacher
        self._generator = Stream.MIXING.generator(config.seed, number)

    def of(self, pixels: Pixels, targets: NDArray[np.float32], outputs: int) -> tuple[Pixels, NDArray[np.float32]]:
        """Return the pictures to show and the answers to expect, `float32 (B, outputs)`, each 0-1.

        Args:
            pixels: `uint8 (B, H, W, 3) RGB 0-255`.
            targets: the label index of each picture, `float32 (B,)`.
            outputs: outputs of the network.
        """
        expected = _expected(targets, outputs)
        if self._generator.random() < self._config.cutmix:
            pixels, expected = cut_and_mix(pixels, expected, self._generator)
        if self._teacher is not None:
            share = np.float32(self._config.teacher_share)
            scores = np.asarray(self._teacher.predict_on_batch(pixels), np.float32)
            expected = (1 - share) * expected + share * scores
        return pixels, expected


def _expected(targets: NDArray[np.float32], outputs: int) -> NDArray[np.float32]:
    """Return the answer that each label asks for, `float32 (B, outputs)`."""
    return targets[:, None] if outputs == 1 else np.eye(outputs, dtype=np.float32)[targets.astype(np.intp)]
