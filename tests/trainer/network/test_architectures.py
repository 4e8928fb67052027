"""The networks, layer by layer."""

import math

import numpy as np
import pytest

from trainer.network.architectures import ANY_SIDE, ARCHITECTURES, compact_network, report_network, wide_network

pytestmark = pytest.mark.usefixtures("keras_started")


def count(weights: list) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def test_parameters_of_the_report() -> None:
    """Proves that the network has the very number of parameters that the report's model summary shows."""
    model = report_network(128, 1)
    assert model.count_params() == 12_942_273
    assert count(model.trainable_weights) == 12_940_801
    assert count(model.non_trainable_weights) == 1_472


def test_layers_of_the_report() -> None:
    """Proves kinds and order of the layers, kernel, padding, filters and dropout rates."""
    layers = report_network(128, 1).layers
    block = ["Conv2D", "BatchNormalization", "MaxPooling2D", "Dropout"]
    head = ["Flatten", "Dense", "BatchNormalization", "Dropout", "Dense"]
    assert [type(layer).__name__ for layer in layers] == ["InputLayer", "Rescaling", *block * 3, *head]
    convolutions = [layer for layer in layers if type(layer).__name__ == "Conv2D"]
    assert [layer.filters for layer in convolutions] == [32, 64, 128]
    assert {(layer.kernel_size, layer.padding, layer.strides) for layer in convolutions} == {
        ((3, 3), "valid", (1, 1))
    }
    assert {layer.activation.__name__ for layer in convolutions} == {"relu"}
    assert [layer.rate for layer in layers if type(layer).__name__ == "Dropout"] == [0.25, 0.25, 0.25, 0.5]
    assert {layer.pool_size for layer in layers if type(layer).__name__ == "MaxPooling2D"} == {(2, 2)}
    assert [(layer.units, layer.activation.__name__) for layer in layers if type(layer).__name__ == "Dense"] == [
        (512, "relu"),
        (1, "sigmoid"),
    ]


def test_scaling_is_the_first_layer() -> None:
    """Proves that the network takes 0-255 and divides by 255 itself."""
    model = report_network(32, 1)
    assert model.layers[1](np.array([[0.0, 51.0, 255.0]])).numpy().tolist() == [[0.0, pytest.approx(0.2), 1.0]]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    scores = np.asarray(model.predict_on_batch(pixels))
    assert scores.shape == (2, 1)
    assert np.all((scores > 0) & (scores < 1))


def test_names_that_the_exporter_reads() -> None:
    """Proves the names of input and output."""
    model = report_network(32, 1)
    assert ([tensor.name for tensor in model.inputs], model.output_names) == (["image"], ["scores"])


def test_three_classes_end_in_softmax() -> None:
    """Proves that several outputs are shares of one."""
    model = report_network(32, 3)
    scores = np.asarray(model.predict_on_batch(np.full((4, 32, 32, 3), 200, np.uint8)))
    assert scores.shape == (4, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("size", [32, 97])
def test_every_network_takes_every_size(name: str, size: int) -> None:
    """Proves that each network in the list can be built at the smallest size allowed and at an odd one."""
    assert ARCHITECTURES[name].build(size, 1).output_shape == (None, 1)


def multiply_adds(model: object) -> int:
    """Count the multiply-adds of convolutions and dense layers for one picture."""
    total = 0
    for layer in model.layers:
        if type(layer).__name__ == "Conv2D":
            total += math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape)
        elif type(layer).__name__ == "Dense":
            total += math.prod(layer.kernel.shape)
    return total


def test_size_of_the_compact_network() -> None:
    """Proves that it stays below a million parameters and 60 M multiply-adds, and is what its docstring says."""
    model = compact_network(128, 3)
    assert model.count_params() == 987_811
    assert multiply_adds(model) == pytest.approx(53.9e6, rel=0.005)


def test_size_of_the_wide_network() -> None:
    """Proves that the network that teaches is about four times the compact one, as its docstring says."""
    model = wide_network(128, 3)
    assert count(model.weights) == 3_940_931
    assert multiply_adds(model) == pytest.approx(212e6, rel=0.01)


def test_compact_convolutions() -> None:
    """Proves that every convolution is a plain, padded 3x3 one that batch normalisation and ReLU follow."""
    model = compact_network(64, 3)
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert {(layer.kernel_size, layer.padding, layer.use_bias) for layer in convolutions} == {
        ((3, 3), "same", False)
    }
    for layer in convolutions:
        (normalisation,) = [node.operation for node in layer._outbound_nodes]
        (then,) = [node.operation for node in normalisation._outbound_nodes]
        assert type(normalisation).__name__ == "BatchNormalization"
        assert type(then).__name__ in ("ReLU", "Add")


@pytest.mark.parametrize("name", ANY_SIDE)
def test_any_side_is_the_same_network(name: str) -> None:
    """Proves that weights trained without a fixed side give the same scores in a network with one."""
    free, fixed = ARCHITECTURES[name].build(None, 3), ARCHITECTURES[name].build(64, 3)
    fixed.set_weights(free.get_weights())
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    np.testing.assert_array_equal(free.predict_on_batch(pixels), fixed.predict_on_batch(pixels))
    assert free.predict_on_batch(pixels[:, :48, :48]).shape == (2, 3)
