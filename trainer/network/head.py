"""Fit the last layer of a network on the features before it, while all other layers stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels

if TYPE_CHECKING:
    import keras

HEAD = "logits"
_BATCH = 64
# Weight of the squared head against the mean cross-entropy. The head's inputs have a deviation below 1.
_PENALTIES = (1.0, 0.1, 0.01, 0.001, 0.0001)


@dataclass(frozen=True)
class Head:
    """A dense layer.

    Args:
        kernel: `float32 (features, labels)`.
        bias: `float32 (labels,)`.
        penalty: the penalty it was fitted with.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    penalty: float


def read_features(
    model: keras.Model, pixels: Pixels, *, report: Callable[[int, int], None] = lambda done, total: None
) -> NDArray[np.float32]:
    """Return what comes into the head for each picture, `float32 (N, features)`.

    Args:
        model: a network whose head is called `logits`.
        pixels: `uint8 (N, H, W, 3) RGB 0-255`.
        report: called with pictures done and in all.
    """
    import keras

    body = keras.Model(model.input, model.get_layer(HEAD).input)
    parts = []
    for start in range(0, len(pixels), _BATCH):
        parts.append(np.asarray(body.predict_on_batch(np.asarray(pixels[start : start + _BATCH])), np.float32))
        report(min(start + _BATCH, len(pixels)), len(pixels))
    return np.concatenate(parts)


def fit_head(
    training: tuple[NDArray[np.float32], NDArray[np.intp]],
    validation: tuple[NDArray[np.float32], NDArray[np.intp]],
    *,
    labels: int,
    weights: NDArray[np.float64] | None = None,
) -> Head:
    """Return the softmax head for the training pictures, with the penalty that fits the validation pictures.

    Args:
        training: features `(N, F)` and label indices `(N,)`.
        validation: the same of other pictures.
        labels: number of labels, 2 or more.
        weights: how much each training picture counts; None for all the same.
    """
    mean, variance = training[0].mean(axis=0), training[0].var(axis=0)
    deviation = np.sqrt(variance + variance.mean())  # a feature that hardly varies must not grow large
    x = (training[0] - mean) / deviation
    judged = ((validation[0] - mean) / deviation, validation[1])
    best, least = None, np.inf
    start = np.zeros((x.shape[1] + 1, labels))
    for penalty in _PENALTIES:
        start = _minimum(x, training[1], start, penalty, weights)
        loss = _cross_entropy(*judged, start)
        if loss >= least:
            break  # with a smaller penalty it would only fit the training pictures better
        best, least = (start, penalty), loss
    assert best is not None
    found, penalty = best
    kernel = found[:-1] / deviation[:, None]
    bias = found[-1] - mean @ kernel
    return Head(kernel.astype(np.float32), bias.astype(np.float32), penalty)


def set_head(model: keras.Model, head: Head) -> None:
    """Give a network this head; one output gets the difference of two labels."""
    kernel, bias = head.kernel, head.bias
    if model.output_shape[-1] == 1:
        kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
    model.get_layer(HEAD).set_weights([kernel, bias])


def _minimum(
    x: NDArray[np.float32],
    targets: NDArray[np.intp],
    start: NDArray[np.float64],
    penalty: float,
    weights: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Minimise the mean cross-entropy and the penalty; return kernel and, as last row, bias."""
    from scipy.optimize import minimize

    share = np.full(len(x), 1 / len(x)) if weights is None else weights / weights.sum()
    rows = np.arange(len(x))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        head = flat.reshape(start.shape)
        scores, log_scores = _softmax(x, head)
        value = -(share * log_scores[rows, targets]).sum() + penalty * (head[:-1] ** 2).sum() / 2
        scores[rows, targets] -= 1
        scores *= share[:, None]
        gradient = np.vstack([x.T @ scores.astype(np.float32) + penalty * head[:-1], scores.sum(axis=0)])
        return float(value), gradient.ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return np.asarray(found.x, np.float64).reshape(start.shape)


def _softmax(x: NDArray[np.float32], head: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    logits = (x @ head[:-1].astype(np.float32)).astype(np.float64) + head[-1]
    logits -= logits.max(axis=1, keepdims=True)
    scores = np.exp(logits)
    total = scores.sum(axis=1, keepdims=True)
    return scores / total, logits - np.log(total)


def _cross_entropy(x: NDArray[np.float32], targets: NDArray[np.intp], head: Any) -> float:
    return float(-_softmax(x, head)[1][np.arange(len(targets)), targets].mean())
