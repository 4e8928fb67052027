"""Choose the pictures from which a quantiser learns the range of every tensor: training pictures, never test."""

from __future__ import annotations

import numpy as np

from exporter.errors import SourceError
from exporter.source import Source, SplitPicture

DEFAULT_COUNT = 256


def draw_calibration(source: Source, *, count: int = DEFAULT_COUNT, seed: int = 0) -> tuple[SplitPicture, ...]:
    """Draw pictures of the training split, the same number of each class, shuffled.

    Args:
        source: the training run.
        count: pictures in all; fewer where the split has fewer.
        seed: seed of choice and order.

    Raises:
        SourceError: the training split lacks a class, or shares a picture with the test split.
    """
    generator = np.random.default_rng(seed)
    per_class = -(-count // len(source.labels))
    chosen: list[SplitPicture] = []
    for label, name in enumerate(source.labels):
        candidates = [picture for picture in source.sides["train"] if picture.label == label]
        if not candidates:
            raise SourceError(f"{source.folder}: the training split has no picture of class {name}. Train again.")
        picked = generator.permutation(len(candidates))[:per_class]
        chosen += [candidates[index] for index in picked]
    test = {picture.sha256 for picture in source.sides["test"]}
    shared = [picture.path for picture in chosen if picture.sha256 in test]
    if shared:
        raise SourceError(f"{shared[0]}: is in the test split too, so it must not calibrate. Train again.")
    return tuple(chosen[index] for index in generator.permutation(len(chosen))[:count])
