"""The Keras model of a run: load it, take its scores as the baseline, trace it for the converters."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from edge_runtime.bundle.scores import label_scores, possible_outputs
from edge_runtime.keras_file import require_bounded
from edge_runtime.picture.preprocessing import Pixels
from exporter.errors import SourceError
from exporter.network.confidence import divide_logits, last_activation, last_layer
from exporter.network.graph_copy import INPUT_NAME as INPUT_NAME
from exporter.network.graph_copy import rescaled
from exporter.network.plain_model import plain_model
from exporter.source import Origin, Source

if TYPE_CHECKING:
    import keras

OUTPUT_NAME = "scores"
_BATCH = 64


def load_keras_model(source: Source) -> keras.Model:
    """Load the model and check its input size and its number of outputs against the source.

    Raises:
        SourceError: the file cannot be loaded, does not match the run, or its outputs are no scores.
    """
    model = _load(source.model_path)
    if source.origin is Origin.KERAS:
        model = _take_pixels(model, source)
    wanted = (None, source.preprocessing.height, source.preprocessing.width, 3)
    outputs = possible_outputs(len(source.labels))
    if model.input_shape != wanted or model.output_shape[-1] not in outputs:
        raise SourceError(
            f"{source.model_path}: expected input {wanted} and {' or '.join(map(str, outputs))} outputs for labels "
            f"{', '.join(source.labels)}, received {model.input_shape} and {model.output_shape[-1]}. "
            "Name the model of these labels."
        )
    _require_shares(model, source.model_path)
    return model


def _require_shares(model: keras.Model, path: Path) -> None:
    """Refuse logits and independent sigmoids: their shape is that of scores, but they do not sum to 1."""
    import keras

    name, outputs = last_activation(model), model.output_shape[-1]
    if name in ("sigmoid", "softmax") and (name == "sigmoid") == (outputs == 1):
        return
    # A known activation is judged by its name, any other ending by what it gives for noise.
    if hasattr(keras.activations, name) or not _gives_shares(model):
        raise SourceError(
            f"{path}: expected scores from 0 to 1 that sum to 1, received {outputs} outputs of {name}. End the "
            "model in a softmax, or in a sigmoid of one output, and save it again."
        )


def _gives_shares(model: keras.Model) -> bool:
    noise = np.random.default_rng(0).integers(0, 256, (8, *model.input_shape[1:])).astype(np.uint8)
    scores = keras_scores(model, noise)
    return bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-3))


def input_size(path: Path) -> tuple[int, int]:
    """Return height and width that a Keras model takes, pixels.

    Raises:
        SourceError: the file cannot be loaded or takes anything but one RGB picture of fixed size.
    """
    model = _load(path)
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3 or None in shape[1:3]:
        raise SourceError(
            f"{path}: expected a model of one input (None, height, width, 3), received {shape}. Only RGB "
            "classifiers of fixed size can be exported."
        )
    return int(shape[1]), int(shape[2])


def _load(path: Path) -> keras.Model:
    try:
        require_bounded(path)
    except ValueError as error:
        raise SourceError(f"{path}: {error}. Save the model again, as a .keras file of Keras itself.") from error
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow leaves these kernels off on processors without AVX-512: 0.7x the time with them, measured there.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except MemoryError:
        raise
    # Damaged files raise almost anything (KeyError, BadZipFile, zlib.error, RuntimeError, ...), in many lines.
    except Exception as error:
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
        raise SourceError(
            f"{path}: Keras cannot load it ({reason}). Train it again, or save it as .keras."
        ) from error
    return plain_model(model, path)


def _take_pixels(model: keras.Model, source: Source) -> keras.Model:
    """Return a model of the user's own that takes 0-255, as all of ours do."""
    if source.input_range is not None:
        low, high = source.input_range
        return rescaled(model, (high - low) / 255, low)
    first = next((layer for layer in model.layers if type(layer).__name__ != "InputLayer"), None)
    if type(first).__name__ in ("Rescaling", "Normalization"):
        return model
    raise SourceError(
        f"{source.model_path}: the model does not begin with a Rescaling layer, so its values for black and "
        "white are unknown. State them, for example with --input-range 0 1 or --input-range 0 255."
    )


