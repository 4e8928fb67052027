"""Weights are rounded so that a layer's sums stay near, and no further than the file's number format allows."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from exporter import onnx_conversion
from exporter.weight_rounding import round_together, round_weights

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Smooth pictures, uint8 (40, 12, 10, 3) RGB: neighbouring pixels are alike, as in photographs."""
    waves = GENERATOR.normal(size=(40, 16, 14, 3)).cumsum(axis=1).cumsum(axis=2)
    waves = waves[:, 2:14, 2:12]
    low, high = waves.min(axis=(1, 2, 3), keepdims=True), waves.max(axis=(1, 2, 3), keepdims=True)
    return np.uint8(255 * (waves - low) / (high - low))


def test_uncorrelated_inputs_are_rounded_to_nearest() -> None:
    """Proves that nothing is repaid where inputs know nothing of each other."""
    weights, scales = GENERATOR.normal(size=(4, 30)), np.full(4, 0.05)
    steps = round_together(weights, scales, np.diag(GENERATOR.uniform(1, 2, 30)), 127)
    np.testing.assert_array_equal(steps, np.round(weights / 0.05))


@pytest.mark.parametrize("inputs", [9, 300])
def test_correlated_inputs_lose_error(inputs: int) -> None:
    """Proves that the expected square of the error falls to less than half, in one block and in several."""
    seen = GENERATOR.normal(size=(2000, inputs)).cumsum(axis=1) + 3
    powers = seen.T @ seen / len(seen)
    weights = GENERATOR.normal(size=(8, inputs))
    scales = np.abs(weights).max(axis=1) / 64
    steps = round_together(weights, scales, powers, 64)
    nearest = np.round(weights / scales[:, None])
    assert _error(steps * scales[:, None] - weights, powers) < 0.5 * _error(
        nearest * scales[:, None] - weights, powers
    )
    assert np.abs(steps.astype(int)).max() <= 64


def test_dead_inputs_are_no_obstacle() -> None:
    """Proves that inputs that are always zero leave no infinite weight."""
    steps = round_together(GENERATOR.normal(size=(3, 6)), np.full(3, 0.1), np.zeros((6, 6)), 64)
    assert np.abs(steps.astype(int)).max() <= 64


@pytest.mark.parametrize(
    "options",
    [
        {"strides": [1, 1], "pads": [1, 1, 1, 1]},
        {"strides": [2, 2], "pads": [0, 0, 1, 1]},
        {"strides": [2, 1], "auto_pad": "SAME_UPPER"},
        {"strides": [2, 1], "auto_pad": "SAME_LOWER"},
        {"strides": [1, 2], "auto_pad": "VALID"},
    ],
)
def test_patches_are_what_the_convolution_reads(pictures: np.ndarray, options: dict) -> None:
    """Proves, for every kind of padding, that windows times weights are ONNX Runtime's own result."""
    from onnxruntime import InferenceSession

    from exporter.weight_rounding import _options, _windows

    model = _convolution(**options)
    model.graph.output[0].name = "sums"
    tensor = pictures[0].astype(np.float32).transpose(2, 0, 1)
    sums = InferenceSession(model.SerializeToString()).run(None, {"image": pictures[:1].astype(np.float32)})[0][0]
    windows = _windows(tensor, _options(model.graph.node[1]))
    weights, bias = (numpy_helper.to_array(constant) for constant in model.graph.initializer)
    found = np.einsum("cyxij,ocij->oyx", windows, weights) + bias[:, None, None]
    np.testing.assert_allclose(found, sums, atol=1e-4)


def test_grouped_and_dilated_convolutions_stay(pictures: np.ndarray) -> None:
    """Proves that what cannot be written as one window of all channels is left to the quantiser."""
    for options in ({"group": 3}, {"dilations": [2, 2]}):
        content = _convolution(**options).SerializeToString()
        once = onnx_conversion.quantize_int8(content, pictures)
        proto = onnx.load_from_string(once)
        round_weights(proto, onnx.load_from_string(content), pictures)
        assert proto.SerializeToString() == once


def test_a_file_is_nearer_and_as_narrow(monkeypatch, pictures: np.ndarray) -> None:
    """Proves that a convolution's int8 file errs less than with nearest rounding, at the same scales and 7 bits."""
    content = _convolution(pads=[1, 1, 1, 1]).SerializeToString()
    files = [onnx_conversion.quantize_int8(content, pictures[:20])]
    monkeypatch.setattr(onnx_conversion, "round_weights", lambda *_: None)
    files.append(onnx_conversion.quantize_int8(content, pictures[:20]))
    float_file = onnx.load_from_string(content)
    exact = _run(float_file, pictures[20:].astype(np.float32))
    errors = []
    constants = []
    for file in files:
        proto = onnx.load_from_string(file)
        errors.append(float(((_run(proto, pictures[20:]) - exact) ** 2).mean()))
        found = {constant.name: numpy_helper.to_array(constant) for constant in proto.graph.initializer}
        constants.append(found)
        kernels = [value for value in found.values() if value.dtype == np.int8 and value.ndim == 4]
        assert max(np.abs(kernel.astype(int)).max() for kernel in kernels) == 64
    assert errors[0] < 0.7 * errors[1]
    assert constants[0].keys() == constants[1].keys()
    changed = [name for name in constants[0] if not np.array_equal(constants[0][name], constants[1][name])]
    assert [constants[0][name].ndim for name in changed] == [4]


def _error(difference: np.ndarray, powers: np.ndarray) -> float:
    return float(np.einsum("oi,ij,oj->", difference, powers, difference))


def _run(proto: onnx.ModelProto, pictures: np.ndarray) -> np.ndarray:
    from onnxruntime import InferenceSession

    session = InferenceSession(proto.SerializeToString())
    return np.concatenate([session.run(None, {"image": picture[None]})[0] for picture in pictures])


def _convolution(**options) -> onnx.ModelProto:
    """A transposition, a convolution of 3 to 6 channels with a bias, and a sigmoid."""
    generator = np.random.default_rng(1)
    weights = generator.normal(size=(6, 3 // options.get("group", 1), 3, 3)).astype(np.float32) / 255
    nodes = [
        helper.make_node("Transpose", ["image"], ["turned"], "turn", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["turned", "kernel", "bias"], ["sums"], "conv", kernel_shape=[3, 3], **options),
        helper.make_node("Sigmoid", ["sums"], ["scores"], "last"),
    ]
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 12, 10, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(weights, "kernel"),
            numpy_helper.from_array(generator.normal(size=6).astype(np.float32), "bias"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
