"""EfficientNet-Lite in Keras: a small network for phones, which ImageNet weights exist for.

Source: M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; and
`efficientnet/lite` of TensorFlow's TPU models. There is no squeeze-and-excite, ReLU6 takes the place of swish, and
stem and head have the same width in every size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

FEATURES = "features"  # the layer behind which a head stands: 1,280 pooled features
_STEM, _HEAD = 32, 1280
_EPSILON = 1e-3  # of the batch normalisation, as in the weights' source


@dataclass(frozen=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def lite0_network(image_size: int | None, outputs: int) -> keras.Model:
    """Build EfficientNet-Lite0. At three outputs it has 3,416,867 parameters.

    Args:
        image_size: side of the square input in pixels; None for any.
        outputs: 1 for a sigmoid (two classes), more for a softmax.

    Returns:
        A model from `image`, `(N, image_size, image_size, 3) RGB 0-255`, to `scores`, `(N, outputs)`, 0-1.
    """
    return _network("lite0", image_size, outputs, width=1.0, depth=1.0)


def lite2_network(image_size: int | None, outputs: int) -> keras.Model:
    """Build EfficientNet-Lite2, with wider and more layers than Lite0, as its teacher.

    Args:
        image_size: side of the square input in pixels; None for any.
        outputs: 1 for a sigmoid (two classes), more for a softmax.

    Returns:
        A model from `image`, `(N, image_size, image_size, 3) RGB 0-255`, to `scores`, `(N, outputs)`, 0-1.
    """
    return _network("lite2", image_size, outputs, width=1.1, depth=1.2)


def _network(name: str, image_size: int | None, outputs: int, *, width: float, depth: float) -> keras.Model:
    from keras import Input, Model, layers

    image = Input((image_size, image_size, 3), name="image")
    x = layers.Rescaling(1 / 128, -127 / 128)(image)
    x = _convolution(x, _STEM, kernel=3, stride=2)
    for index, stage in enumerate(_STAGES):
        inner = 0 < index < len(_STAGES) - 1
        repeats = math.ceil(stage.repeats * depth) if inner else stage.repeats
        for repeat in range(repeats):
            x = _block(x, stage, _rounded(stage.filters * width), stride=stage.stride if repeat == 0 else 1)
    x = _convolution(x, _HEAD)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dropout(0.2)(x)
    # Logits and scores stay float32 when the rest computes in bfloat16.
    x = layers.Dense(outputs, dtype="float32", name="logits")(x)
    activation = "sigmoid" if outputs == 1 else "softmax"
    return Model(image, layers.Activation(activation, dtype="float32", name="scores")(x), name=name)


def _block(x: Any, stage: _Stage, filters: int, *, stride: int) -> Any:
    """Add an inverted bottleneck: widen, a depthwise convolution, narrow without an activation."""
    from keras import layers

    before = x
    if stage.expansion > 1:
        x = _convolution(x, x.shape[-1] * stage.expansion)
    x = layers.DepthwiseConv2D(stage.kernel, strides=stride, padding="same", use_bias=False)(x)
    x = layers.ReLU(6)(layers.BatchNormalization(epsilon=_EPSILON)(x))
    x = _convolution(x, filters, relu=False)
    return layers.Add()([before, x]) if stride == 1 and before.shape[-1] == filters else x


def _convolution(x: Any, filters: int, *, kernel: int = 1, stride: int = 1, relu: bool = True) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(epsilon=_EPSILON)(x)
    return layers.ReLU(6)(x) if relu else x


def _rounded(filters: float) -> int:
    """Return the nearest multiple of 8 that is at least nine tenths of `filters`."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * filters else nearest
