"""What a network is shown in an epoch, and what it should answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels
from edge_runtime.run_folder import Side
from trainer.augmentation import augment, cut_and_mix, resize
from trainer.batches import DRAWN, Batches, Change
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset
from trainer.random_streams import Stream

if TYPE_CHECKING:
    import keras

_NEGATIVE_REPEATS = 4  # times an epoch that each negative is seen
_DRAWN_SHARE = 0.04  # negatives drawn by code, as a share of the training pictures


def epoch_batches(dataset: Dataset, config: TrainConfig, number: int, suspects: tuple[int, ...] = ()) -> Batches:
    """Return the batches of epoch `number`, from 0: changed pictures and the label index of each."""
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

    Negatives are far fewer than the pictures of a class, so that they come several times, and more are drawn.
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


def _change(config: TrainConfig, side: int) -> Change:
    """Return what is done to a training picture so that it is `side` pixels high and wide."""
    return (
        (lambda picture, generator: augment(picture, generator, side))
        if config.augment
        else (lambda picture, _: resize(picture, side))
    )


class Lessons:
    """Make what a network is shown, and what it should answer, of the batches of one epoch."""

    def __init__(self, config: TrainConfig, number: int, teacher: keras.Model | None) -> None:
        """Seed the choices of epoch `number`, from 0."""
        self._config, self._teacher = config, teacher
        self._generator = Stream.MIXING.generator(config.seed, number)

    def of(self, pixels: Pixels, targets: NDArray[np.float32], outputs: int) -> tuple[Pixels, NDArray[np.float32]]:
        """Return the pictures shown and what should be answered, `float32 (B, outputs)`, each 0-1."""
        expected = _expected(targets, outputs)
        if self._generator.random() < self._config.cutmix:
            pixels, expected = cut_and_mix(pixels, expected, self._generator)
        if self._teacher is not None:
            share = np.float32(self._config.teacher_share)
            scores = np.asarray(self._teacher.predict_on_batch(pixels), np.float32)
            expected = (1 - share) * expected + share * scores
        return pixels, expected


def _expected(targets: NDArray[np.float32], outputs: int) -> NDArray[np.float32]:
    """Return what the network should answer, `float32 (B, outputs)`."""
    return targets[:, None] if outputs == 1 else np.eye(outputs, dtype=np.float32)[targets.astype(np.intp)]
