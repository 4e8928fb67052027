"""A network for a training that starts from somebody else's: its layers up to the features, with a new head.

It comes from a `.keras` file, or by name from `keras.applications`, which downloads its ImageNet weights.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.errors import ConfigError, WeightsError
from trainer.network.head import HEAD
from trainer.network.saved import load_network

if TYPE_CHECKING:
    import keras

SUFFIX = ".keras"


def is_file(pretrained: str) -> bool:
    """Whether `pretrained` means a file and not a name of `keras.applications`."""
    return pretrained.endswith(SUFFIX) or "/" in pretrained


def build_from(
    pretrained: str, image_size: int, outputs: int, *, input_range: tuple[float, float] = (0.0, 255.0)
) -> keras.Model:
    """Build a network with the layers of another one and a new head.

    Args:
        pretrained: a `.keras` file, or the name of a network of `keras.applications`.
        image_size: side of the square input in pixels.
        outputs: 1 for a sigmoid (two classes), more for a softmax.
        input_range: what the network of a file takes for black and white.

    Returns:
        A model from `image`, `(N, image_size, image_size, 3) RGB 0-255`, to `scores`, `(N, outputs)`, 0-1.

    Raises:
        ConfigError: the name is unknown, or the network takes no pictures of this size.
        RunError: the file cannot be read.
        WeightsError: the weights cannot be downloaded, or the network has no features to put a head on.
    """
    from keras import Input, Model, layers

    image = Input((image_size, image_size, 3), name="image")
    if is_file(pretrained):
        body = _body_of_file(Path(pretrained), image_size)
        low, high = input_range
        x = image if input_range == (0.0, 255.0) else layers.Rescaling((high - low) / 255, low)(image)
        features = body(x)
    else:
        features = _applied(pretrained, image, image_size)
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D()(features)
    x = layers.Dropout(0.2)(features)
    x = layers.Dense(outputs, name=HEAD)(x)
    scores = layers.Activation("sigmoid" if outputs == 1 else "softmax", name="scores")(x)
    return Model(image, scores, name="pretrained")


def _body_of_file(path: Path, image_size: int) -> keras.Model:
    """Return the layers of a file's network before its last dense layer, as one layer."""
    model = load_network(path, compiled=False, advice="Name another file with --pretrained.")
    shapes = [tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or []]
    sides = {side for side in shapes[0][1:3] if side} if shapes and len(shapes[0]) == 4 else set()
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] != 3 or not sides <= {image_size}:
        advice = f"Add --image-size {sides.pop()}." if len(sides) == 1 else "Name another file with --pretrained."
        raise ConfigError(
            f"{path}: expected a network for RGB pictures of {image_size} x {image_size} pixels, found inputs of "
            f"the shapes {shapes}. {advice}"
        )
    return _until_head(model, path)


def _until_head(model: keras.Model, path: Path) -> keras.Model:
    from keras import Model, layers

    after = (layers.Activation, layers.Softmax, layers.Dropout)  # what may come behind the last dense layer
    last = next((layer for layer in reversed(model.layers) if not isinstance(layer, after)), None)
    features = last.input if isinstance(last, layers.Dense) else model.output
    pooled = isinstance(last, layers.Dense | layers.GlobalAveragePooling2D | layers.GlobalMaxPooling2D)
    if not hasattr(features, "shape") or len(features.shape) != (2 if pooled else 4):
        raise WeightsError(
            f"{path}: expected a network that ends in a pooling and a dense layer, found none. "
            "Name another file with --pretrained."
        )
    return Model(model.inputs, features, name="body")


def _applied(name: str, image: Any, image_size: int) -> Any:
    """Return the features that a network of `keras.applications` computes, from `image` on."""
    from keras import applications

    known = {key: value for key, value in vars(applications).items() if inspect.isfunction(value)}
    if name not in known:
        raise ConfigError(
            f"option pretrained: expected a .keras file or one of {', '.join(sorted(known))}, received {name!r}"
        )
    scale = sys.modules[known[name].__module__].preprocess_input
    try:
        body = known[name](include_top=False, input_shape=(image_size, image_size, 3))
    except ValueError as error:  # the side is too small for it
        raise ConfigError(f"option pretrained: {name} with pictures of {image_size} pixels: {error}") from error
    except Exception as error:  # a failed download raises almost anything
        raise WeightsError(
            f"the weights of {name} cannot be downloaded ({error}). Connect to the network, or name a .keras file "
            "with --pretrained."
        ) from error
    return body(scale(image))
