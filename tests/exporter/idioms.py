"""Small networks with every idiom that people write: for tests, and for the table of scripts/network_table.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SIDE = 32
LABELS = 2
_LOGIT = 2.0  # that the last layer is fitted to: both answers come, and neither is sure
_RIDGE = 0.01  # share of the mean power of the features, so that the fit holds for other pictures


def stripes(count: int, side: int = SIDE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn stripes, `uint8 (count, side, side, 3)`, and whether each runs across (0) or down (1)."""
    random = np.random.default_rng(seed)
    places, targets = np.mgrid[0:side, 0:side], np.arange(count) % 2
    wave = np.sin(places[targets] * random.uniform(0.4, 0.9, (count, 1, 1)) + random.uniform(0, 6, (count, 1, 1)))
    colours = random.integers(0, 256, (2, count, 1, 1, 3))
    drawn = colours[0] + (colours[1] - colours[0]) * (wave[..., None] / 2 + 0.5)
    noise = random.normal(0, 18, (count, side, side, 3))
    return np.clip(drawn + noise, 0, 255).astype(np.uint8), targets


def alive(model: Any, pictures: np.ndarray, targets: np.ndarray) -> Any:
    """Give a network with random weights what a trained one has: statistics, and a last layer that tells labels.

    Args:
        model: its weights are changed.
        pictures: `(N, H, W, 3)` in the range that it takes.
        targets: label of each, 0 or 1.
    """
    pictures = pictures.astype(np.float32)
    normal = [layer for layer in model._flatten_layers() if type(layer).__name__ == "BatchNormalization"]
    momenta = [layer.momentum for layer in normal]
    for layer in normal:
        layer.momentum = 0.0
    model(pictures, training=True)
    for layer, momentum in zip(normal, momenta, strict=True):
        layer.momentum = momentum
    for layer in [layer for layer in model.layers if type(layer).__name__ in ("Dense", "Conv2D")][-1:]:
        _fit(model, layer, pictures, targets)
    return model


def _fit(model: Any, layer: Any, pictures: np.ndarray, targets: np.ndarray) -> None:
    """Fit the last layer to logits of one size by ridge regression."""
    import keras

    features = np.asarray(keras.Model(model.inputs[0], layer.input)(pictures, training=False), np.float64)
    features = features.reshape(len(pictures), -1)
    mean = features.mean(axis=0)
    products = (features - mean) @ (features - mean).T
    signs = np.array([[1.0]]) if layer.get_weights()[0].shape[-1] == 1 else np.array([[-1.0, 1.0]])
    wanted = _LOGIT * (2.0 * targets[:, None] - 1) * signs
    ridge = _RIDGE * np.trace(products) / len(products) * np.eye(len(products))
    kernel = (features - mean).T @ np.linalg.solve(products + ridge, wanted)
    layer.set_weights([kernel.reshape(layer.get_weights()[0].shape), -mean @ kernel])


def _layers() -> Any:
    from keras import layers

    return layers


def _image(**options: Any) -> Any:
    import keras

    return keras.Input((SIDE, SIDE, 3), **options)


def _stem(image: Any) -> Any:
    return _layers().Rescaling(1 / 255)(image)


def _body(tensor: Any, act: Callable[[], Any] | None = None, *, axis: int = -1) -> Any:
    """Return two convolutions with normalisation, activation and pooling."""
    layers = _layers()
    for filters in (8, 12):
        tensor = layers.Conv2D(filters, 3, padding="same", use_bias=False)(tensor)
        tensor = layers.BatchNormalization(axis=axis)(tensor)
        tensor = (act or layers.ReLU)()(tensor)
        tensor = layers.MaxPooling2D()(tensor)
    return tensor


def _scores(tensor: Any) -> Any:
    layers = _layers()
    return layers.Dense(LABELS, activation="softmax")(layers.GlobalAveragePooling2D()(tensor))


def _model(image: Any, outputs: Any) -> Any:
    import keras

    return keras.Model(image, outputs)


