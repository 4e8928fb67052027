"""Keep in a bundle what its network typically makes of each label, so that a device can add a label to it.

The last layer with a new label must not take pictures of the old ones for it. The device has no old pictures, so
the bundle keeps a few rows of features for each label. Each row is the mean of calibration pictures that are alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import open_model
from edge_runtime.picture.preprocessing import Pixels
from edge_runtime.teaching.base import stored_features
from edge_runtime.teaching.examples import HASH_BYTES, VIEWS, Examples
from edge_runtime.teaching.tail import read_network
from edge_runtime.teaching.tflite_file import features_file

# Rows of a label. 16 from 256 pictures did as well as all features of 3,500 pictures: docs/decisions/0018.
ROWS = 16


def typical_features(content: bytes, pixels: Pixels, targets: Sequence[int], labels: int) -> Examples | None:
    """Return the typical features of each label.

    Args:
        content: an int8 TFLite file.
        pixels: `uint8 (N, H, W, 3) RGB 0-255`.
        targets: their label indices; -1 where it is unknown.
        labels: number of labels.

    Returns:
        The rows, or None if a label has no picture, or if the last layer of the file cannot be replaced.
    """
    try:
        network = read_network(content)
    except ValueError:
        return None
    if not set(range(labels)) <= set(targets):
        return None
    model = open_model("litert", features_file(network), 1)
    rows, found = [], list[int]()
    for label in range(labels):
        chosen = [picture for picture, target in zip(pixels, targets, strict=True) if target == label]
        views = [(picture, np.ascontiguousarray(picture[:, ::-1])) for picture in chosen]
        features = np.array([[stored_features(model, network, view) for view in pair] for pair in views])
        means = _means(features.astype(np.float64))
        rows.append(means)
        found += [label] * len(means)
    stored = np.rint(np.concatenate(rows)).astype(np.int8)
    return Examples(stored, np.zeros((len(stored), HASH_BYTES), np.uint8), np.array(found, np.intp))


def _means(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of `ROWS` groups of rows that are alike, or fewer: `float64 (groups, VIEWS, width)`."""
    from scipy.cluster.vq import kmeans2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a group may stay empty
        _, groups = kmeans2(features[:, 0], min(ROWS, len(features)), minit="++", seed=0)
    means = np.array([features[groups == group].mean(axis=0) for group in np.unique(groups)])
    return means.reshape(-1, VIEWS, features.shape[2])
