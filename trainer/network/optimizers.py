"""Optimisers and learning rates; `OPTIMIZERS` and `SCHEDULES` are the tables of what can be chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    from keras.optimizers import Optimizer
    from keras.optimizers.schedules import LearningRateSchedule

    from trainer.config import TrainConfig


def compile_network(model: keras.Model, config: TrainConfig, steps: int) -> None:
    """Set optimiser, loss and metric.

    Args:
        model: the network.
        config: the options.
        steps: steps of the whole run, the length of a schedule.
    """
    import keras

    binary = model.output_shape[-1] == 1
    losses = keras.losses
    loss = losses.BinaryCrossentropy if binary else losses.CategoricalCrossentropy
    model.compile(
        optimizer=_optimizer(config, steps),
        loss=loss(label_smoothing=0.0 if config.teacher else config.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False if config.any_side else "auto",  # XLA would compile anew for every side
    )


def _optimizer(config: TrainConfig, steps: int) -> Optimizer:
    rate = SCHEDULES[config.schedule](config.learning_rate, steps)
    decay, average = config.weight_decay or None, config.weight_averaging
    options = {"weight_decay": decay, "use_ema": average > 0, "ema_momentum": average or 0.99}
    optimizer = OPTIMIZERS[config.optimizer](rate, options)
    if decay:
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