class KerasScorer:
    """Scores pictures with a Keras model, which is traced once.

    If the scores are the sigmoid or softmax of a dense layer, that layer is computed in float64. A float32 score
    near 1 does not tell its logit exactly, and with a temperature it would be up to 1e-4 off.

    Attributes:
        model: the model.
        last_layer: the dense layer that is computed in float64; None if the scores are made otherwise.
    """

    def __init__(self, model: keras.Model, *, body: keras.Model | None = None) -> None:
        """Keep the model without its last layer, or take it from a scorer of the same layers before the last."""
        import keras

        self.model = model
        self.last_layer = last_layer(model)
        self._body = body or (keras.Model(model.inputs, self.last_layer.input) if self.last_layer else model)

    def scores(
        self, pixels: Pixels, *, report: Callable[[int, int], None] = lambda done, total: None
    ) -> NDArray[np.float64]:
        """Return the scores of `uint8 (N, H, W, 3)` as `float64 (N, labels)`, rows summing to 1.

        Args:
            pixels: one or more pictures.
            report: called with pictures done and in all.
        """
        return self.scores_of(self.outputs(pixels, report=report))

    def outputs(
        self, pixels: Pixels, *, report: Callable[[int, int], None] = lambda done, total: None
    ) -> NDArray[np.float64]:
        """Return what goes into the last layer, or the scores where there is none; arguments as of `scores`."""
        parts = []
        for start in range(0, len(pixels), _BATCH):
            batch = pixels[start : start + _BATCH]
            # A batch of another size would be traced anew: with some networks that takes longer than the batch.
            full = np.concatenate([batch, np.zeros((_BATCH - len(batch), *batch.shape[1:]), batch.dtype)])
            parts.append(np.asarray(self._body.predict_on_batch(full), np.float64)[: len(batch)])
            report(start + len(batch), len(pixels))
        return np.concatenate(parts)

    def scores_of(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores, `float64 (N, labels)`, of what `outputs` returned."""
        if self.last_layer is None:
            return label_scores(outputs)
        kernel, *bias = (np.asarray(weights, np.float64) for weights in self.last_layer.get_weights())
        logits = outputs @ kernel + sum(bias)
        if self.last_layer.units > 1:
            return softmax(logits, axis=1)  # type: ignore[no-any-return]
        # Not 1 - expit(logits): that is 0 for a logit of 40, and no temperature would bring it back.
        return np.hstack([expit(-logits), expit(logits)])

    def rounding(self, outputs: NDArray[np.float64]) -> float:
        """Return how far float32 weights of the last layer can move a score: half a step for each weight, 0-1."""
        if self.last_layer is None:
            return 0.0
        kernel, *_ = self.last_layer.get_weights()
        return float((np.abs(outputs) @ np.abs(kernel.astype(np.float64))).max() * np.finfo(np.float32).eps / 2)

    def divided(self, temperature: float) -> KerasScorer:
        """Return the scorer of the same model with its logits divided. It is not traced anew."""
        return KerasScorer(divide_logits(self.model, temperature), body=self._body)


def keras_scores(model: keras.Model, pixels: Pixels) -> NDArray[np.float64]:
    """Return the scores that `KerasScorer` gives `uint8 (N, H, W, 3)`, for a model that is asked once."""
    return KerasScorer(model).scores(pixels)


def traced(model: keras.Model) -> Any:
    """Return the model as a `tf.function` of one picture.

    The input is `float32 (1, H, W, 3) RGB 0-255` named `image`. A fixed batch of one keeps shape arithmetic
    out of the converted graphs.
    """
    import tensorflow as tf

    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name=INPUT_NAME)
    return tf.function(lambda image: model(image, training=False), input_signature=[signature])
