"""What a Keras model gives: scores, the logits of scores, or independent scores of several labels."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.errors import SourceError
from exporter.network.confidence import last_activation
from exporter.network.inputs import free_name

if TYPE_CHECKING:
    import keras


class Ending(StrEnum):
    """What the outputs of a model are.

    Attributes:
        SCORES: shares that sum to 1, or one share.
        LOGITS: what a softmax, or the sigmoid of one output, makes shares of.
        INDEPENDENT: a share for each of several labels, which exclude each other not.
    """

    SCORES = "scores"
    LOGITS = "logits"
    INDEPENDENT = "independent"


def ending_of(model: keras.Model, path: Path) -> Ending:
    """Return what the outputs are. A known activation is judged by its name, any other by what it gives for noise.

    Raises:
        SourceError: they are nothing of that kind.
    """
    import keras

    name, outputs = last_activation(model), model.output_shape[-1]
    if name == "softmax" and outputs > 1:
        return Ending.SCORES
    if name == "sigmoid":
        return Ending.SCORES if outputs == 1 else Ending.INDEPENDENT
    if name == "linear":
        return Ending.LOGITS
    if not hasattr(keras.activations, name):
        if name == "savedmodellayer":
            return _ending_by_noise(model)
        if _is_shares(_of_noise(model)):
            return Ending.SCORES
    raise SourceError(
        f"{path}: expected scores from 0 to 1 that sum to 1, received {outputs} outputs of {name}. End the "
        "model in a softmax, or in a sigmoid of one output, and save it again."
    )


def giving_scores(model: keras.Model, ending: Ending) -> keras.Model:
    """Return the model with a softmax at its end, or a sigmoid for one output, if it gives logits."""
    import keras

    if ending is not Ending.LOGITS:
        return model
    name = free_name(model, "added_activation")
    activation = keras.layers.Activation(added_activation(model.output_shape[-1]), name=name)
    return keras.Model(model.inputs, activation(model.outputs[0]), name=model.name)


def added_activation(outputs: int) -> str:
    """Return the name of what makes scores of logits."""
    return "softmax" if outputs > 1 else "sigmoid"


def _ending_by_noise(model: keras.Model) -> Ending:
    given = _of_noise(model)
    if _is_shares(given) or (given.shape[-1] == 1 and _in_bounds(given)):
        return Ending.SCORES
    return Ending.INDEPENDENT if _in_bounds(given) else Ending.LOGITS


def _of_noise(model: keras.Model) -> Any:
    noise = np.random.default_rng(0)
    pictures = noise.integers(0, 256, (8, *model.input_shape[1:]))
    shares = pictures / 255
    fed = np.concatenate([pictures, shares, 2 * shares - 1]).astype(np.float32)  # whatever range it takes
    return np.asarray(model.predict_on_batch(fed), np.float64)


def _is_shares(given: Any) -> bool:
    if given.shape[-1] == 1:
        return False
    return bool((given >= 0).all() and np.allclose(given.sum(axis=-1), 1, atol=1e-3))


def _in_bounds(given: Any) -> bool:
    return bool((given >= 0).all() and (given <= 1).all())
