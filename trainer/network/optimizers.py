"""Optimisers and learning rates; `OPTIMIZERS` and `SCHEDULES` are the tables of what can be chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras.optimizers import Optimizer
    from keras.optimizers.schedules import LearningRateSchedule


def make_optimizer(
    name: str, schedule: str, *, learning_rate: float, steps: int, weight_decay: float, weight_averaging: float
) -> Optimizer:
    """Build an optimiser.

    Args:
        name: its name in `OPTIMIZERS`.
        schedule: name of the schedule in `SCHEDULES`.
        learning_rate: step size, above 0; the largest of the schedule.
        steps: steps of the whole training, 1 or more.
        weight_decay: share of each weight, times the step size, that each step takes off; 0 for none.
        weight_averaging: decay per step of the moving average of the weights; 0 for no average.
    """
    rate = SCHEDULES[schedule](learning_rate, steps)
    options = {
        "weight_decay": weight_decay or None,
        "use_ema": weight_averaging > 0,
        "ema_momentum": weight_averaging or 0.99,
    }
    optimizer = OPTIMIZERS[name](rate, options)
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _constant(rate: float, steps: int) -> float:
    return rate


def _cosine(rate: float, steps: int) -> LearningRateSchedule:
    """Rise to `rate` over the first twentieth of the steps, then fall to zero along a cosine."""
    from keras.optimizers import schedules

    warm_up = max(1, steps // 20)
    return schedules.CosineDecay(0.0, steps - warm_up, warmup_target=rate, warmup_steps=warm_up)


def _adam(rate: Any, options: dict[str, Any]) -> Optimizer:
    from keras import optimizers

    return optimizers.Adam(rate, **options)


def _sgd(rate: Any, options: dict[str, Any]) -> Optimizer:
    from keras import optimizers

    return optimizers.SGD(rate, momentum=0.9, nesterov=True, **options)


def _muon(rate: Any, options: dict[str, Any]) -> Optimizer:
    from trainer.network.muon import ConvolutionMuon

    return ConvolutionMuon(rate, adam_weight_decay=options["weight_decay"], **options)


OPTIMIZERS: dict[str, Callable[[Any, dict[str, Any]], Optimizer]] = {"adam": _adam, "sgd": _sgd, "muon": _muon}
SCHEDULES: dict[str, Callable[[float, int], float | LearningRateSchedule]] = {
    "constant": _constant,
    "cosine": _cosine,
}
