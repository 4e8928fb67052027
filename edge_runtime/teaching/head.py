"""Fit the last layer of a network to the features of a few pictures: multinomial logistic regression.

Everything is `float64` and without chance, so the same pictures always give the same layer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_MOST_STEPS = 300
_SMALL_GRADIENT = 1e-5
_KEPT_PAIRS = 10
_LEAST_DEVIATION = 0.25  # of a feature, as a share of the typical one
_ENOUGH_DECREASE = 1e-4  # of what the slope promises; Nocedal and Wright, "Numerical Optimization", section 3.1


class Head(NamedTuple):
    """A last layer. The scores of features `f` are `softmax(weights @ f + bias)`.

    Attributes:
        weights: `float64 (labels, width)`.
        bias: `float64 (labels,)`.
    """

    weights: Array
    bias: Array

    def logits(self, features: Array) -> Array:
        """Return the logits `(N, labels)` of features `(N, width)`."""
        result: Array = features @ self.weights.T + self.bias
        return result

    def tempered(self, temperature: float) -> Head:
        """Return the layer whose logits are those of this one, divided."""
        return Head(self.weights / temperature, self.bias / temperature)

    def centred(self) -> Head:
        """Return a layer with the same scores, and logits whose mean is 0: they take the least range."""
        return Head(self.weights - self.weights.mean(axis=0), self.bias - self.bias.mean())


def softmax(logits: Array) -> Array:
    """Return the scores `(N, labels)` of logits, 0-1; each row sums to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Array = powers / powers.sum(axis=1, keepdims=True)
    return result


def fit_head(
    features: Array, targets: NDArray[np.intp], weights: Array, *, labels: int, strength: float, fixed: Array
) -> Head:
    """Fit the rows of a last layer to pictures.

    Args:
        features: `float64 (N, width)`.
        targets: label of each picture, `int (N,)`. The fixed labels come first.
        weights: how much each picture counts, `float64 (N,)`, with a sum of 1.
        labels: number of rows to fit, 1 or more.
        strength: what large weights cost, above 0. The features are scaled to a deviation of about 1 first.
        fixed: logits of the labels that are not fitted, `float64 (N, fixed labels)`.
    """
    mean = weights @ features
    scale = _deviation(features - mean, weights)
    scaled = (features - mean) / scale
    first = fixed.shape[1]
    wanted = np.zeros((len(targets), first + labels))
    wanted[np.arange(len(targets)), targets] = 1

    def cost(flat: Array) -> tuple[float, Array]:
        bias, matrix = flat[:labels], flat[labels:].reshape(labels, -1)
        logits = np.concatenate([fixed, scaled @ matrix.T + bias], axis=1)
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        sums = powers.sum(axis=1, keepdims=True)
        loss = weights @ (np.log(sums[:, 0]) - (logits * wanted).sum(axis=1))
        missed = (weights[:, None] * (powers / sums - wanted))[:, first:]
        slope = missed.T @ scaled + strength * matrix
        return float(loss + strength / 2 * (matrix**2).sum()), np.concatenate([missed.sum(axis=0), slope.ravel()])

    found = _lowest(cost, np.zeros(labels * (1 + features.shape[1])))
    matrix = found[labels:].reshape(labels, -1) / scale
    return Head(matrix, found[:labels] - matrix @ mean)


def fit_temperature(logits: Array, targets: NDArray[np.intp]) -> float:
    """Return the number to divide logits by so that confidence comes true as often as it says, 0.1-10.

    Args:
        logits: `float64 (N, labels)` of pictures that were not learned from.
        targets: their labels, `int (N,)`.

    N pictures cannot show more confidence than about 1 - 1/N. So one picture more is taken to have any label.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2, with targets that are
    smoothed as in J. Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    count, labels = logits.shape
    tried = np.geomspace(0.1, 10, 201)
    losses = []
    for temperature in tried:
        divided = logits / temperature
        any_label = [log_loss(divided, np.full(count, label)) for label in range(labels)]
        losses.append(count * log_loss(divided, targets) + float(np.mean(any_label)))
    return float(tried[int(np.argmin(losses))])


def log_loss(logits: Array, targets: NDArray[np.intp]) -> float:
    """Return the mean negative logarithm of the true label's score; less is better."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(targets)), targets]).mean())


def _deviation(centred: Array, weights: Array) -> Array:
    """Return what to divide each feature by. One that hardly varies is not blown up: it would be noise."""
    deviation = np.sqrt(weights @ centred**2)
    least = _LEAST_DEVIATION * float(np.sqrt((deviation**2).mean()))
    result: Array = np.maximum(deviation, least or 1.0)
    return result


def _lowest(cost: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    """Return where a smooth convex function is lowest, by the method L-BFGS.

    Source: Nocedal and Wright, "Numerical Optimization", second edition, algorithms 7.4 and 3.1.
    """
    place, (value, slope) = start, cost(start)
    pairs: deque[tuple[Array, Array]] = deque(maxlen=_KEPT_PAIRS)
    for _ in range(_MOST_STEPS):
        if np.abs(slope).max() < _SMALL_GRADIENT:
            break
        direction = -_times_inverse(slope, pairs)
        length, promised = 1.0, float(slope @ direction)
        while (after := cost(place + length * direction))[0] > value + _ENOUGH_DECREASE * length * promised:
            length /= 2
            if length < 1e-10:
                return place
        step, change = length * direction, after[1] - slope
        if step @ change > 0:
            pairs.append((step, change))
        place, value, slope = place + step, *after
    return place


def _times_inverse(slope: Array, pairs: deque[tuple[Array, Array]]) -> Array:
    """Return the slope times the inverse curvature that the last steps tell of."""
    result, shares = slope.copy(), []
    for step, change in reversed(pairs):
        share = (step @ result) / (step @ change)
        result -= share * change
        shares.append(share)
    if pairs:
        step, change = pairs[-1]
        result *= (step @ change) / (change @ change)
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        result += (share - (change @ result) / (step @ change)) * step
    return result
