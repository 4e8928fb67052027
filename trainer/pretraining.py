"""The first stage of a training from pretrained weights: fit the last layer alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.run_folder import Side
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset
from trainer.lessons import class_weights
from trainer.network.head import fit_head, read_features, set_head
from trainer.network.pretrained import load_pretrained

if TYPE_CHECKING:
    import keras


def begin_pretrained(
    model: keras.Model, dataset: Dataset, config: TrainConfig, *, report: Callable[[int, int], None]
) -> None:
    """Give a network its ImageNet weights and a head that fits the training pictures. The network is changed.

    From then on its batch normalisations keep their statistics: those of ImageNet are of a million pictures, and
    the batches here are small.

    Args:
        model: a network of an architecture that has pretrained weights.
        dataset: the pictures.
        config: the options.
        report: called with pictures read and in all.

    Raises:
        WeightsError: the weights are not installed or not the known ones.
    """
    load_pretrained(model, config.architecture)
    _keep_statistics(model)
    sides = (Side.TRAIN, Side.VALIDATION)
    rows = np.concatenate([dataset.rows(side) for side in sides])
    features = read_features(model, dataset.pixels[rows], report=report)
    targets = np.concatenate([dataset.targets(side) for side in sides]).astype(np.intp)
    count = len(dataset.rows(Side.TRAIN))
    of_class = class_weights(dataset, config)
    head = fit_head(
        (features[:count], targets[:count]),
        (features[count:], targets[count:]),
        labels=len(dataset.labels),
        weights=None if of_class is None else of_class[targets[:count]].astype(np.float64),
    )
    set_head(model, head)


def _keep_statistics(model: keras.Model) -> None:
    from keras import layers

    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
