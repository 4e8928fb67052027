"""Stop a training whose loss is no finite number any more."""

from __future__ import annotations

import math

from trainer.config import TrainConfig
from trainer.errors import DivergedError

_USUAL = {"adam": 0.001, "sgd": 0.01, "muon": 0.02}  # learning rates that our recipes and Keras begin with


def require_finite(loss: float, config: TrainConfig, where: str) -> None:
    """Raise DivergedError when a loss is not finite: no later step brings the weights back.

    Args:
        loss: the loss.
        config: the options; the message names the learning rate among them.
        where: the epoch and step of the loss, for the message.
    """
    if math.isfinite(loss):
        return
    usual = _USUAL.get(config.optimizer, 0.001)
    lower = usual if config.learning_rate > usual else config.learning_rate / 10
    more = " Or leave out mixed_bfloat16, which rounds more." if config.mixed_bfloat16 else ""
    raise DivergedError(
        f"{where}: the loss is not finite ({loss}). The likely cause is the learning rate "
        f"{config.learning_rate:g}, which is too high for {config.optimizer}. Train again with "
        f"--learning-rate {lower:g}.{more}"
    )
