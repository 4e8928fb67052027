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
from exporter.network.confidence import divide_logits, last_layer
from exporter.network.graph_copy import INPUT_NAME as INPUT_NAME
from exporter.network.graph_copy import rescaled
from exporter.network.inputs import TakenPictures, on_pictures, taken_pictures
from exporter.network.loading import load_model
from exporter.network.outputs import Ending, ending_of, giving_scores
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
    path = source.model_path
    loaded = load_model(path, source.trust)
    model = plain_model(loaded, path)
    if source.origin is Origin.KERAS:
        model = _taking_pixels(model, takes_bytes(loaded), source)
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
    model = plain_model(load_model(path, trust), path)
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
    return taken_pictures(plain_model(load_model(path), path), path).sized(path, None)


def takes_bytes(loaded: keras.Model) -> bool:
    """Say whether a model takes uint8, and so 0-255 as it is."""
    return [str(tensor.dtype) for tensor in loaded.inputs] == ["uint8"]


def _taking_pixels(model: keras.Model, as_bytes: bool, source: Source) -> keras.Model:
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
        if taken.takes_pixels or as_bytes:
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
