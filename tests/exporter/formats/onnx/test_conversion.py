"""ONNX files as devices see them: what goes in and out, what is stored, and layers that stay in float."""

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edge_runtime.backends import open_model
from exporter.formats.conversion import Converter
from exporter.formats.onnx.conversion import OPSET, convert_float32
from exporter.formats.table import format_named
from tests.exporter.conftest import file_scores, target
from tests.exporter.formats.tflite.test_conversion import PICTURES as LARGE
from tests.exporter.formats.tflite.test_conversion import network
from tests.exporter.smooth import smooth_pictures


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", "float32"), ("float16", "float32"), ("int8", "uint8")]
)
def test_every_file_takes_image_and_gives_scores(files, precision, dtype):
    """Proves that names are those of TFLite files, int8 takes uint8 without a cast, and all give float32."""
    model = open_model("onnxruntime", files[f"model.{precision}.onnx"].content, 1)
    assert (model.input.name, model.input.dtype, model.input.shape) == ("image", dtype, (1, 64, 64, 3))
    assert (model.output.name, model.output.dtype, model.output.shape) == ("scores", "float32", (1, 1))


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_files_are_valid_and_of_the_documented_opset(files, precision):
    """Proves that ONNX's own checker passes every file, at the operator set that old backends read."""
    proto = onnx.load_from_string(files[f"model.{precision}.onnx"].content)
    onnx.checker.check_model(proto, full_check=True)
    assert {entry.domain: entry.version for entry in proto.opset_import}[""] == OPSET


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float16", 2e-3)])
def test_scores_are_near_keras(files, baseline, test_pixels, precision, tolerance):
    """Proves that no score of a test picture is off by more than its number format explains."""
    scores = file_scores(files[f"model.{precision}.onnx"], test_pixels)
    np.testing.assert_allclose(scores, baseline, atol=tolerance)


def test_int8_scores_are_near_keras(files, baseline, test_pixels):
    """Proves that the mean difference on the test pictures is below 0.08."""
    assert np.abs(file_scores(files["model.int8.onnx"], test_pixels) - baseline).mean() < 0.08


def test_int8_scores_of_three_answers_add_up(format_):
    """Proves that a softmax loses nothing to its steps: over pictures, sums of scores are 1 within 0.001."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 5, strides=2, activation="relu")(layers.Rescaling(1 / 255)(image))
    scores = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    pictures = smooth_pictures(64, 24, 24)
    int8 = Converter(keras.Model(image, scores), pictures).convert(target(format_, "int8"))
    sums = file_scores(int8, pictures, ("cat", "dog", "neither")).sum(axis=1)
    assert abs(sums.mean() - 1) < 0.001


@pytest.mark.parametrize("activation", ["relu", None])
def test_padding_before_pooling_is_done_on_bytes(activation):
    """Proves that zeros around a tensor, as ResNet-50 has before its pooling, cost no float operator nor error."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    image = keras.Input((24, 24, 3))
    convolution = layers.Conv2D(6, 3, activation=activation, bias_initializer="random_normal")
    x = convolution(layers.Rescaling(1 / 255)(image))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(2)(x))
    scores = layers.Dense(3, activation="softmax")(layers.Flatten()(x))
    pictures = smooth_pictures(64, 24, 24)
    converter = Converter(keras.Model(image, scores), pictures)
    int8, exact = (converter.convert(target("onnx", precision)) for precision in ("int8", "float32"))
    assert [operator.inputs for operator in int8.graph.operators if operator.kind == "Pad"] == [("uint8",)]
    labels = ("cat", "dog", "neither")
    difference = np.abs(file_scores(int8, pictures, labels) - file_scores(exact, pictures, labels))
    assert difference.mean() < 0.005


