"""What is done to a network changes no score; what cannot be proved is left out, is named, and ends nothing."""

import keras
import numpy as np
import pytest
from keras import layers

from exporter.network import optimization
from exporter.network.folding import fold
from exporter.network.model import KerasScorer
from exporter.network.optimization import EVENING, FOLDING, optimize
from exporter.network.proof import MAX_DIFFERENCE, Proof, prove
from exporter.network.silence import silent_layers
from tests.exporter.idioms import IDIOMS, SIDE, alive, stripes

PICTURES = stripes(40, seed=1)[0]
FOLDED_NOT = {"shared layer"}  # a layer used twice is left alone, and the report says so


def optimized(model):
    """Return what became of a network, its scorer, and its scores before."""
    scorer = KerasScorer(model)
    before = scorer.scores(PICTURES)
    return optimize(scorer, before, PICTURES, PICTURES[:16]), scorer, before


@pytest.mark.parametrize("name", IDIOMS)
def test_no_known_idiom_is_left_out(idioms, name):
    """Proves of each idiom that it is folded, that nothing ends in an error, and that the scores are the same."""
    _, plain = idioms(name)
    made, _, before = optimized(plain)
    assert made.skipped == ()
    assert made.proof.holds
    assert bool(made.folding.folded) == (name not in FOLDED_NOT)
    np.testing.assert_allclose(KerasScorer(made.model).scores(PICTURES), before, atol=MAX_DIFFERENCE)


@pytest.fixture(scope="module")
def deep():
    """A MobileNetV2 whose normalisations enlarge what each layer rounds, as those of deep trained networks do."""
    keras.utils.set_random_seed(0)
    made = keras.applications.MobileNetV2((SIDE, SIDE, 3), alpha=0.35, weights=None, classes=2)
    random = np.random.default_rng(0)
    for layer in made.layers:
        if isinstance(layer, layers.BatchNormalization):
            count = layer.gamma.shape[0]
            spread = (random.uniform(2, 5, count), random.normal(0, 0.5, count), random.normal(0, 0.3, count))
            layer.set_weights([*spread, random.uniform(0.05, 1.5, count)])
    last = made.layers[-1]
    features = np.asarray(keras.Model(made.inputs[0], last.input)(PICTURES.astype(np.float32)))
    kernel = random.normal(0, 1, last.kernel.shape)
    kernel /= (features @ kernel).std()
    last.set_weights([kernel, -(features @ kernel).mean(axis=0)])
    return made


def test_a_deep_network_is_proved_in_float64(deep):
    """Proves that a fold is kept where float32 alone moves scores, and that float64 shows that it is exact."""
    made, *_ = optimized(deep)
    assert len(made.folding.folded) > 30
    assert made.skipped == ()
    assert made.proof.difference > MAX_DIFFERENCE
    assert made.proof.exact < 1e-7 < made.proof.rounding


def broken(model):
    """Fold wrongly: the last layer's bias is off by a hundredth."""
    folding = fold(model)
    last = folding.model.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([kernel, bias + np.linspace(0, 0.5, len(bias))])
    return folding


def test_a_wrong_fold_is_found_in_a_deep_network_too(deep, monkeypatch):
    """Proves that the rounding of a deep network hides no error: the network stays as it was, with the reason."""
    monkeypatch.setattr(optimization, "fold", broken)
    made, scorer, _ = optimized(deep)
    assert made.model is scorer.model
    assert made.folding.folded == ()
    assert [what for what, _ in made.skipped] == [FOLDING]
    assert "in float64 by " in made.skipped[0][1]


@pytest.mark.parametrize("step", ["fold", "find_factors", "even_out"])
def test_an_error_in_a_step_leaves_it_out(idioms, monkeypatch, step):
    """Proves that whatever a step raises is a line of the report, and that the other step is still done."""

    def fails(*_):
        raise KeyError("no such\nlayer")

    monkeypatch.setattr(optimization, step, fails)
    made, _, before = optimized(idioms("dense layers alone")[1])
    assert made.skipped == ((FOLDING if step == "fold" else EVENING, "it ended in KeyError: 'no such\\nlayer'"),)
    assert made.evened == (step == "fold")
    assert bool(made.folding.folded) == (step != "fold")
    np.testing.assert_allclose(KerasScorer(made.model).scores(PICTURES), before, atol=MAX_DIFFERENCE)


