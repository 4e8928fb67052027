"""Keras to a float32 ONNX file, from which the quantised ones are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.errors import ConversionError
from exporter.formats.onnx.missing import write_missing
from exporter.formats.reason import reason_of
from exporter.network.model import INPUT_NAME, OUTPUT_NAME

if TYPE_CHECKING:
    import keras

_LARGE = 100_000  # elements
_WEIGHTS = "weights_"
OPSET = 17  # the newest that tf2onnx 1.17 writes without gaps; ONNX Runtime reads it since 1.12


def convert_float32(model: keras.Model) -> bytes:
    """Return an ONNX file that computes in float32 on `float32 (1, H, W, 3) RGB 0-255`.

    Raises:
        ConversionError: the converter failed.
    """
    import tf2onnx

    # Each of tf2onnx's passes copies all constants. So large ones stay outside, as inputs, until it is done. On the
    # report network, a peak of 4.1 GiB and 13 s became 1.6 GiB and 1.3 s, and the graph is the same.
    large = [variable for variable in model.variables if len(variable.shape) == 2 and _size(variable) > _LARGE]
    function, signature = _traced_without(model, large)
    _open_functions(function.get_concrete_function().graph)
    # It numbers the names that it makes up through the whole process: a second export would write other bytes.
    tf2onnx.utils.INTERNAL_NAME = 1
    try:
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    # tf2onnx raises whatever its many passes raise.
    except Exception as error:
        raise ConversionError(f"tf2onnx failed: {reason_of(error)}") from error
    _put_in(proto.graph, large, _captured(function))
    _name_output(proto.graph)
    write_missing(proto)
    # It holds a number that TensorFlow counts up: the bytes would depend on what the process did before.
    proto.graph.doc_string = ""
    content: bytes = proto.SerializeToString()
    return content


def _traced_without(model: keras.Model, large: list[Any]) -> tuple[Any, list[Any]]:
    """Return the model as a `tf.function` of one picture and these variables, and its input signature."""
    import tensorflow as tf

    picture = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name=INPUT_NAME)
    signature = [picture] + [
        tf.TensorSpec(variable.shape, tf.float32, name=f"{_WEIGHTS}{index}") for index, variable in enumerate(large)
    ]

    def scores(image: Any, *weights: Any) -> Any:
        given = {id(variable): value for variable, value in zip(large, weights, strict=True)}
        trainable, other = (
            [given.get(id(variable), variable.value) for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )
        return model.stateless_call(trainable, other, image, training=False)[0]

    return tf.function(scores, input_signature=signature), signature


def _open_functions(graph: Any) -> None:
    """Let the calls of functions in a traced graph be replaced by what the functions do.

    Keras has XLA compile each grouped convolution as a function, as TensorFlow's own kernels know none. TensorFlow
    leaves such a call as it is, and nothing public takes the mark away. tf2onnx knows grouped convolutions, and
    calls not.
    """
    for call in graph.get_operations():
        if "_XlaMustCompile" in call.node_def.attr:
            call._clear_attr("_XlaMustCompile")


def _captured(function: Any) -> list[Any]:
    """Return the tensors that a traced function reads besides inputs and variables, in the order of its inputs."""
    import tensorflow as tf

    return [tensor for tensor in function.get_concrete_function().captured_inputs if tensor.dtype != tf.resource]


def _put_in(graph: Any, large: list[Any], captured: list[Any]) -> None:
    """Turn inputs into constants: those for large variables, and those for tensors of a Normalization."""
    from onnx import numpy_helper

    values = list(graph.input[1:])
    weights = [value for value in values if value.name.startswith(_WEIGHTS)]
    tensors = [large[int(value.name.removeprefix(_WEIGHTS))] for value in weights]
    others = [value for value in values if value not in weights]
    for value, tensor in [*zip(weights, tensors, strict=True), *zip(others, captured, strict=True)]:
        graph.input.remove(value)
        graph.initializer.append(numpy_helper.from_array(np.asarray(tensor, np.float32), value.name))


def _size(variable: Any) -> int:
    return int(np.prod(variable.shape))


def _name_output(graph: Any) -> None:
    """Call the scores by the name that they have in every other format."""
    name = graph.output[0].name
    for node in graph.node:
        for names in (node.input, node.output):
            for index, found in enumerate(names):
                if found == name:
                    names[index] = OUTPUT_NAME
    graph.output[0].name = OUTPUT_NAME
