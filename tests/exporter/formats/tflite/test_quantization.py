"""TFLite files as devices see them: what goes in and out, versions, sizes, and a second quantiser's opinion."""

import numpy as np
import pytest

from edge_runtime.backends import open_model
from exporter.formats.score_steps import LARGEST_LOGIT
from exporter.formats.table import format_named
from exporter.formats.tflite.quantization import measure_ranges, quantize_int8
from tests.exporter.conftest import file_scores, target

DTYPES = {"float32": "float32", "float16": "float32", "dynamic": "float32", "int8": "uint8"}


@pytest.mark.parametrize(("precision", "dtype"), DTYPES.items())
def test_every_file_takes_image_and_gives_scores(files, precision, dtype):
    """Proves that picture and scores have one name each, and that integer files take and give uint8."""
    model = open_model("litert", files[f"model.{precision}.tflite"].content, 1)
    assert (model.input.name, model.input.dtype, model.input.shape) == ("image", dtype, (1, 64, 64, 3))
    assert (model.output.name, model.output.dtype, model.output.shape) == ("scores", dtype, (1, 1))


def test_int8_steps_are_levels_and_256ths(files):
    """Proves that one step of the input is one level of a pixel, and one of the output a 256th."""
    model = open_model("litert", files["model.int8.tflite"].content, 1)
    assert (model.input.scale, model.input.zero_point) == (1.0, 0)
    assert (model.output.scale, model.output.zero_point) == (1 / 256, 0)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float16", 2e-3), ("dynamic", 0.04)])
def test_scores_are_near_keras(files, baseline, test_pixels, precision, tolerance):
    """Proves that no score of a test picture is off by more than its number format explains."""
    scores = file_scores(files[f"model.{precision}.tflite"], test_pixels)
    np.testing.assert_allclose(scores, baseline, atol=tolerance)


def test_int8_scores_are_near_keras(files, baseline, test_pixels):
    """Proves that the mean difference on the test pictures is below 0.08."""
    assert np.abs(file_scores(files["model.int8.tflite"], test_pixels) - baseline).mean() < 0.08


def test_sizes(files):
    """Proves that float16 is half of float32, dynamic and int8 a quarter, each within 2 %."""
    whole = len(files["model.float32.tflite"].content)
    for precision, share in (("float16", 1 / 2), ("dynamic", 1 / 4), ("int8", 1 / 4)):
        size = len(files[f"model.{precision}.tflite"].content)
        assert size / whole == pytest.approx(share, rel=0.02)


def test_the_dynamic_file_demands_the_version_that_computes_it(files):
    """Proves that a backend without per-channel weights refuses the file instead of computing nonsense."""
    assert versions(files["model.dynamic.tflite"].content)["FULLY_CONNECTED"] == 12
    assert versions(files["model.float32.tflite"].content)["FULLY_CONNECTED"] < 12


def test_ranges_are_those_of_the_pictures(converter, train_pixels):
    """Proves that input, logits and scores have their limits, whatever the pictures hold, and no range is empty."""
    ranges = measure_ranges(converter.float32("tflite"), train_pixels)
    assert ranges["image"] == (0.0, 255.0)
    assert 0 <= ranges["scores"][0] < ranges["scores"][1] <= 1
    names = [name for name in ranges if name not in ("image", "scores")]
    assert -LARGEST_LOGIT <= ranges[names[-1]][0] < ranges[names[-1]][1] <= LARGEST_LOGIT
    assert all(low < high for low, high in ranges.values())
    half = measure_ranges(converter.float32("tflite"), train_pixels[:8])
    assert all(ranges[name][0] <= half[name][0] and half[name][1] <= ranges[name][1] for name in ranges)


def test_the_same_pictures_give_the_same_bytes(converter, files, train_pixels):
    """Proves that quantising twice in one process writes the same file twice."""
    again = quantize_int8(converter.float32("tflite"), train_pixels)
    assert again == files["model.int8.tflite"].content


@pytest.mark.parametrize("which", ["CONV_2D", "FULLY_CONNECTED"])
def test_a_kept_layer_is_in_float(converter, files, train_pixels, baseline, test_pixels, which):
    """Proves that the named layer, here the last of its kind, and no other computes in float."""
    int8 = files["model.int8.tflite"]
    measure = format_named("tflite").measure_layer_errors
    errors = measure(converter.float32("tflite"), int8.content, train_pixels[:8])
    names = {error.name for error in errors if error.kind == which}
    kept = [operator.name for operator in int8.graph.operators if operator.name in names][-1]
    mixed = converter.convert(target("tflite", "mixed"), keep_float=(kept,))
    left = [operator for operator in mixed.graph.left_in_float() if operator.kind not in ("QUANTIZE", "DEQUANTIZE")]
    assert [(operator.name, operator.inputs, operator.outputs) for operator in left] == [
        (kept, ("float32",), ("float32",))
    ]
    assert mixed.graph.weight_bytes["float32"] > 0
    model = open_model("litert", mixed.content, 1)
    assert (model.input.name, model.input.dtype, model.output.name) == ("image", "uint8", "scores")
    assert np.abs(file_scores(mixed, test_pixels) - baseline).mean() < 0.08


def test_tensorflows_own_quantiser_agrees(keras_model, files, train_pixels, test_pixels):
    """Proves that TFLiteConverter's int8 file of the same network and pictures gives nearly the same.

    Labels agree on 90 % of the test pictures or more, though this network of 64 training pictures is unsure of
    most, and the mean difference of the scores is below 0.02.
    """
    ours = file_scores(files["model.int8.tflite"], test_pixels)
    model = open_model("litert", stock_int8(keras_model, train_pixels), 1)
    theirs = np.array([model.predict(picture)[0] for picture in test_pixels])
    assert np.abs(ours[:, 1] - theirs).mean() < 0.02
    assert ((ours[:, 1] > 0.5) == (theirs > 0.5)).mean() >= 0.9
    assert theirs.std() > 0.01  # both say something


def stock_int8(model, pixels) -> bytes:
    """Return the int8 file that TensorFlow's converter makes, as its guide shows it."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[None].astype(np.float32)] for picture in pixels)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    content: bytes = converter.convert()
    return content


def versions(content: bytes) -> dict[str, int]:
    """Return the version that a file demands of each kind of operator."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    return {kinds[code.BuiltinCode()]: code.Version() for code in codes}