def test_wrong_factors_leave_the_folding(idioms, monkeypatch):
    """Proves that evening out alone is left out where it alone is wrong."""
    true = optimization.even_out

    def wrong(model, factors):
        made = true(model, factors)
        made.layers[-1].set_weights([0.9 * value for value in made.layers[-1].get_weights()])
        return made

    monkeypatch.setattr(
        optimization, "even_out", lambda model, factors: wrong(model, factors) if factors else model
    )
    made, *_ = optimized(idioms("dense layers alone")[1])
    assert [what for what, _ in made.skipped] == [EVENING]
    assert not made.evened
    assert made.folding.folded


class Narrow(layers.Layer):
    """A layer of the user's own that only knows float32."""

    def call(self, inputs):
        """Return the inputs, if they are float32."""
        if inputs.dtype != "float32":
            raise TypeError("expected float32")
        return inputs * 1.0


def test_without_float64_the_rounding_is_measured(monkeypatch):
    """Proves that a network of float32 alone is compared with nudged weights, and a wrong fold still found."""
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 3))
    tensor = layers.Conv2D(8, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    tensor = Narrow()(layers.BatchNormalization()(layers.Conv2D(8, 3)(tensor)))
    model = keras.Model(image, layers.Dense(2, "softmax")(layers.GlobalAveragePooling2D()(tensor)))
    model = alive(model, *stripes(40, seed=1))
    weights = model.get_weights()
    monkeypatch.setattr(optimization, "fold", broken)
    made, *_ = optimized(model)
    assert [what for what, _ in made.skipped] == [EVENING, FOLDING]
    for _, reason in made.skipped:
        assert "rounding is" in reason
        assert "float64" not in reason
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def unasked(*_):
    """Stand for what must not be called."""
    raise AssertionError("asked without need")


def test_a_proof_says_what_it_found():
    """Proves the bounds: equal scores, more than rounding, no number, and a difference in float64."""
    scores = np.full((3, 2), 0.5)
    assert prove(scores, scores + 9e-6, PICTURES, unasked, unasked) == Proof(pytest.approx(9e-6))
    lost = prove(scores, scores * np.nan, PICTURES, unasked, unasked)
    assert not lost.holds
    assert str(lost) == "it moved a score by nan, expected at most 1e-05"
    assert Proof(2e-5, 1e-12, 3e-6).holds
    assert not Proof(4e-5, 1e-12, 3e-6).holds
    assert not Proof(2e-5, 1e-6, 3e-6).holds
    assert Proof(2e-5, None, 3e-6).holds
    assert str(Proof(0.2, 0.1, 3e-6)) == (
        "it moved a score by 0.2, in float64 by 0.1, and the network's own rounding is 3e-06"
    )


def test_only_what_sleeps_is_silent(idioms):
    """Proves that a layer that no picture wakes is named, and none that a single picture wakes."""
    assert silent_layers(idioms("silent layer")[1], PICTURES) == ("asleep",)
    assert silent_layers(idioms("residual")[1], PICTURES) == ()
    image = keras.Input((4, 4, 3))
    bright = layers.Conv2D(1, 4, activation="relu", kernel_initializer="ones", name="bright")
    bright.build((None, 4, 4, 3))
    bright.set_weights([bright.get_weights()[0], np.array([-47.0])])
    model = keras.Model(image, layers.Flatten()(bright(image)))
    pictures = np.zeros((70, 4, 4, 3), np.uint8)
    assert set(silent_layers(model, pictures)) >= {"bright"}
    pictures[69] = 1
    assert silent_layers(model, pictures) == ()
