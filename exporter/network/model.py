"""The Keras model of a run: load it, take its scores as the baseline, trace it for the converters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from edge_runtime.bundle.scores import label_scores, possible_outputs
from edge_runtime.picture.preprocessing import Pixels
from edge_runtime.strict_json import shortened
from exporter.errors import SourceError
from exporter.network.confidence import last_layer
from exporter.network.folding import settle
from exporter.network.inputs import TakenPictures, has_lambda, is_chain, on_pictures, rescaled, taken_pictures
from exporter.network.loading import load_model
from exporter.network.outputs import Ending, ending_of, giving_scores
from exporter.source import Origin, Source

if TYPE_CHECKING:
    import keras

__all__ = ["ModelFacts", "examine_model", "input_size", "is_chain", "keras_scores", "load_keras_model", "traced"]
INPUT_NAME = "image"
OUTPUT_NAME = "scores"
_BATCH = 64


def load_keras_model(source: Source) -> keras.Model:
    """Load the model and check its input size and its number of outputs against the source.

    Raises:
        SourceError: the file cannot be loaded, does not match the run, or its outputs are no scores.
    """
    path = source.model_path
    model = _load(path, source.trust)
    if source.origin is Origin.KERAS:
        model = _taking_pixels(model, source)
    wanted = (None, *source.preprocessing.shape)
    outputs = possible_outputs(len(source.labels))
    if model.input_shape != wanted or model.output_shape[-1] not in outputs:
        raise SourceError(
            f"{path}: expected input {wanted} and {' or '.join(map(str, outputs))} outputs for labels "
            f"{shortened(', '.join(source.labels), 200)}, received {model.input_shape} and "
            f"{model.output_shape[-1]}. Name the model of these labels, or name its labels with --labels."
        )
    ending = ending_of(model, path)
    if (ending is Ending.INDEPENDENT) is not source.independent:
        raise SourceError(f"{path}: gives {ending}, which is not what was found at first. Start the export again.")
    return giving_scores(model, ending)


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a Keras model before any picture is read.

    Args:
        pictures: what it takes.
        outputs: how many numbers it gives.
        ending: what they are.
    """

    pictures: TakenPictures
    outputs: int
    ending: Ending

    @property
    def is_independent(self) -> bool:
        """Whether each label has a score of its own, so that a picture may show several."""
        return self.ending is Ending.INDEPENDENT


def examine_model(path: Path, trust: Path | None = None) -> ModelFacts:
    """Return what a Keras model takes and gives.

    Args:
        path: a Keras file or a SavedModel folder.
        trust: a Python file to run for its own layers.

    Raises:
        SourceError: it cannot be loaded, takes anything but one picture, or gives no scores.
    """
    model = _load(path, trust)
    pictures = taken_pictures(model, path)
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or None in shape[1:] or math.prod(shape[1:]) != shape[-1]:
        raise SourceError(
            f"{path}: expected one output with a score for each label, such as (None, 2), received {shape}. Export "
            "a "
            "model that ends in its scores."
        )
    if pictures.channels_first or None in (pictures.height, pictures.width):
        sized = (pictures.height or 224, pictures.width or 224, pictures.channels)
        model = on_pictures(model, sized, path)
    return ModelFacts(pictures, int(shape[-1]), ending_of(model, path))


def input_size(path: Path) -> tuple[int, int]:
    """Return height and width that a Keras model takes, pixels.

    Raises:
        SourceError: the file cannot be loaded or takes anything but one picture of fixed size.
    """
    return taken_pictures(_load(path, None), path).sized(path, None)


def _load(path: Path, trust: Path | None) -> keras.Model:
    model = load_model(path, trust)
    import keras

    named = any(isinstance(getattr(model, key, None), dict | list) for key in ("input_shape", "output_shape"))
    if named and len(model.inputs) == len(model.outputs) == 1:
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if not isinstance(model, keras.Sequential) or has_lambda(model):
        return model
    # Loading calls each layer once for every layer after it. Then no layer would look like the link of a chain.
    fresh = keras.models.clone_model(model)
    fresh.set_weights(model.get_weights())
    settle(fresh)
    return fresh


def _taking_pixels(model: keras.Model, source: Source) -> keras.Model:
    """Return a model of the user's own that takes 0-255, as all of ours do."""
    taken = taken_pictures(model, source.model_path)
    model = on_pictures(model, source.preprocessing.shape, source.model_path)
    if source.normalisation is not None:
        mean, deviation = source.normalisation
        scale = [1 / value for value in deviation]
        offset = [-first / value for first, value in zip(mean, deviation, strict=True)]
        alone = len(scale) == 1
        return rescaled(model, scale[0] if alone else scale, offset[0] if alone else offset)
    if source.input_range is None:
        if taken.takes_pixels:
            return model
        raise SourceError(
            f"{source.model_path}: the model does not begin with a Rescaling layer, so its values for black and "
            "white are unknown. State them, for example with --input-range 0 1 or --input-range 0 255."
        )
    low, high = source.input_range
    return rescaled(model, (high - low) / 255, low)


class KerasScorer:
    """Scores pictures with a Keras model, which is traced once.

    If the scores are the sigmoid or softmax of a dense layer, that layer is computed in float64. A float32 score
    near 1 does not tell its logit exactly, and with a temperature it would be up to 1e-4 off.

    Attributes:
        model: the model.
        last_layer: the dense layer that is computed in float64; None if the scores are made otherwise.
    """

    def __init__(self, model: keras.Model) -> None:
        """Keep the model without its last layer."""
        import keras

        self.model = model
        self.last_layer = last_layer(model)
        self._body = keras.Model(model.inputs, self.last_layer.input) if self.last_layer else model

    def scores(
        self, pixels: Pixels, *, report: Callable[[int, int], None] = lambda done, total: None
    ) -> NDArray[np.float64]:
        """Return the scores of `uint8 (N, H, W, 3)` as `float64 (N, labels)`, rows summing to 1.

        Args:
            pixels: one or more pictures.
            report: called with pictures done and in all.
        """
        parts = []
        for start in range(0, len(pixels), _BATCH):
            parts.append(np.asarray(self._body.predict_on_batch(pixels[start : start + _BATCH]), np.float64))
            report(min(start + _BATCH, len(pixels)), len(pixels))
        outputs = np.concatenate(parts)
        if self.last_layer is None:
            return label_scores(outputs)
        kernel, *bias = (np.asarray(weights, np.float64) for weights in self.last_layer.get_weights())
        logits = outputs @ kernel + sum(bias)
        if self.last_layer.units > 1:
            return softmax(logits, axis=1)  # type: ignore[no-any-return]
        # Not 1 - expit(logits): that is 0 for a logit of 40, and no temperature would bring it back.
        return np.hstack([expit(-logits), expit(logits)])


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
