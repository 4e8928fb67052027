"""The noise in a layer of an ONNX file is that of its numbers, worked out apart."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from exporter.formats.layer_error import decibel, powers
from exporter.formats.onnx.layer_error import _rectified, measure_layer_errors
from exporter.formats.onnx.quantization import quantize_int8
from tests.exporter.smooth import smooth_pictures

PICTURES = smooth_pictures(6, 6, 5)


def network(*, rectified: bool) -> bytes:
    """Return a file of a convolution, a ReLU if wanted, and a dense layer with a sigmoid."""
    generator = np.random.default_rng(1)
    constants = {"kernel": (4, 3, 3, 3), "bias": (4,), "dense": (48, 1)}
    nodes = [
        helper.make_node("Transpose", ["image"], ["turned"], "turn", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["turned", "kernel", "bias"], ["sums"], "conv", kernel_shape=[3, 3]),
        helper.make_node("Relu" if rectified else "Identity", ["sums"], ["positive"], "relu"),
        helper.make_node("Flatten", ["positive"], ["row"], "flatten"),
        helper.make_node("MatMul", ["row", "dense"], ["logit"], "dense"),
        helper.make_node("Sigmoid", ["logit"], ["scores"], "last"),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 6, 5, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1])],
        [
            numpy_helper.from_array((generator.normal(size=shape) / 60).astype(np.float32), name)
            for name, shape in constants.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def tensor(content: bytes, name: str, dtype: type) -> np.ndarray:
    """Return a tensor of a file over all pictures."""
    model = onnx.load_from_string(content)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = InferenceSession(model.SerializeToString())
    return np.stack([session.run(None, {"image": picture[None].astype(dtype)})[0] for picture in PICTURES])


@pytest.mark.parametrize("rectified", [True, False])
def test_each_layer_has_its_own_noise(rectified):
    """Proves that every layer is there in order, a convolution judged behind its ReLU, by its decibels."""
    float32 = network(rectified=rectified)
    int8 = quantize_int8(float32, PICTURES)
    errors = measure_layer_errors(float32, int8, PICTURES)
    assert [(error.name, error.kind) for error in errors] == [("conv", "Conv"), ("dense", "MatMul")]
    produced = {node.output[0]: node for node in onnx.load_from_string(int8).graph.node}
    logit = next(name for name in ("logit_DequantizeLinear_Output", "logit") if name in produced)
    expected = decibel(*powers(tensor(float32, "logit", np.float32), tensor(int8, logit, np.uint8)))
    assert errors[1].signal_to_noise_db == pytest.approx(expected, abs=0.1)
    assert 15 < errors[0].signal_to_noise_db < 70


def test_the_relu_after_a_tensor_is_found():
    """Proves that a layer is followed through its own ReLU alone, not through another's."""
    graph = onnx.load_from_string(network(rectified=True)).graph
    assert _rectified(graph, "sums") == "positive"
    assert _rectified(graph, "logit") == "logit"
