"""What the quantiser adds to ONNX Runtime's own, on graphs made by hand."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from exporter.errors import ConversionError
from exporter.formats.onnx.quantization import _fence, _logits, quantize_float16, quantize_int8

WEIGHTS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def model_of(nodes, *, dtype=TensorProto.FLOAT) -> onnx.ModelProto:
    """Return a model from three numbers called `image` to `scores`, with constants `w`, `v` and `shape`."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", dtype, [1, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", "columns"])],
        [
            numpy_helper.from_array(WEIGHTS, "w"),
            numpy_helper.from_array(WEIGHTS.T.copy(), "v"),
            numpy_helper.from_array(np.array([1, -1], np.int64), "shape"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto) -> np.ndarray:
    given = np.array([[3, -7, 11]], np.float32)
    return InferenceSession(model.SerializeToString()).run(None, {"image": given})[0]


def two_layers(*between) -> list:
    nodes = [helper.make_node("MatMul", ["image", "w"], ["a"], "first"), *between]
    last = between[-1].output[0] if between else "a"
    return [
        *nodes,
        helper.make_node("MatMul", [last, "v"], ["b"], "second"),
        helper.make_node("Reshape", ["b", "shape"], ["scores"], "reshape"),
    ]


def test_half_precision_is_of_weights_alone():
    """Proves that weights become float16 with a cast each, a shape stays as it is, and scores nearly so."""
    model = model_of(two_layers())
    halved = onnx.load_from_string(quantize_float16(model.SerializeToString()))
    stored = {constant.name: numpy_helper.to_array(constant) for constant in halved.graph.initializer}
    assert {name: value.dtype.name for name, value in stored.items()} == {
        "w_float16": "float16",
        "v_float16": "float16",
        "shape": "int64",
    }
    np.testing.assert_array_equal(stored["w_float16"], WEIGHTS.astype(np.float16))
    assert [node.op_type for node in halved.graph.node] == ["Cast", "Cast", "MatMul", "MatMul", "Reshape"]
    onnx.checker.check_model(halved)
    np.testing.assert_allclose(run(halved), run(model), rtol=3e-3)


@pytest.mark.parametrize(
    ("between", "alpha", "count"),
    [([], 1.0, 4), ([("Relu", "a", "r")], 0.0, 4), ([("Erf", "a", "r")], 1.0, 5)],
)
def test_a_fence_changes_no_number(between, alpha, count):
    """Proves that a layer kept in float is closed off by a leaky ReLU that computes what was there before."""
    nodes = two_layers(*(helper.make_node(kind, [given], [made], kind) for kind, given, made in between))
    plain = model_of(nodes)
    fenced = onnx.ModelProto()
    fenced.CopyFrom(plain)
    left = _fence(fenced.graph, ("first",))
    assert left[0] == "first"
    assert len(left) == 2
    fence = next(node for node in fenced.graph.node if node.op_type == "LeakyRelu")
    assert fence.name in left
    assert [option.f for option in fence.attribute] == [alpha]
    assert len(fenced.graph.node) == count
    onnx.checker.check_model(fenced)
    np.testing.assert_array_equal(run(fenced), run(plain))


def test_a_layer_that_two_read_is_fenced_for_both():
    """Proves that a ReLU that is not the only reader is left alone, and both readers get the fenced numbers."""
    nodes = [
        helper.make_node("MatMul", ["image", "w"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["r"], "relu"),
        helper.make_node("Add", ["a", "r"], ["scores"], "add"),
    ]
    plain, fenced = model_of(nodes), model_of(nodes)
    assert _fence(fenced.graph, ("first",)) == ["first", "first_fence"]
    assert [node.op_type for node in fenced.graph.node] == ["MatMul", "LeakyRelu", "Relu", "Add"]
    np.testing.assert_array_equal(run(fenced), run(plain))


def test_no_layer_kept_is_no_fence():
    """Proves that an ordinary int8 file has no operator more."""
    model = model_of(two_layers())
    assert _fence(model.graph, ()) == []
    assert model == model_of(two_layers())


@pytest.mark.parametrize(("last", "expected"), [("Sigmoid", ["b"]), ("Softmax", []), ("Identity", [])])
def test_only_the_logit_of_a_sigmoid_is_limited(last, expected):
    """Proves that the logits of a softmax, of which only differences count, keep the range that was measured."""
    first, second = two_layers()[:2]
    assert _logits(model_of([first, second, helper.make_node(last, ["b"], ["scores"])]).graph) == expected


def test_a_quantiser_that_fails_is_a_conversion_error():
    """Proves that whatever onnxruntime raises comes with its reason as the exporter's own error."""
    with pytest.raises(ConversionError, match="ONNX Runtime's quantiser failed: "):
        quantize_int8(b"no model", np.zeros((1, 1, 3, 3), np.uint8))