def _acting(act: Callable[[], Any]) -> Any:
    image = _image()
    return _model(image, _scores(_body(_stem(image), act)))


def _tutorial() -> Any:
    """TensorFlow's image tutorial: augmentation first, in a Sequential of its own, then Rescaling."""
    import keras

    layers = _layers()
    augment = keras.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    )
    rest = (
        *(layers.Conv2D(8, 3, padding="same", activation="relu"), layers.MaxPooling2D()),
        *(layers.Conv2D(12, 3, padding="same", activation="relu"), layers.MaxPooling2D()),
        *(
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(LABELS, "softmax"),
        ),
    )
    return keras.Sequential([_image(), augment, layers.Rescaling(1 / 255), *rest])


def _activation_layers() -> Any:
    import keras

    layers = _layers()
    return keras.Sequential(
        [
            *(_image(), layers.Rescaling(1 / 255)),
            *(layers.Conv2D(8, 3, activation=layers.LeakyReLU(negative_slope=0.1)), layers.MaxPooling2D()),
            *(layers.Conv2D(12, 3, activation=layers.ReLU()), layers.BatchNormalization(), layers.MaxPooling2D()),
            *(layers.Flatten(), layers.Dense(16, activation=layers.ReLU())),
            layers.Dense(LABELS, activation=layers.Softmax()),
        ]
    )


def _normal_rows(filters: int) -> Any:
    layers, image = _layers(), _image()
    tensor = layers.Conv2D(filters, 3, padding="same")(_stem(image))
    tensor = layers.ReLU()(layers.BatchNormalization(axis=1)(tensor))
    return _model(image, _scores(layers.Conv2D(8, 3, activation="relu")(layers.MaxPooling2D()(tensor))))


def _names() -> Any:
    """Layers with our own names, and names that TensorFlow does not take for a scope."""
    layers, image = _layers(), _image(name="scores")
    tensor = layers.Rescaling(1 / 255, name="normalisierung ü")(image)
    tensor = layers.Conv2D(8, 3, activation="relu", name="image")(tensor)
    tensor = layers.Conv2D(8, 3, activation="relu", name="weights_0")(tensor)
    tensor = layers.BatchNormalization(name="批量")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="_hidden")(tensor)
    import keras

    return keras.Model(image, layers.Dense(LABELS, "softmax", name="rescaling")(tensor), name="réseau 1")


def _mixed(policy: str) -> Any:
    import keras

    before = keras.mixed_precision.global_policy().name
    keras.mixed_precision.set_global_policy(policy)
    try:
        image = _image()
        tensor = _layers().GlobalAveragePooling2D()(_body(_stem(image)))
        outputs = _layers().Activation("softmax", dtype="float32")(_layers().Dense(LABELS)(tensor))
        return _model(image, outputs)
    finally:
        keras.mixed_precision.set_global_policy(before)


def _nested() -> Any:
    """TensorFlow's transfer tutorial: arithmetic as operators, a base model as a layer, one sigmoid."""
    layers, inner, image = _layers(), _image(), _image()
    base = _model(inner, _body(inner))
    tensor = base(image / 127.5 - 1.0, training=False)
    tensor = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(tensor))
    return _model(image, layers.Dense(1, activation="sigmoid")(tensor))


def _shared() -> Any:
    layers, image = _layers(), _image()
    once = layers.Conv2D(8, 3, padding="same", activation="relu")
    tensor = layers.Conv2D(8, 3, padding="same", activation="relu")(_stem(image))
    return _model(image, _scores(layers.MaxPooling2D()(once(once(tensor)))))


def _maps(pooled: bool) -> Any:
    """Scores of shape (N, 1, 1, labels) from a last convolution, or a map of scores."""
    layers, image = _layers(), _image()
    tensor = _body(_stem(image))
    tensor = layers.GlobalAveragePooling2D(keepdims=True)(tensor) if pooled else tensor
    return _model(image, layers.Softmax()(layers.Conv2D(LABELS, 1)(tensor)))


def _dict_output() -> Any:
    image = _image()
    return _model(image, {"label": _scores(_body(_stem(image)))})


