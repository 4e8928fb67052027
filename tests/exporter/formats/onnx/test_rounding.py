"""Convolutions of int8 ONNX files are rounded together, at the same scales, in seven bits."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from exporter.formats.onnx import quantization as onnx_quantization
from exporter.formats.onnx import rounding as onnx_rounding
from exporter.formats.weight_rounding import noted
from tests.exporter.smooth import smooth_pictures


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Smooth pictures, `uint8 (40, 12, 10, 3) RGB 0-255`."""
    return smooth_pictures(40, 12, 10)


@pytest.mark.parametrize(
    "options",
    [
        {"strides": [1, 1], "pads": [1, 1, 1, 1]},
        {"strides": [2, 2], "pads": [0, 0, 1, 1]},
        {"strides": [2, 1], "auto_pad": "SAME_UPPER"},
        {"strides": [1, 2], "auto_pad": "VALID"},
    ],
)
def test_patches_are_what_the_convolution_reads(pictures: np.ndarray, options: dict) -> None:
    """Proves, for every kind of padding, that windows times weights are ONNX Runtime's own result."""
    from onnxruntime import InferenceSession

    from exporter.formats.onnx.rounding import _window

    model = _convolution(**options)
    model.graph.output[0].name = "sums"
    sums = InferenceSession(model.SerializeToString()).run(None, {"image": pictures[:1].astype(np.float32)})[0][0]
    windows = _window(model.graph.node[1]).over(pictures[0].astype(np.float32))
    weights, bias = (numpy_helper.to_array(constant) for constant in model.graph.initializer)
    found = np.einsum("yxcij,ocij->oyx", windows, weights) + bias[:, None, None]
    np.testing.assert_allclose(found, sums, atol=1e-4)


@pytest.mark.parametrize("options", [{"group": 3}, {"dilations": [2, 2]}, {"auto_pad": "SAME_LOWER"}, {}])
def test_other_convolutions_stay(monkeypatch, pictures: np.ndarray, options: dict) -> None:
    """Proves that grouped, dilated, oddly padded and huge filters are left as the quantiser rounded them."""
    if not options:
        monkeypatch.setattr(onnx_rounding, "MOST_INPUTS", 26)  # it has 27
    content = _convolution(**options).SerializeToString()
    together = onnx_quantization.quantize_int8(content, pictures)
    monkeypatch.setattr(onnx_quantization, "round_weights", lambda *_: None)
    assert together == onnx_quantization.quantize_int8(content, pictures)


def test_a_file_is_nearer_and_as_narrow(monkeypatch, pictures: np.ndarray) -> None:
    """Proves that a convolution's int8 file errs less than with nearest rounding, at the same scales and 7 bits."""
    content = _convolution(pads=[1, 1, 1, 1]).SerializeToString()
    files = [onnx_quantization.quantize_int8(content, pictures[:20])]
    monkeypatch.setattr(onnx_quantization, "round_weights", lambda *_: None)
    files.append(onnx_quantization.quantize_int8(content, pictures[:20]))
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


def test_a_fault_in_rounding_leaves_the_quantisers_weights(monkeypatch, pictures: np.ndarray) -> None:
    """Proves that whatever rounding raises, there is a file, rounded to nearest, and a note that says why."""

    def fails(*_):
        raise IndexError("no such tensor")

    content = _convolution().SerializeToString()
    monkeypatch.setattr(onnx_rounding, "input_powers", fails)
    with noted() as notes:
        found = onnx_quantization.quantize_int8(content, pictures)
    why = "because it ended in IndexError: no such tensor"
    assert notes == [f"rounding the weights of the int8 ONNX file together, {why}"]
    monkeypatch.setattr(onnx_quantization, "round_weights", lambda *_: None)
    assert found == onnx_quantization.quantize_int8(content, pictures)