def test_a_normalization_is_part_of_the_file():
    """Proves that what a model within a model normalises by are constants of the file, and not further inputs."""
    layers = keras.layers
    pictures = smooth_pictures(8, 24, 24)
    normal = layers.Normalization(mean=[90.0, 100, 110], variance=[2000.0, 3000, 4000])
    inner = keras.Sequential([keras.Input((24, 24, 3)), normal, layers.Conv2D(4, 3), layers.Flatten()])
    image = keras.Input((24, 24, 3))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(inner(layers.Rescaling(0.5)(image))))
    exact = Converter(model, pictures).convert(target("onnx", "float32"))
    assert [value.name for value in onnx.load_from_string(exact.content).graph.input] == ["image"]
    scores = file_scores(exact, pictures, ("cat", "dog", "neither"))
    np.testing.assert_allclose(scores, model.predict_on_batch(pictures), atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_no_number_of_the_process_is_in_the_file(files, precision):
    """Proves that the graph does not tell how many functions TensorFlow had traced in the process before."""
    content = files[f"model.{precision}.onnx"].content
    assert onnx.load_from_string(content).graph.doc_string == ""
    assert b"__inference" not in content


def test_sizes(files):
    """Proves that float16 is half of float32 and int8 a quarter, within 2 %."""
    whole = len(files["model.float32.onnx"].content)
    assert len(files["model.float16.onnx"].content) / whole == pytest.approx(1 / 2, rel=0.02)
    assert len(files["model.int8.onnx"].content) / whole == pytest.approx(1 / 4, rel=0.02)


def test_float16_stores_no_float32_weight(files):
    """Proves that all weights lie in the file in half precision, each widened by one cast of its own."""
    graph = onnx.load_from_string(files["model.float16.onnx"].content).graph
    stored = {weights.data_type for weights in graph.initializer}
    assert TensorProto.FLOAT16 in stored
    assert TensorProto.FLOAT not in stored
    casts = [node for node in graph.node if node.op_type == "Cast"]
    halves = [weights for weights in graph.initializer if weights.data_type == TensorProto.FLOAT16]
    assert len(casts) == len(halves)


def test_int8_reads_dequantised_bytes_everywhere(files):
    """Proves that every convolution and matrix product of the QDQ file reads 8-bit tensors."""
    graph = onnx.load_from_string(files["model.int8.onnx"].content).graph
    made_by = {output: node for node in graph.node for output in node.output}
    weighted = [node for node in graph.node if node.op_type in ("Conv", "MatMul", "Gemm")]
    assert len(weighted) == 5
    for node in weighted:
        assert all(made_by[name].op_type == "DequantizeLinear" for name in node.input[:2]), node.name


def test_convolution_weights_are_per_channel_and_of_seven_bits(files):
    """Proves that each output channel has a scale and no weight is beyond +-64, so no sum saturates."""
    graph = onnx.load_from_string(files["model.int8.onnx"].content).graph
    made_by = {output: node for node in graph.node for output in node.output}
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kernels = [made_by[node.input[1]].input for node in graph.node if node.op_type == "Conv"]
    assert len(kernels) == 3
    for weights, scale, *_ in kernels:
        assert stored[weights].dtype == np.int8
        assert np.abs(stored[weights].astype(int)).max() <= 64
        assert stored[scale].shape == stored[weights].shape[:1]


@pytest.fixture(scope="module")
def layer_errors(converter, files, train_pixels):
    """The weighted layers of the trained network's int8 file."""
    int8 = files["model.int8.onnx"].content
    return format_named("onnx").measure_layer_errors(converter.float32("onnx"), int8, train_pixels[:8])


@pytest.mark.parametrize(("kind", "position"), [("Conv", 0), ("Conv", 1), ("Conv", -1), ("Gemm", 0), ("Gemm", -1)])
def test_a_kept_layer_is_in_float(converter, layer_errors, baseline, test_pixels, kind, position):
    """Proves that the named layer runs in float in ONNX Runtime's optimised graph too, and no other does.

    A float layer between quantised neighbours would be quantised after all, were it not fenced off.
    """
    names = {error.name for error in layer_errors if error.kind == kind}
    kept = [
        node.name for node in onnx.load_from_string(converter.float32("onnx")).graph.node if node.name in names
    ][position]
    mixed = converter.convert(target("onnx", "mixed"), keep_float=(kept,))
    left = [operator.kind for operator in mixed.graph.left_in_float()]
    assert sum(name in ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul") for name in left) == 1
    integer = [operator.kind for operator in mixed.graph.operators if not operator.computes_in_float]
    assert sum(name in ("QLinearConv", "QGemm", "QLinearMatMul") for name in integer) == 4
    model = open_model("onnxruntime", mixed.content, 1)
    assert (model.input.name, model.output.name) == ("image", "scores")
    assert np.abs(file_scores(mixed, test_pixels) - baseline).mean() < 0.08


def test_all_layers_kept_give_the_float_scores(converter, files, train_pixels, baseline, test_pixels, format_):
    """Proves that with every layer in float only the rounding of scores and between layers is left."""
    int8 = files[f"model.int8.{format_}"]
    measure = format_named(format_).measure_layer_errors
    errors = measure(converter.float32(format_), int8.content, train_pixels[:8])
    mixed = converter.convert(target(format_, "mixed"), keep_float=tuple(error.name for error in errors))
    assert not any(operator.kind in ("QLinearConv", "QGemm") for operator in mixed.graph.operators)
    assert np.abs(file_scores(mixed, test_pixels) - baseline).max() < 0.05


def test_large_weights_are_put_back():
    """Proves that a dense layer of more than 100,000 weights, which tf2onnx does not see, is whole in the file."""
    model = network(1, width=900)
    content = convert_float32(model)
    graph = onnx.load_from_string(content).graph
    kernel = np.asarray(model.layers[-2].kernel)
    assert kernel.size > 100_000
    assert any(np.array_equal(onnx.numpy_helper.to_array(stored), kernel) for stored in graph.initializer)
    assert [value.name for value in graph.input] == ["image"]
    expected = model.predict_on_batch(LARGE)[0]
    np.testing.assert_allclose(open_model("onnxruntime", content, 1).predict(LARGE[0]), expected, atol=1e-5)


@pytest.fixture(scope="module")
def modern() -> Converter:
    """A network with grouped convolutions, the exact GELU, a normalisation of layers and attention."""
    keras.utils.set_random_seed(6)
    layers = keras.layers
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 4, strides=4)(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(8, 3, padding="same", groups=4, activation="gelu")(x)
    x = layers.Conv2D(8, 3, padding="same", groups=8)(x)
    x = layers.LayerNormalization()(layers.Reshape((16, 8))(x))
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)])
    scores = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    return Converter(keras.Model(image, scores), smooth_pictures(12, 16, 16))


