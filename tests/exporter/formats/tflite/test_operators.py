"""What tiny TFLite files are read as."""

from exporter.formats.tflite.interface import read_model
from exporter.formats.tflite.operators import read_graph


def test_a_file_without_weights(tflite_echo):
    """Proves that kinds, names and types stand in order, and a shape that is a constant is no input."""
    graph = read_graph(tflite_echo)
    assert [(operator.kind, operator.inputs, operator.outputs) for operator in graph.operators] == [
        ("CAST", ("uint8",), ("float32",)),
        ("RESHAPE", ("float32",), ("float32",)),
    ]
    assert graph.operators[-1].name == read_model(tflite_echo).subgraphs[0].tensors[-1].name.decode()
    assert graph.weight_bytes == {"int32": 8}
    assert graph.tensors == {"uint8": 1, "float32": 2, "int32": 1}


def test_weights_are_counted_in_their_type(tflite_float32, tflite_int8):
    """Proves that three weights are 12 bytes in float32, and 3 with a bias of 4 in int8, axes aside."""
    whole, small = read_graph(tflite_float32), read_graph(tflite_int8)
    assert [operator.kind for operator in whole.operators] == ["MEAN", "FULLY_CONNECTED", "LOGISTIC"]
    assert whole.weight_bytes == {"float32": 12, "int32": 8}
    assert small.weight_bytes["int8"] == 3
    assert "float32" not in small.weight_bytes


def test_float_and_integer_files_are_told_apart(tflite_float32, tflite_int8):
    """Proves that every operator of one file is in float and none of the other, at its ends in uint8."""
    whole, small = read_graph(tflite_float32), read_graph(tflite_int8)
    assert whole.left_in_float() == whole.operators
    assert small.left_in_float() == ()
    assert small.operators[0].inputs == small.operators[-1].outputs == ("uint8",)
