"""The networks that can be trained; `ARCHITECTURES` is the list of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def report_network(image_size: int, outputs: int) -> keras.Model:
    """Build the cats-and-dogs network of the 2023 report.

    Three blocks of 3x3 convolution without padding, ReLU, batch normalisation, 2x2 max pooling and dropout
    0.25 with 32, 64 and 128 filters; a dense layer of 512 ReLU with batch normalisation and dropout 0.5.
    At 128 pixels and one output it has 12,942,273 parameters, 1,472 of them not trainable.

    Args:
        image_size: side of the square input in pixels.
        outputs: 1 for a sigmoid (two classes), more for a softmax.

    Returns:
        A model from `image`, `(N, image_size, image_size, 3) RGB 0-255`, to `scores`, `(N, outputs)`, 0-1.
    """
    from keras import Input, Model, layers

    image = Input((image_size, image_size, 3), name="image")
    x = layers.Rescaling(1 / 255)(image)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(0.25)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(512, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5)(x)
    activation = "sigmoid" if outputs == 1 else "softmax"
    return Model(image, layers.Dense(outputs, activation=activation, name="scores")(x), name="report")


ARCHITECTURES: dict[str, Callable[[int, int], keras.Model]] = {
    "report": report_network,
}
