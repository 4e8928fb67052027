"""An int8 ONNX file takes the bytes of pictures wherever its first layers only move them about."""

import keras
import numpy as np
import onnx
import pytest
from keras import layers
from onnx import TensorProto, helper

from exporter.formats.conversion import Converter
from exporter.formats.onnx.picture import pixel_tensors, take_uint8
from tests.exporter.conftest import file_scores, target
from tests.exporter.smooth import smooth_pictures


def graph_of(*nodes) -> onnx.GraphProto:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 4, 4, 3])
    return helper.make_graph(
        nodes, "small", [image], [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)]
    )


def test_levels_are_followed_as_far_as_they_only_move():
    """Proves that a transposition and a joining of parts hold levels, and sums and joinings with others do not."""
    graph = graph_of(
        helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Slice", ["turned", "starts", "ends"], ["red"]),
        helper.make_node("Concat", ["red", "turned"], ["joined"], axis=1),
        helper.make_node("Add", ["joined", "mean"], ["less"]),
        helper.make_node("Concat", ["less", "red"], ["out"], axis=1),
    )
    assert pixel_tensors(graph) == ["image", "turned", "red", "joined"]
    assert pixel_tensors(graph_of(helper.make_node("Erf", ["image"], ["out"]))) == ["image"]


def test_a_first_layer_in_float_keeps_the_float_input():
    """Proves that a file is left as it is when a layer reads the picture without a quantisation between."""
    graph = graph_of(helper.make_node("Erf", ["image"], ["out"]))
    take_uint8(graph, ["image"])
    assert graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def swapped(image):
    """Return what `resnet50.preprocess_input` does: blue, green, red, less the means of ImageNet."""
    return keras.applications.resnet50.preprocess_input(image)


@pytest.mark.parametrize("first", [swapped, layers.Flatten()], ids=["channels swapped", "flattened"])
def test_no_picture_is_turned_into_float(first):
    """Proves that a network that begins so takes uint8, is integer throughout, and gives nearly Keras' scores."""
    keras.utils.set_random_seed(0)
    image = keras.Input((12, 12, 3))
    x = first(image)
    x = x if len(x.shape) == 2 else layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, padding="same")(x))
    model = keras.Model(image, layers.Dense(2, "softmax", kernel_initializer=small)(x))
    pictures = smooth_pictures(16, 12, 12)
    int8 = Converter(model, pictures).convert(target("onnx", "int8"))
    assert onnx.load_from_string(int8.content).graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    assert int8.graph.operators[0].inputs == ("uint8",)
    assert int8.graph.left_in_float() == ()
    difference = np.abs(file_scores(int8, pictures) - model.predict_on_batch(pictures.astype(np.float32)))
    assert difference.max() < 0.05


def small(shape, dtype=None):
    """Return weights that keep logits of levels up to 255 near 1."""
    return keras.random.normal(shape, stddev=0.3 / np.sqrt(shape[0]) / 25, dtype=dtype)
