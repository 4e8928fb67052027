"""The temperature that makes a confidence come true as often as it says, and the threshold of unsure answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from exporter.network.folding import activation_name

if TYPE_CHECKING:
    import keras

KEPT = 0.99  # share of the right answers that the confidence threshold lets through
_RANGE = (0.05, 20.0)  # of temperatures tried


@dataclass(frozen=True)
class Temperature:
    """What the logits are divided by before the last activation. It changes no label.

    Args:
        value: the temperature. It is above 1 if the model was too sure of itself.
        pictures: pictures of the validation split that it was fitted on; 0 if it was not fitted.
        reason: why it was not fitted, or "".
    """

    value: float = 1.0
    pictures: int = 0
    reason: str = ""

    @property
    def fitted(self) -> bool:
        """Whether there were pictures to fit it on."""
        return self.pictures > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the manifest."""
        return {"value": self.value, "validation_pictures": self.pictures, "reason": self.reason}


def fit_temperature(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> Temperature:
    """Return the temperature that makes the cross-entropy of the scores lowest when their logits are divided by it.

    Args:
        scores: `float64 (N, labels)`, 0-1, as `keras_scores` gives them.
        targets: label indices `int (N,)`.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    logits = _logits(scores)

    def loss(log_temperature: float) -> float:
        shares = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-shares[np.arange(len(targets)), targets].mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(_RANGE)), method="bounded")
    return Temperature(float(np.exp(found.x)), len(targets))


def choose_threshold(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> float:
    """Return the confidence that 99 % of the right answers reach, 0-1, rounded down to thousandths.

    Args:
        scores: `float64 (N, labels)` of the validation split, 0-1.
        targets: label indices `int (N,)`.
    """
    right = scores.argmax(axis=1) == targets
    if not right.any():
        return 0.0
    confidence = np.sort(scores.max(axis=1)[right])
    below = int((1 - KEPT) * len(confidence))  # so many may fall below it; between two of them, one more would
    return float(np.floor(confidence[below] * 1000) / 1000)


def temper(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return the scores `(N, labels)` that the model gives when its logits are divided by the temperature."""
    shares: NDArray[np.float64] = softmax(_logits(scores) / temperature, axis=1)
    return shares


def _logits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of scores: their logits, up to a constant that cancels.

    Scores in float64 keep differences of logits up to 708. A score of 0 stays below 1e-15 at any temperature tried.
    """
    logits: NDArray[np.float64] = np.log(np.clip(scores, np.finfo(np.float64).tiny, 1))
    return logits


def divide_logits(model: keras.Model, temperature: float) -> keras.Model:
    """Return a model whose logits are those of this one, divided. It shares all layers but the last with it.

    Args:
        model: a model that `last_layer` accepts.
        temperature: above 0.
    """
    import keras

    dense: Any = last_layer(model)
    divided = type(dense).from_config(dense.get_config())
    outputs = divided(dense.input)
    divided.set_weights([np.asarray(weights) / np.float32(temperature) for weights in dense.get_weights()])
    last = model.layers[-1]
    if last is not dense:  # the activation is a layer of its own
        outputs = type(last).from_config(last.get_config())(outputs)
    return keras.Model(model.inputs, outputs, name=model.name)


def last_layer(model: keras.Model) -> Any | None:
    """Return the dense layer whose outputs go into a last softmax, or a last sigmoid if it is one; else None."""
    layers: list[Any] = [None, *model.layers]
    before, last = layers[-2:]
    name = last_activation(model)
    if name not in ("sigmoid", "softmax") or model.outputs[0] is not last.output:
        return None
    dense = last if last.get_weights() else before
    if type(dense).__name__ != "Dense" or len(dense._inbound_nodes) != 1:
        return None
    if dense is before and (activation_name(dense) != "linear" or last.input is not dense.output):
        return None
    return dense if (name == "sigmoid") == (dense.units == 1) else None


def last_activation(model: keras.Model) -> str:
    """Return the name of the activation that makes the scores, such as `softmax`, or of the last layer."""
    last: Any = model
    while hasattr(last, "outputs"):  # a model within a model
        last = last.outputs[0]._keras_history.operation
    return activation_name(last) if hasattr(last, "activation") else type(last).__name__.lower()
