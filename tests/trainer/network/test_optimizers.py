"""Optimisers and schedules: what a name stands for, and the step sizes it gives."""

import inspect
from typing import Any

import numpy as np
import pytest

from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.network.optimizers import OPTIMIZERS, SCHEDULES, make_optimizer

pytestmark = pytest.mark.usefixtures("keras_started")


def optimizer(name: str = "adam", schedule: str = "constant", **changes: Any) -> Any:
    plain = {"learning_rate": 0.1, "steps": 100, "weight_decay": 0.0, "weight_averaging": 0.0}
    return make_optimizer(name, schedule, **(plain | changes))


def small_model() -> Any:
    """A convolution, batch normalisation and a dense layer."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("sgd", "SGD"), ("muon", "ConvolutionMuon")])
def test_a_name_is_its_optimiser(name: str, kind: str) -> None:
    """Proves that each name builds the optimiser it says, with the step size asked for."""
    made = optimizer(name)
    assert type(made).__name__ == kind
    assert float(made.learning_rate) == pytest.approx(0.1)


def test_sgd_has_nesterov_momentum() -> None:
    """Proves that `sgd` is the one that the help and the recipes mean."""
    made = optimizer("sgd")
    assert (made.momentum, made.nesterov) == (0.9, True)


def test_the_tables_are_what_can_be_chosen() -> None:
    """Proves that the options accept every name of the tables and no other, so that a new line is enough."""
    for name in OPTIMIZERS:
        assert TrainConfig(optimizer=name).optimizer == name
    for name in SCHEDULES:
        assert TrainConfig(schedule=name).schedule == name
    with pytest.raises(ConfigError, match="option optimizer: expected adam or sgd or muon, received 'lion'"):
        TrainConfig(optimizer="lion")


def test_a_constant_rate_is_constant() -> None:
    """Proves that without a schedule every step has the same size."""
    assert SCHEDULES["constant"](0.25, 10) == 0.25


@pytest.mark.parametrize("steps", [20, 100, 1000])
def test_cosine_rises_over_a_twentieth_and_falls_to_zero(steps: int) -> None:
    """Proves the schedule: zero, the full rate after the warm-up, half of it midway, zero at the end."""
    rate = optimizer(schedule="cosine", steps=steps)._learning_rate
    sizes = np.array([float(rate(step)) for step in range(steps + 1)])
    warm_up = steps // 20
    assert sizes[0] == 0
    assert sizes.argmax() == warm_up
    assert sizes.max() == pytest.approx(0.1)
    assert sizes[(steps + warm_up) // 2] == pytest.approx(0.05, rel=0.1)
    assert sizes[-1] == pytest.approx(0, abs=1e-6)
    assert (np.diff(sizes[: warm_up + 1]) > 0).all()
    assert (np.diff(sizes[warm_up:]) < 0).all()


def test_cosine_of_a_few_steps_has_a_warm_up() -> None:
    """Proves that a run shorter than twenty steps is no division by zero and still reaches the full rate."""
    rate = optimizer(schedule="cosine", steps=3)._learning_rate
    assert [float(rate(step)) for step in (0, 1)] == pytest.approx([0, 0.1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_averaging_and_decay_reach_the_optimiser(name: str) -> None:
    """Proves that both options reach every optimiser, and that neither is on unless asked for."""
    plain, full = optimizer(name), optimizer(name, weight_decay=0.01, weight_averaging=0.9)
    assert (plain.use_ema, plain.weight_decay) == (False, None)
    assert (full.use_ema, full.ema_momentum, full.weight_decay) == (True, 0.9, 0.01)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_decay_spares_biases_and_normalisation(name: str) -> None:
    """Proves that a step without gradient makes kernels smaller, and leaves gamma, beta and bias as they are."""
    model = small_model()
    made = optimizer(name, weight_decay=0.5)
    made.build(model.trainable_variables)
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    zero = [np.zeros(variable.shape, np.float32) for variable in model.trainable_variables]
    made.apply(zero, model.trainable_variables)
    for variable in model.trainable_variables:
        changed = not np.array_equal(np.asarray(variable), np.ones(variable.shape))
        assert changed == (variable.name == "kernel"), variable.path


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_learns(name: str) -> None:
    """Proves that a few steps of each make the loss of a simple task smaller."""
    model = small_model()
    rate = {"adam": 0.05, "sgd": 0.5, "muon": 0.05}[name]
    model.compile(optimizer=optimizer(name, learning_rate=rate), loss="binary_crossentropy")
    generator = np.random.default_rng(0)
    targets = np.arange(32) % 2
    pixels = generator.normal(targets[:, None, None, None], 0.5, (32, 8, 8, 3)).astype(np.float32)
    losses = [float(model.train_on_batch(pixels, targets[:, None].astype(np.float32))) for _ in range(15)]
    assert losses[-1] < 0.8 * losses[0]


def test_importing_the_tables_is_light() -> None:
    """Proves that options can be checked without Keras: each entry imports it only when it is called."""
    from trainer.network import optimizers

    assert "keras" not in vars(optimizers)
    assert all(inspect.isfunction(entry) for entry in (*OPTIMIZERS.values(), *SCHEDULES.values()))
