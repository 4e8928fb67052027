"""The first stage of a training from pretrained weights: fit the last layer, on features that stay as they are.

Few pictures are shown several times, changed at random. With fewer than 100 training pictures in a class, all
pictures judge the head, by cross-validation: a test split would have too few.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels
from edge_runtime.run_folder import Epoch, Side
from trainer.augmentation import augment
from trainer.checkpoint import FitState
from trainer.config import TrainConfig
from trainer.cross_validation import held_back_scores
from trainer.data.dataset import Dataset
from trainer.data.near_duplicates import group_near_duplicates
from trainer.evaluation import Evaluation, evaluate_scores
from trainer.fit import evaluate
from trainer.lessons import class_weights
from trainer.network.head import feature_network, fit_head, read_features, set_head
from trainer.network.pretrained import load_pretrained
from trainer.random_streams import Stream

if TYPE_CHECKING:
    import keras

AUTO, ALWAYS, NEVER = "auto", "always", "never"
FEW = 100  # training pictures of the smallest class, below which the last layer alone is trained
_MOST_COPIES, _SHOWN = 16, 2000  # each picture is shown up to 16 times, while there are fewer than 2,000 in all
_PART = 64  # pictures whose features are kept at once; a stopped run goes on there
_FEATURES = "features.partial"


def settle(config: TrainConfig, dataset: Dataset) -> TrainConfig:
    """Return the options with what the number of pictures decides: epochs, and whether all layers are trained."""
    if not config.begins_pretrained:
        return config
    smallest = _smallest(dataset)
    chosen = (ALWAYS if smallest >= FEW else NEVER) if config.fine_tune == AUTO else config.fine_tune
    return replace(config, fine_tune=chosen, epochs=config.epochs or _epochs(len(dataset.rows(Side.TRAIN))))


def _smallest(dataset: Dataset) -> int:
    """Return the training pictures of the class that has the fewest."""
    counts: list[int] = np.bincount(dataset.targets(Side.TRAIN), minlength=len(dataset.labels)).tolist()
    return min(counts)


def _epochs(pictures: int) -> int:
    """Return fewer epochs for more pictures: 40 for 60, 16 for 600, 4 for 20,000."""
    return max(4, round(float(40 * (60 / max(pictures, 60)) ** 0.4)))


def begin_pretrained(
    model: keras.Model,
    dataset: Dataset,
    config: TrainConfig,
    *,
    folder: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation | None:
    """Give a network its pretrained weights and a head that fits the training pictures. The network is changed.

    From then on its batch normalisations keep their statistics: those of ImageNet are of a million pictures, and
    the batches here are small.

    Args:
        model: a network of an architecture that has pretrained weights, or one that has them already.
        dataset: the pictures.
        config: the options, settled.
        folder: where the features are kept until the run is finished.
        report: called with pictures read and in all.

    Returns:
        The figures of a cross-validation over all pictures; None when a class has 100 or more, or when all layers
        are trained after this.

    Raises:
        WeightsError: the weights are not installed or not the known ones.
    """
    if not config.of_others:
        load_pretrained(model, config.architecture)
    _keep_statistics(model)
    sides = (Side.TRAIN, Side.VALIDATION, Side.TEST) if config.fine_tune == NEVER else (Side.TRAIN, Side.VALIDATION)
    rows = np.concatenate([dataset.rows(side) for side in sides])
    targets = np.concatenate([dataset.targets(side) for side in sides]).astype(np.intp)
    copies = max(1, min(_MOST_COPIES, _SHOWN // len(rows))) if config.augment else 1
    shown = _Shown(dataset, config, copies)
    features = _read(model, shown, rows, folder / _FEATURES, report=report)
    ends = np.cumsum([len(dataset.rows(side)) for side in sides])
    train, validation = slice(0, ends[0]), slice(ends[0], ends[1])
    labels = len(dataset.labels)
    training = (features[train].reshape(-1, features.shape[-1]), np.repeat(targets[train], copies))
    of_class = class_weights(dataset, config)
    weights = None if of_class is None else of_class[training[1]].astype(np.float64)
    set_head(model, fit_head(training, (features[validation, 0], targets[validation]), labels, weights=weights))
    if config.fine_tune != NEVER or _smallest(dataset) >= FEW:
        return None
    hashes = [picture.difference_hash for side in sides for picture in dataset.sides[side]]
    scores = held_back_scores(
        features, targets, group_near_duplicates(hashes, targets), labels=labels, seed=config.seed
    )
    return evaluate_scores(scores, targets, dataset.labels)


def head_alone(model: keras.Model, dataset: Dataset) -> FitState:
    """Return the history of a network whose last layer alone was trained: one epoch, with its losses."""
    start = time.perf_counter()
    loss, accuracy = evaluate(model, dataset, Side.TRAIN)
    validation_loss, validation_accuracy = evaluate(model, dataset, Side.VALIDATION)
    epoch = Epoch(
        loss=loss,
        accuracy=accuracy,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        seconds=time.perf_counter() - start,
        waiting_share=0.0,
    )
    return FitState((epoch,), keep_best=False)


@dataclass(frozen=True)
class _Shown:
    """Shows a picture as it is and then, to the copies beside it, changed at random."""

    dataset: Dataset
    config: TrainConfig
    copies: int

    def pixels(self, rows: NDArray[np.intp]) -> Pixels:
        """Return `uint8 (rows x copies, H, W, 3) RGB 0-255`."""
        return np.concatenate([self._copies(int(row)) for row in rows])

    def _copies(self, row: int) -> Pixels:
        picture = np.asarray(self.dataset.pixels[row])
        changed = [
            augment(picture, Stream.HEAD.generator(self.config.seed, row, copy), self.config.image_size)
            for copy in range(1, self.copies)
        ]
        return np.stack([picture, *changed])


def _read(
    model: keras.Model, shown: _Shown, rows: NDArray[np.intp], kept: Path, *, report: Callable[[int, int], None]
) -> NDArray[np.float32]:
    """Return the features of each copy, `float32 (N, copies, features)`. Go on where the file `kept` ends."""
    body = feature_network(model)
    count = int(body.output_shape[-1])
    each = 4 * count * shown.copies  # bytes
    whole = kept.stat().st_size // each if kept.exists() else 0
    with kept.open("ab") as file:
        file.truncate(whole * each)
        for start in range(whole, len(rows), _PART):
            found = read_features(body, shown.pixels(rows[start : start + _PART]))
            file.write(found.tobytes())
            report(min(start + _PART, len(rows)), len(rows))
    return np.fromfile(kept, np.float32).reshape(len(rows), shown.copies, count)


def _keep_statistics(model: keras.Model) -> None:
    from keras import layers

    for layer in model._flatten_layers(include_self=False):  # those inside a nested network too
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
