"""The table of random streams: each use of random numbers in a run has a stream of its own.

A stream never depends on what another one has drawn, so an option that draws more numbers in one place changes
nothing elsewhere. The numbers stand for ever: with another number, the same seed would give another run.

Two things have seeds beside this table. Keras draws the first weights from the run's seed
(`keras.utils.set_random_seed`). The sample set is drawn from its own seed (`trainer.data.sample`).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are used for; the value is the stream's number in the seed."""

    BALANCE = 0  # which pictures of the larger classes are left over
    SPLIT = 1  # in which order pictures are dealt to train, validation and test
    BATCHES = 2  # order, changes and drawn negatives of an epoch; numbered by epoch
    DROPOUT = 3  # noise of a dropout layer; numbered by epoch and layer
    RECALIBRATION = 4  # which training pictures set the statistics of batch normalisation
    MATCHING = 5  # which picture lends a negative its size and compression
    MIXING = 6  # which batches of an epoch are mixed and how; numbered by epoch

    HEAD = 7  # changes of the pictures that a head is fitted on, numbered by picture and copy; folds of its check

    def seed(self, seed: int, *numbers: int) -> tuple[int, ...]:
        """Return the whole seed of this stream.

        Args:
            seed: the run's seed, 0 or more.
            numbers: what tells apart the generators of one stream, such as the epoch from 0.
        """
        return (seed, int(self), *numbers)

    def generator(self, seed: int, *numbers: int) -> np.random.Generator:
        """Return a new generator of this stream; takes what `seed` takes."""
        return np.random.default_rng(self.seed(seed, *numbers))
