"""The report network with plain Keras: `image_dataset_from_directory` and `fit`, nothing else.

Usage: python -m benchmarks.peers.plain_fit DATA PICTURES EPOCHS
Prints the seconds that each epoch took, as a JSON list.
"""

import json
import sys
import time

import keras
from keras import layers


def build() -> keras.Model:
    """Build and compile the report network as a notebook would."""
    model = keras.Sequential([keras.Input((128, 128, 3)), layers.Rescaling(1 / 255)])
    for filters in (32, 64, 128):
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.BatchNormalization())
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu"))
    model.add(layers.BatchNormalization())
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


class EpochTimer(keras.callbacks.Callback):
    """Measures the seconds of each epoch."""

    def __init__(self) -> None:
        """Start with no epoch."""
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stop the clock."""
        self.seconds.append(time.perf_counter() - self._start)


def main(data: str, pictures: int, epochs: int) -> None:
    """Train on `pictures` shuffled pictures an epoch."""
    batches = keras.utils.image_dataset_from_directory(
        data, label_mode="binary", image_size=(128, 128), batch_size=32, seed=0
    ).take(-(-pictures // 32))
    timer = EpochTimer()
    build().fit(batches, epochs=epochs, verbose=0, callbacks=[timer])
    print(json.dumps(timer.seconds))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
