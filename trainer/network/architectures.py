"""The networks that can be trained; `ARCHITECTURES` is the list of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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


def compact_network(image_size: int | None, outputs: int) -> keras.Model:
    """Build a small residual network that quantises well.

    A 3x3 convolution of stride 2 with 16 filters, then four stages with 24, 48, 96 and 176: a convolution of
    stride 2 and a residual block of two. Every convolution is 3x3, padded, without bias and followed by batch
    normalisation and ReLU, in that order; global average pooling and one dense layer end it. At 128 pixels and
    three outputs it has 987,811 parameters and makes 53.9 M multiply-adds.

    Plain convolutions, as they train three times as fast as depthwise ones and reach more multiply-adds a second
    in XNNPACK. Source: K. He et al., "Deep Residual Learning for Image Recognition", 2016.

    Args:
        image_size: side of the square input in pixels; None for any.
        outputs: 1 for a sigmoid (two classes), more for a softmax.

    Returns:
        A model from `image`, `(N, image_size, image_size, 3) RGB 0-255`, to `scores`, `(N, outputs)`, 0-1.
    """
    return _residual_network(image_size, outputs, (16, 24, 48, 96, 176), "compact")


def wide_network(image_size: int | None, outputs: int) -> keras.Model:
    """Build `compact_network` with twice the filters, to teach it: 3,940,931 parameters, 212 M multiply-adds.

    Args:
        image_size: side of the square input in pixels; None for any.
        outputs: 1 for a sigmoid (two classes), more for a softmax.

    Returns:
        A model from `image`, `(N, image_size, image_size, 3) RGB 0-255`, to `scores`, `(N, outputs)`, 0-1.
    """
    return _residual_network(image_size, outputs, (32, 48, 96, 192, 352), "wide")


def _residual_network(image_size: int | None, outputs: int, widths: tuple[int, ...], name: str) -> keras.Model:
    from keras import Input, Model, layers

    image = Input((image_size, image_size, 3), name="image")
    x = _convolution(layers.Rescaling(1 / 255)(image), widths[0], stride=2)
    for filters in widths[1:]:
        x = _convolution(x, filters, stride=2)
        branch = _convolution(_convolution(x, filters), filters, relu=False)
        x = layers.ReLU()(layers.Add()([x, branch]))
    x = layers.GlobalAveragePooling2D()(x)
    # Logits and scores stay float32 when the rest computes in bfloat16.
    x = layers.Dense(outputs, dtype="float32", name="logits")(x)
    activation = "sigmoid" if outputs == 1 else "softmax"
    return Model(image, layers.Activation(activation, dtype="float32", name="scores")(x), name=name)


def with_side(model: keras.Model, architecture: str, image_size: int | None) -> keras.Model:
    """Return the network of an architecture with the weights of `model`, for pictures of another side."""
    other = ARCHITECTURES[architecture](image_size, model.output_shape[-1])
    other.set_weights(model.get_weights())
    return other


def _convolution(x: Any, filters: int, *, stride: int = 1, relu: bool = True) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x) if relu else x


ARCHITECTURES: dict[str, Callable[[Any, int], keras.Model]] = {
    "report": report_network,
    "compact": compact_network,
    "wide": wide_network,
}
ANY_SIDE = ("compact", "wide")  # can be built for pictures of any side, so that they can be trained on small ones
