"""Each rule that writes an ONNX operator for integers computes the same with operators that have such a form."""

from dataclasses import dataclass, field

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from exporter.formats.onnx.rewriting import _INTEGER, float_islands, write_for_integers

FIRST, SECOND = (np.random.default_rng(seed).normal(size=(1, 4, 6, 5)).astype(np.float32) * 3 for seed in (0, 1))


@dataclass(frozen=True)
class Case:
    """One operator between two tensors of numbers: its inputs, where `x` and `y` are no constants."""

    kind: str
    inputs: tuple = ("x",)
    options: dict = field(default_factory=dict)


def floats(*values) -> np.ndarray:
    return np.array(values, np.float32)


def whole(*values) -> np.ndarray:
    return np.array(values, np.int64)


SLOPES = np.random.default_rng(2).uniform(-0.5, 2, (4, 1, 1)).astype(np.float32)
CASES = {
    "difference": Case("Sub", ("x", "y")),
    "less a constant": Case("Sub", ("x", floats(2.5))),
    "a constant less it": Case("Sub", (floats(2.5), "x")),
    "negative": Case("Neg"),
    "share": Case("Div", ("x", floats(127.5))),
    "square": Case("Pow", ("x", floats(2).reshape(()))),
    "cube": Case("Pow", ("x", floats(3).reshape(()))),
    "absolute": Case("Abs"),
    "tanh": Case("Tanh"),
    "slopes": Case("PRelu", ("x", SLOPES)),
    "clip on both sides": Case("Clip", ("x", floats(-1).reshape(()), floats(2).reshape(()))),
    "clip below": Case("Clip", ("x", floats(-1.5).reshape(()), "")),
    "clip above": Case("Clip", ("x", "", floats(1.5).reshape(()))),
    "larger": Case("Max", ("x", "y")),
    "larger of three": Case("Max", ("x", floats(0.5), "y")),
    "smaller": Case("Min", ("x", "y")),
    "smaller than a constant": Case("Min", (floats(1.5), "x")),
    "mean of a plane": Case("ReduceMean", options={"axes": [2, 3], "keepdims": 1}),
    "mean of a plane, flat": Case("ReduceMean", options={"axes": [2, 3], "keepdims": 0}),
    "mean of channels": Case("ReduceMean", options={"axes": [1], "keepdims": 1}),
    "mean of the last two of three": Case("ReduceMean", options={"axes": [1, -1], "keepdims": 0}),
    "sum": Case("ReduceSum", ("x", whole(1, 2)), {"keepdims": 0}),
    "maximum of channels": Case("ReduceMax", options={"axes": [-3], "keepdims": 1}),
    "maximum of a plane, flat": Case("ReduceMax", options={"axes": [2, 3], "keepdims": 0}),
    "global maximum": Case("GlobalMaxPool"),
    "repetition": Case("Tile", ("x", whole(1, 1, 2, 3))),
    "twice the size": Case("Resize", ("x", "", floats(1, 1, 2, 2)), {"mode": "linear"}),
    "other sides": Case("Resize", ("x", "", "", whole(1, 4, 4, 7)), {"mode": "linear"}),
}


def model_of(case: Case) -> onnx.ModelProto:
    """Return the case as a model with shapes, in which leaky ReLUs make its inputs and read its output."""
    constants, names = [], []
    for number, given in enumerate(case.inputs):
        if not isinstance(given, str):
            constants.append(numpy_helper.from_array(given, f"constant{number}"))
        names.append(given if isinstance(given, str) else f"constant{number}")
    nodes = [
        helper.make_node("LeakyRelu", ["first"], ["x"], "before", alpha=1.0),
        helper.make_node("LeakyRelu", ["second"], ["y"], "beside", alpha=1.0),
        helper.make_node(case.kind, names, ["made"], "layer/it", **case.options),
        helper.make_node("LeakyRelu", ["made"], ["after"], "after", alpha=1.0),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, FIRST.shape) for name in ("first", "second")]
    outputs = [helper.make_tensor_value_info("after", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "one", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def run(model: onnx.ModelProto) -> np.ndarray:
    return InferenceSession(model.SerializeToString()).run(["after"], {"first": FIRST, "second": SECOND})[0]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_rule_changes_no_number(case):
    """Proves that the new operators give what the old one gave, to the rounding of float32, and fit integers."""
    plain = model_of(case)
    written, islands = write_for_integers(plain)
    assert islands == []
    kinds = {node.op_type for node in written.graph.node}
    assert case.kind not in kinds
    assert kinds <= set(_INTEGER)
    onnx.checker.check_model(written, full_check=True)
    np.testing.assert_allclose(run(written), run(plain), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "case",
    [
        Case("Relu"),
        Case("Clip", ("x", floats(0).reshape(()), floats(6).reshape(()))),
        Case("Resize", ("x", "", floats(1, 1, 2, 2)), {"mode": "nearest"}),
    ],
    ids=["ReLU", "ReLU6", "nearest pixel"],
)
def test_what_has_an_integer_form_is_left(case):
    """Proves that a network without odd operators is handed on as the very same model."""
    plain = model_of(case)
    assert write_for_integers(plain)[0] is plain


@pytest.mark.parametrize("kind", ["Relu", "Clip"])
def test_a_shared_rectifier_is_one_that_can_be_shared(kind):
    """Proves that a ReLU, or one up to 6, whose input a sum reads too is written as leaky ones without a slope."""
    ends = [floats(0).reshape(()), floats(6).reshape(())] if kind == "Clip" else []
    model = model_of(Case(kind, ("x", *ends)))
    model.graph.node[-1].CopyFrom(helper.make_node("Add", ["x", "made"], ["after"], "sum"))
    written, islands = write_for_integers(model)
    assert islands == []
    assert kind not in [node.op_type for node in written.graph.node]
    np.testing.assert_allclose(run(written), run(model), atol=1e-5)


def layers_of(*nodes) -> onnx.GraphProto:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 5])]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)]
    return helper.make_graph(nodes, "layers", inputs, outputs)


def test_a_normalisation_stays_in_float_as_a_whole():
    """Proves that arithmetic around a root stays in float with it, but not what belongs to other layers."""
    graph = layers_of(
        helper.make_node("Mul", ["x", "x"], ["doubled"], "scale/mul"),
        helper.make_node("ReduceMean", ["doubled"], ["mean"], "norm/moments/mean", axes=[1]),
        helper.make_node("Sqrt", ["mean"], ["root"], "norm/Rsqrt"),
        helper.make_node("Mul", ["doubled", "root"], ["scaled"], "norm/mul"),
        helper.make_node("Sigmoid", ["scaled"], ["gate"], "norm/Sigmoid"),
        helper.make_node("Add", ["gate", "x"], ["out"], "add/add"),
    )
    assert float_islands(graph) == {"norm/moments/mean", "norm/Rsqrt", "norm/mul"}


def test_weights_of_a_transposed_convolution_may_still_be_bytes():
    """Proves that an operator with large weights is quantised for its size, though it computes in float."""
    node = helper.make_node("ConvTranspose", ["x", "kernel"], ["out"], "up/convolution")
    assert float_islands(layers_of(node)) == set()