def _fixed_batch() -> Any:
    import keras

    image = keras.Input(batch_shape=(16, SIDE, SIDE, 3))
    return _model(image, _scores(_body(_stem(image))))


def _quantised() -> Any:
    model = alive(_acting(_layers().ReLU), *stripes(64))
    model.quantize("int8")
    return model


def _silent() -> Any:
    """A layer that no picture wakes, beside one that works."""
    import keras

    layers, image = _layers(), _image()
    tensor = _body(_stem(image))
    asleep = layers.Conv2D(
        8, 3, padding="same", activation="relu", name="asleep", bias_initializer=keras.initializers.Constant(-500)
    )(tensor)
    return _model(image, _scores(layers.Concatenate()([tensor, asleep])))


def _residual() -> Any:
    layers, image = _layers(), _image()
    tensor = layers.Conv2D(8, 3, padding="same", activation="relu")(_stem(image))
    branch = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(tensor))
    return _model(image, _scores(layers.ReLU()(layers.Add()([tensor, branch]))))


def _squeeze_excite() -> Any:
    layers, image = _layers(), _image()
    tensor = layers.Conv2D(16, 3, strides=2, activation="swish", padding="same")(_stem(image))
    gate = layers.Dense(4, "relu")(layers.GlobalAveragePooling2D(keepdims=True)(tensor))
    return _model(image, _scores(layers.Multiply()([tensor, layers.Dense(16, "sigmoid")(gate)])))


def _convnext() -> Any:
    layers, image = _layers(), _image()
    tensor = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(8, 4, strides=4)(_stem(image)))
    inner = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(7, padding="same")(tensor))
    inner = layers.Dense(8)(layers.Activation("gelu")(layers.Dense(32)(inner)))
    return _model(image, _scores(layers.Add()([inner, tensor])))


def _chain(*body: Any) -> Any:
    import keras

    layers = _layers()
    return keras.Sequential([_image(), layers.Rescaling(1 / 255), *body, layers.Dense(LABELS, "softmax")])


# What people write: name, and how it is built. All take 0-255.
IDIOMS: dict[str, Callable[[], Any]] = {
    "image tutorial": _tutorial,
    "transfer tutorial": _nested,
    "activation as a layer": _activation_layers,
    "LeakyReLU": lambda: _acting(lambda: _layers().LeakyReLU(negative_slope=0.1)),
    "PReLU": lambda: _acting(lambda: _layers().PReLU(shared_axes=[1, 2])),
    "ELU": lambda: _acting(_layers().ELU),
    "swish": lambda: _acting(lambda: _layers().Activation("swish")),
    "hard swish": lambda: _acting(lambda: _layers().Activation("hard_silu")),
    "tanh": lambda: _acting(lambda: _layers().Activation("tanh")),
    "normalised rows": lambda: _normal_rows(12),
    "normalised rows, as many as channels": lambda: _normal_rows(SIDE),
    "names that collide": _names,
    "mixed_float16": lambda: _mixed("mixed_float16"),
    "mixed_bfloat16": lambda: _mixed("mixed_bfloat16"),
    "float64": lambda: _mixed("float64"),
    "shared layer": _shared,
    "residual": _residual,
    "scores of a convolution": lambda: _maps(True),
    "output in a dict": _dict_output,
    "fixed batch": _fixed_batch,
    "quantised by Keras": _quantised,
    "silent layer": _silent,
    "dense layers alone": lambda: _chain(_layers().Flatten(), _layers().Dense(16, "relu")),
    "squeeze and excite": _squeeze_excite,
    "ConvNeXt block": _convnext,
}


def idiom(name: str) -> Any:
    """Return the network of an idiom, alive, always with the same weights."""
    import keras

    keras.utils.set_random_seed(0)
    model = IDIOMS[name]()
    return model if name == "quantised by Keras" else alive(model, *stripes(64))


def map_of_scores() -> Any:
    """Return a network that ends in a map of scores, which is no classifier."""
    return _maps(False)
