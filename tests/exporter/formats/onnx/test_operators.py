"""What tiny ONNX graphs, made by hand, are read as."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from exporter.errors import ConversionError
from exporter.formats.onnx.operators import read_graph

CONSTANTS = {
    "scale": np.float32(0.5),
    "zero": np.uint8(3),
    "signed": np.int8(0),
    "weights": np.ones((3, 2), np.float32),
    "ints": np.array([1, 3], np.int64),
}


def content(nodes, *, given=TensorProto.FLOAT, made=TensorProto.FLOAT, shape=(1, 3)) -> bytes:
    """Return a file that computes `out` from `in` by nodes that may read the constants above."""
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("in", given, shape)],
        [helper.make_tensor_value_info("out", made, None)],
        [numpy_helper.from_array(np.array(value), name) for name, value in CONSTANTS.items() if name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def types(graph) -> list[tuple]:
    return [(operator.kind, operator.inputs, operator.outputs) for operator in graph.operators]


def test_a_float_graph_is_float():
    """Proves that a constant is no input, each operator has the type of its data, and weights have their bytes."""
    nodes = [helper.make_node("MatMul", ["in", "weights"], ["m"]), helper.make_node("Erf", ["m"], ["out"])]
    graph = read_graph(content(nodes))
    assert types(graph) == [("MatMul", ("float32",), ("float32",)), ("Erf", ("float32",), ("float32",))]
    assert [operator.name for operator in graph.operators] == ["m", "out"]
    assert graph.weight_bytes == {"float32": graph_bytes("weights")}
    assert graph.left_in_float() == graph.operators


def graph_bytes(name: str) -> int:
    return numpy_helper.from_array(CONSTANTS[name], name).ByteSize()


@pytest.mark.parametrize(("zero", "dtype"), [(["zero"], "uint8"), (["signed"], "int8"), ([], "uint8")])
def test_quantising_shows_its_type_by_its_zero_point(zero, dtype):
    """Proves that signed and unsigned bytes are told apart, that none means unsigned, and that float goes in."""
    made = TensorProto.INT8 if dtype == "int8" else TensorProto.UINT8
    graph = read_graph(content([helper.make_node("QuantizeLinear", ["in", "scale", *zero], ["out"])], made=made))
    assert types(graph) == [("QuantizeLinear", ("float32",), (dtype,))]
    assert graph.left_in_float() == graph.operators


def test_only_the_last_operator_hands_out_scores():
    """Proves that a widening in the middle is a float operator, wherever another one stands at the end."""
    wide = helper.make_node("DequantizeLinear", ["in", "scale", "zero"], ["wide"])
    erf = helper.make_node("Erf", ["wide"], ["again"])
    narrow = helper.make_node("QuantizeLinear", ["again", "scale", "zero"], ["narrow"])
    last = helper.make_node("DequantizeLinear", ["narrow", "scale", "zero"], ["out"])
    graph = read_graph(content([wide, erf, narrow, last], given=TensorProto.UINT8))
    assert [operator.hands_out_scores for operator in graph.operators] == [False, False, False, True]
    assert [operator.kind for operator in graph.left_in_float()] == ["DequantizeLinear", "Erf", "QuantizeLinear"]


def test_a_cast_has_the_type_that_it_casts_to():
    """Proves that an operator on integers after a cast is not taken for a float one."""
    nodes = [helper.make_node("Cast", ["in"], ["i"], to=TensorProto.INT32), helper.make_node("Abs", ["i"], ["out"])]
    graph = read_graph(content(nodes, made=TensorProto.INT32))
    assert types(graph) == [("Cast", ("float32",), ("int32",)), ("Abs", ("int32",), ("int32",))]


def test_a_loop_computes_in_what_its_body_hands_out():
    """Proves that a loop over numbers, whose first input is a count, is not taken for an integer operator."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Erf", ["a"], ["b"])],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 3]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 3]),
        ],
    )
    count = helper.make_node("Constant", [], ["count"], value=numpy_helper.from_array(np.array(2)))
    graph = read_graph(content([count, helper.make_node("Loop", ["count", "", "in"], ["out"], body=body)]))
    assert [operator.outputs for operator in graph.left_in_float() if operator.kind == "Loop"] == [("float32",)]


def test_moving_bytes_is_no_arithmetic_in_float():
    """Proves that a reshape of bytes counts as bytes, and the shape that it reads as a constant."""
    graph = read_graph(
        content(
            [helper.make_node("Reshape", ["in", "ints"], ["out"])], given=TensorProto.UINT8, made=TensorProto.UINT8
        )
    )
    assert types(graph) == [("Reshape", ("uint8",), ("uint8",))]
    assert graph.left_in_float() == ()
    assert graph.weight_bytes == {"int64": graph_bytes("ints")}


def test_marks_around_an_operator_become_an_integer_one():
    """Proves that the graph that ONNX Runtime runs is counted, and not the marks that the file is written with."""
    nodes = [
        helper.make_node("DequantizeLinear", ["in", "scale", "zero"], ["wide"]),
        helper.make_node("Sigmoid", ["wide"], ["s"]),
        helper.make_node("QuantizeLinear", ["s", "scale", "zero"], ["out"]),
    ]
    graph = read_graph(content(nodes, given=TensorProto.UINT8, made=TensorProto.UINT8))
    assert types(graph) == [("QLinearSigmoid", ("uint8",), ("uint8",))]


@pytest.mark.parametrize("broken", [b"", b"no model"])
def test_a_file_that_cannot_be_loaded_is_refused(broken):
    """Proves that the error is the exporter's own, with the reason of ONNX Runtime."""
    with pytest.raises(ConversionError, match="ONNX Runtime does not load the file"):
        read_graph(broken)
