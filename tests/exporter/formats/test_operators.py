"""The proof of precision: what every kind of file really computes in, and an int8 file that is not is refused."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from onnx import TensorProto, helper, numpy_helper

from exporter.errors import ConversionError
from exporter.formats.conversion import Converter
from exporter.formats.onnx.operators import read_graph
from exporter.formats.operators import Graph, Operator
from exporter.formats.table import format_named
from exporter.network.model import keras_scores
from tests.exporter.conftest import file_scores, target


def kinds(graph) -> dict[str, int]:
    """Return the number of operators of each kind."""
    counts: dict[str, int] = {}
    for operator in graph.operators:
        counts[operator.kind] = counts.get(operator.kind, 0) + 1
    return counts


TFLITE_FLOAT = {"CONV_2D": 3, "MAX_POOL_2D": 3, "RESHAPE": 1, "FULLY_CONNECTED": 2, "LOGISTIC": 1}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.float32.tflite", TFLITE_FLOAT),
        ("model.float16.tflite", TFLITE_FLOAT | {"DEQUANTIZE": 5}),
        ("model.dynamic.tflite", TFLITE_FLOAT),
        ("model.int8.tflite", TFLITE_FLOAT | {"QUANTIZE": 2}),
    ],
)
def test_operators_of_tflite_files(files, name, expected):
    """Proves that the network is ten operators; float16 widens five weights, int8 shifts both ends, no more."""
    assert kinds(files[name].graph) == expected


def test_operators_of_float_onnx_files(files):
    """Proves that ONNX Runtime runs eight layers and one transposition, and no cast."""
    for name in ("model.float32.onnx", "model.float16.onnx"):
        found = kinds(files[name].graph)
        assert (found["Conv"], found["MaxPool"], found["FusedGemm"], found["Transpose"]) == (3, 3, 2, 1)
        assert not found.keys() & {"Cast", "Shape", "Gather", "Slice", "Concat", "Mul", "Add"}


def test_operators_of_the_int8_onnx_file(files):
    """Proves that all arithmetic is in integer operators, and only the score leaves as float32."""
    graph = files["model.int8.onnx"].graph
    expected = {"QLinearConv": 3, "Reshape": 1, "QGemm": 2, "QLinearSigmoid": 1, "DequantizeLinear": 1}
    found = kinds(graph)
    assert {kind: found.get(kind) for kind in expected} == expected
    assert sum(found.values()) == sum(expected.values()) + 3  # the poolings, whose kind depends on the release
    assert [operator.kind for operator in graph.float_operators()] == ["DequantizeLinear"]
    assert graph.operators[-1].kind == "DequantizeLinear"


def test_the_int8_tflite_file_has_no_float_tensor(files):
    """Proves that there is no float operator, no float tensor and no float weight."""
    graph = files["model.int8.tflite"].graph
    assert graph.float_operators() == ()
    assert graph.tensors.keys() == {"int8", "int32", "uint8"}
    assert graph.weight_bytes.keys() == {"int8", "int32"}


@pytest.mark.parametrize("name", ["model.int8.tflite", "model.int8.onnx"])
def test_nothing_is_left_in_float(files, name):
    """Proves that the function that the export asks agrees."""
    assert files[name].graph.left_in_float() == ()


@pytest.mark.parametrize("name", ["model.float32.tflite", "model.dynamic.tflite", "model.float32.onnx"])
def test_float_files_are_seen_to_be_float(files, name):
    """Proves that every operator of a float32 or dynamic file counts as float, so none can pass for int8."""
    graph = files[name].graph
    assert len(graph.float_operators()) == len(graph.operators)
    assert graph.left_in_float()


def test_weights_by_data_type(files):
    """Proves that the 2.45 million weights are 4, 2 and 1 bytes each in float32, float16 and int8 files."""
    weights = {name: converted.graph.weight_bytes for name, converted in files.items()}
    kernel = weights["model.int8.tflite"]["int8"]
    assert weights["model.float16.tflite"]["float16"] == 2 * kernel
    assert weights["model.dynamic.tflite"]["int8"] == kernel
    assert 0 <= weights["model.float32.tflite"]["float32"] - 4 * kernel < 0.01 * kernel  # biases
    assert abs(weights["model.float16.onnx"]["float16"] - 2 * kernel) < 0.01 * kernel
    assert abs(weights["model.int8.onnx"]["uint8"] + weights["model.int8.onnx"]["int8"] - kernel) < 0.01 * kernel


def test_the_json_object_counts_every_operator(files):
    """Proves that the table of operators.json adds up to the graph."""
    for converted in files.values():
        stored = json.loads(json.dumps(converted.graph.to_dict()))
        assert sum(row["count"] for row in stored["operators"]) == len(converted.graph.operators)
        assert stored["tensors"] == converted.graph.tensors


def test_the_count_is_of_the_bytes(converter, files, format_):
    """Proves that a finished file that is read again, as a stranger would, gives the same graph."""
    name = f"model.int8.{format_}"
    assert format_named(format_).read_graph(files[name].content) == files[name].graph


def network(activation: str, side: int = 32) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((side, side, 3), name="image"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation=activation),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


@pytest.mark.parametrize(
    ("precision_of", "activation", "operator"),
    [("tflite", "elu", "ELU"), ("onnx", "elu", "Elu")],
)
def test_an_int8_file_with_a_float_island_is_refused(precision_of, activation, operator):
    """Proves that an activation without an integer operator ends the export, with its name and the remedy."""
    pictures = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.uint8)
    converter = Converter(network(activation), pictures)
    wanted = target(precision_of, "int8")
    with pytest.raises(ConversionError, match=rf"model\.int8\.{precision_of}.*\b{operator} \(.*--quantize float16"):
        converter.convert(wanted)
    assert converter.convert(target(precision_of, "float16")).content


def test_an_integer_activation_is_not_refused(format_):
    """Proves that the same network passes where tanh has an integer form, or is written as a sigmoid that has."""
    pictures = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.uint8)
    converted = Converter(network("tanh"), pictures).convert(target(format_, "int8"))
    assert {"tflite": "TANH", "onnx": "QLinearSigmoid"}[format_] in kinds(converted.graph)


def widening(nodes) -> bytes:
    """Return an ONNX file that turns three bytes into numbers by these nodes."""
    scale, zero = (
        numpy_helper.from_array(np.array(value), name)
        for name, value in (("scale", np.float32(1)), ("zero", np.uint8(0)))
    )
    bytes_in = helper.make_tensor_value_info("bytes", TensorProto.UINT8, [1, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph(nodes, "small", [bytes_in], [scores], [scale, zero])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.mark.parametrize("activation", ["Sigmoid", "Softmax"])
def test_a_last_activation_in_float_is_seen(activation):
    """Proves that only the operator that turns the finished scores into float32 may be in float."""
    widened = helper.make_node("DequantizeLinear", ["bytes", "scale", "zero"], ["scores"])
    assert read_graph(widening([widened])).left_in_float() == ()
    widened = helper.make_node("DequantizeLinear", ["bytes", "scale", "zero"], ["logits"])
    last = helper.make_node(activation, ["logits"], ["scores"])
    left = read_graph(widening([widened, last])).left_in_float()
    assert [operator.kind for operator in left] == ["DequantizeLinear", activation]


@pytest.mark.parametrize("labels", [2, 3])
def test_softmax_is_integer_too(format_, labels):
    """Proves that a network with an output for each label is int8 throughout, and gives near its scores."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3), name="image"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(labels, activation="softmax"),
        ]
    )
    pictures = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3)).astype(np.uint8)
    converted = Converter(model, pictures).convert(target(format_, "int8"))
    assert converted.graph.left_in_float() == ()
    assert {"tflite": "SOFTMAX", "onnx": "QLinearSoftmax"}[format_] in kinds(converted.graph)
    scores = file_scores(converted, pictures, tuple("abc"[:labels]))
    assert np.abs(scores - keras_scores(model, pictures)).max() < 0.05


