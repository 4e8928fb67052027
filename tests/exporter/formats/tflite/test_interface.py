"""The outer tensors of a TFLite file: names, and uint8 outside in the steps of the int8 inside."""

import numpy as np
import pytest

from edge_runtime.backends import open_model
from exporter.formats.tflite.interface import name_interface, read_model, take_and_give_uint8, written_model
from exporter.formats.tflite.operators import read_graph

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3)).astype(np.uint8)


def test_reading_and_writing_changes_nothing(tflite_int8):
    """Proves that a file that is written anew computes the same, and a second writing gives the same bytes."""
    once = written_model(read_model(tflite_int8))
    assert written_model(read_model(once)) == once
    before, after = (open_model("litert", content, 1) for content in (tflite_int8, once))
    for picture in PICTURES:
        np.testing.assert_array_equal(before.predict(picture), after.predict(picture))


def test_both_ends_get_their_names(tflite_echo):
    """Proves that input and output are found by the names of every format, and nothing else is renamed."""
    named = read_model(name_interface(tflite_echo)).subgraphs[0]
    before = read_model(tflite_echo).subgraphs[0]
    ends = {int(named.inputs[0]): "image", int(named.outputs[0]): "scores"}
    for index, (tensor, old) in enumerate(zip(named.tensors, before.tensors, strict=True)):
        found = tensor.name if isinstance(tensor.name, str) else tensor.name.decode()
        assert found == ends.get(index, old.name.decode())


def test_a_version_is_set_for_its_operator_alone(tflite_float32):
    """Proves that an old backend is refused by the operator that it would compute wrong, and by no other."""
    before = {code.builtinCode: code.version for code in read_model(tflite_float32).operatorCodes}
    after = {
        code.builtinCode: code.version
        for code in read_model(name_interface(tflite_float32, versions={"FULLY_CONNECTED": 12})).operatorCodes
    }
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    assert after == before | {BuiltinOperator.FULLY_CONNECTED: 12}
    assert before[BuiltinOperator.FULLY_CONNECTED] != 12


def test_uint8_outside_is_what_tensorflow_makes_of_it(tflite_int8, tflite_int8_input):
    """Proves that the file gives, bit for bit, the scores of TFLiteConverter's own file with uint8 pictures."""
    ours, theirs = (
        open_model("litert", content, 1) for content in (take_and_give_uint8(tflite_int8_input), tflite_int8)
    )
    assert (ours.input.dtype, ours.input.scale, ours.input.zero_point) == (
        theirs.input.dtype,
        theirs.input.scale,
        theirs.input.zero_point,
    )
    for picture in PICTURES:
        np.testing.assert_array_equal(ours.predict(picture), theirs.predict(picture))


def test_only_what_is_int8_is_turned(tflite_float32, tflite_int8_input):
    """Proves that a float end, and one in uint8 already, get no operator more."""
    assert read_graph(take_and_give_uint8(tflite_float32)) == read_graph(tflite_float32)
    before, after = (read_graph(file) for file in (tflite_int8_input, take_and_give_uint8(tflite_int8_input)))
    assert len(after.operators) == len(before.operators) + 1
    assert (after.operators[0].kind, after.operators[0].inputs, after.operators[0].outputs) == (
        "QUANTIZE",
        ("uint8",),
        ("int8",),
    )


def test_the_inner_tensor_has_a_name_of_its_own(tflite_int8_input):
    """Proves that no two tensors share a name, by which ranges and layers are found."""
    names = [tensor.name for tensor in read_model(take_and_give_uint8(tflite_int8_input)).subgraphs[0].tensors]
    assert len(set(names)) == len(names)
    before = read_model(tflite_int8_input).subgraphs[0]
    assert before.tensors[before.inputs[0]].name in names


def test_the_signature_names_the_outer_tensor(tflite_int8_input):
    """Proves that a runner that feeds by name feeds the uint8 tensor and not the one behind it."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=take_and_give_uint8(tflite_int8_input)).get_signature_runner()
    [given] = runner.get_input_details().values()
    assert given["dtype"] == np.uint8


@pytest.mark.parametrize("content", ["tflite_float32", "tflite_int8", "tflite_echo"])
def test_all_weights_are_inside(request, content):
    """Proves that no buffer lies behind the flatbuffer, where old backends do not look."""
    model = read_model(name_interface(request.getfixturevalue(content)))
    assert not any(buffer.offset for buffer in model.buffers)
