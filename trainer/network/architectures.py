"""The networks that can be trained; `ARCHITECTURES` is the table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.network.efficientnet_lite import lite0_network, lite2_network

if TYPE_CHECKING:
    import keras


def report_network(image_size: int, outputs: int) -> keras.Model:
    """Build the cats-and-dogs network of the 2023 report.

    It has three blocks with 32, 64 and 128 filters. A block is a 3x3 convolution without padding, ReLU, batch
    normalisation, 2x2 max pooling and dropout 0.25. Then come a dense layer of 512 with ReLU, batch normalisation
    and dropout 0.5, and the dense output layer. At 128 pixels and one output it has 12,942,273 parameters; 1,472
    of them are not trainable.

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

    It begins with a convolution of stride 2 with 16 filters. Four stages follow, with 24, 48, 96 and 176
    filters. A stage is a convolution of stride 2 and a residual block of two convolutions. Every convolution is
    3x3 and padded, has no bias, and is followed by batch normalisation and then ReLU. The network ends with
    global average pooling and one dense layer. At 128 pixels and three outputs it has 987,811 parameters and
    makes 53.9 M multiply-adds.

    The convolutions are plain, not depthwise. Plain ones train three times as fast, and XNNPACK makes more
    multiply-adds per second with them.

    Source: K. He et al., "Deep Residual Learning for Image Recognition", 2016.

    Args:
        image_size: side of the square input in pixels; None for any.
        outputs: 1 for a sigmoid (two classes), more for a softmax.

    Returns:
        A model from `image`, `(N, image_size, image_size, 3) RGB 0-255`, to `scores`, `(N, outputs)`, 0-1.
    """
    return _residual_network(image_size, outputs, (16, 24, 48, 96, 176), "compact")


def wide_network(image_size: int | None, outputs: int) -> keras.Model:
    """Build `compact_network` with twice the filters, as its teacher.

    At 128 pixels and three outputs it has 3,940,931 parameters and makes 212 M multiply-adds.

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


def with_side(model: keras.Model, build: Callable[[Any, int], keras.Model], image_size: int | None) -> keras.Model:
    """Build the network of `model` again, with its weights, for pictures of another side.

    Args:
        model: the network.
        build: what it was built by; takes the side of the input and the number of outputs.
        image_size: side of the new input in pixels; None for any.
    """
    other = build(image_size, model.output_shape[-1])
    other.set_weights(model.get_weights())
    return other


def _convolution(x: Any, filters: int, *, stride: int = 1, relu: bool = True) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x) if relu else x


@dataclass(frozen=True)
class Architecture:
    """An entry of the table.

    Args:
        build: takes the side of the input and the number of outputs, returns the network.
        any_side: whether it can be built for pictures of any side, so that it can be trained on small ones first.
    """

    build: Callable[[Any, int], keras.Model]
    any_side: bool


ARCHITECTURES = {
    "report": Architecture(report_network, any_side=False),
    "compact": Architecture(compact_network, any_side=True),
    "wide": Architecture(wide_network, any_side=True),
    "lite0": Architecture(lite0_network, any_side=True),
    "lite2": Architecture(lite2_network, any_side=True),
}
ANY_SIDE = tuple(name for name, architecture in ARCHITECTURES.items() if architecture.any_side)