INTEGER = Operator("CONV", "conv", ("int8",), ("int8",))
SCORES = Operator("DequantizeLinear", "scores", ("uint8",), ("float32",), hands_out_scores=True)


@pytest.mark.parametrize(
    ("inputs", "outputs", "in_float"),
    [
        (("int8",), ("int8",), False),
        (("int8", "float16"), ("int8",), True),
        (("int8",), ("int8", "float64"), True),
        (("uint8",), ("int32",), False),
        ((), ("float32",), True),
        (("bool",), (), False),
    ],
)
def test_any_float_tensor_makes_a_float_operator(inputs, outputs, in_float):
    """Proves that one float tensor among several is enough, of any width, going in or out."""
    assert Operator("X", "x", inputs, outputs).computes_in_float is in_float


def test_handing_out_scores_is_counted_and_forgiven():
    """Proves that it is shown among the float operators, and is not what refuses an int8 file."""
    graph = Graph((INTEGER, SCORES), {}, {})
    assert graph.float_operators() == (SCORES,)
    assert graph.left_in_float() == ()


def test_equal_operators_share_a_row():
    """Proves that rows are counted by kind and types together, in the order in which they first come."""
    wide = Operator("CONV", "wide", ("float32", "int8"), ("float32",))
    rows = Graph((INTEGER, wide, INTEGER, SCORES), {"int8": 3}, {"int8": 9}).to_dict()
    assert [(row["operator"], row["inputs"], row["count"]) for row in rows["operators"]] == [
        ("CONV", "int8", 2),
        ("CONV", "float32, int8", 1),
        ("DequantizeLinear", "uint8", 1),
    ]
    assert (rows["tensors"], rows["weight_bytes"]) == ({"int8": 3}, {"int8": 9})