def test_groups_are_groups(modern):
    """Proves that a grouped convolution, which Keras has XLA compile, becomes one node with its groups."""
    graph = onnx.load_from_string(modern.float32("onnx")).graph
    groups = [
        option.i
        for node in graph.node
        if node.op_type == "Conv"
        for option in node.attribute
        if option.name == "group"
    ]
    assert groups == [1, 4, 8]


def test_modern_layers_give_the_scores_of_keras(modern):
    """Proves that the float32 file of such a network is right, to the rounding of float32."""
    pictures = smooth_pictures(12, 16, 16)
    scores = file_scores(modern.convert(target("onnx", "float32")), pictures, ("a", "b", "c"))
    expected = modern._model.predict_on_batch(pictures.astype(np.float32))
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_modern_layers_make_a_mixed_file(modern, monkeypatch, tmp_path):
    """Proves that attention does not stop the quantiser, that what has integers uses them, and scores stay near.

    ONNX Runtime's inference of shapes gives up on it and writes a file, which must not lie in the user's folder.
    """
    monkeypatch.chdir(tmp_path)
    pictures = smooth_pictures(12, 16, 16)
    mixed = modern.convert(target("onnx", "mixed"))
    integer = [operator.kind for operator in mixed.graph.operators if not operator.computes_in_float]
    assert integer.count("QLinearConv") == 3
    assert "QLinearSoftmax" in integer
    assert {"Erf", "Sqrt"} <= {operator.kind for operator in mixed.graph.without_integers()}
    assert list(tmp_path.iterdir()) == []
    exact = file_scores(modern.convert(target("onnx", "float32")), pictures, ("a", "b", "c"))
    assert np.abs(file_scores(mixed, pictures, ("a", "b", "c")) - exact).max() < 0.05
