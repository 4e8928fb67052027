"""Files of others get the numbers that they take, and their outputs become scores."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_runtime.backends import open_model
from edge_runtime.bundle import ModelFile, Precision, TensorInfo
from edge_runtime.bundle.interface import Activation, Interface, Layout
from edge_runtime.errors import BackendError

NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
UNKNOWN = TensorInfo("", "float32", (1,))


def entry(interface: Interface, **tensors: Any) -> ModelFile:
    """Return the entry of a file that is fed so."""
    file = ModelFile("m", "onnx", Precision.FLOAT32, 0, "", UNKNOWN, UNKNOWN, "", {}, interface)
    return replace(file, **tensors)


def fed(content: bytes, interface: Interface, **tensors: Any) -> np.ndarray:
    """Return what a file that echoes its input got."""
    return open_model("onnxruntime", content, 1, entry(interface, **tensors)).predict(NOISE)


MEAN, DEVIATION = (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)


@pytest.mark.parametrize(
    ("interface", "expected"),
    [
        (Interface(), NOISE.astype(np.float32)),
        (Interface(mean=(127.5,), deviation=(127.5,)), NOISE / 127.5 - 1),
        (Interface(mean=MEAN, deviation=DEVIATION), (NOISE - np.array(MEAN)) / np.array(DEVIATION)),
    ],
    ids=["as it is", "-1 to 1", "by channel"],
)
def test_pixels_are_brought_to_the_range(
    onnx_file: Callable[..., bytes], interface: Interface, expected: np.ndarray
) -> None:
    """Proves that a file gets pixels less the mean, over the deviation, also one for each channel."""
    np.testing.assert_allclose(fed(onnx_file("echo"), interface), expected.ravel(), atol=1e-5)


def test_channels_first(onnx_file: Callable[..., bytes]) -> None:
    """Proves that a file of NCHW gets its channels first, and says its sizes in our order."""
    content = onnx_file("echo", shape=(1, 3, 16, 16))
    file = entry(Interface(Layout.NCHW))
    model = open_model("onnxruntime", content, 1, file)
    assert model.input.shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(model.predict(NOISE), NOISE.transpose(2, 0, 1).ravel())


def test_quantised_values_are_rounded_and_clipped(onnx_file: Callable[..., bytes]) -> None:
    """Proves that an int8 input gets value / scale + zero point, rounded, and that 300 becomes 127 and no wrap."""
    tensor = TensorInfo("image", "int8", (1, 16, 16, 3), 0.5, -10)
    found = fed(onnx_file("echo", input_type="INT8"), Interface(mean=(100.0,), deviation=(2.0,)), input=tensor)
    expected = np.clip(np.rint((NOISE.astype(float) - 100) / 2 / 0.5 - 10), -128, 127)
    np.testing.assert_array_equal(found, expected.ravel())


def test_a_tflite_file_of_int8(tflite_int8: bytes, tflite_int8_input: bytes) -> None:
    """Proves that a TFLite file of int8 input gives the scores of the same file with uint8 input."""
    described = open_model("litert", tflite_int8_input, 1, entry(Interface())).input
    values = Interface(mean=(128.0 + described.zero_point,), deviation=(1 / described.scale,))
    model = open_model("litert", tflite_int8_input, 1, entry(values, input=described))
    known = open_model("litert", tflite_int8, 1)
    for pixels in (NOISE, NOISE // 2, 255 - NOISE):
        np.testing.assert_allclose(model.predict(pixels), known.predict(pixels), atol=0.005)


def test_a_fixed_batch_gets_one_picture(onnx_file: Callable[..., bytes]) -> None:
    """Proves that a file for four pictures at once gives the scores of the one."""
    content = onnx_file("softmax", shape=(4, 16, 16, 3))
    one = open_model("onnxruntime", onnx_file("softmax"), 1).predict(NOISE)
    np.testing.assert_allclose(open_model("onnxruntime", content, 1, entry(Interface())).predict(NOISE), one)


@pytest.mark.parametrize("activation", Activation)
def test_outputs_become_scores(onnx_file: Callable[..., bytes], activation: Activation) -> None:
    """Proves the softmax and the sigmoid of outputs, worked out apart, also of large ones."""
    content = onnx_file("echo", shape=(1, 1, 1, 3))
    file = entry(Interface(activation=activation, mean=(128.0,)))
    pixels = np.array([[[0, 130, 255]]], np.uint8)
    given = np.array([-128.0, 2, 127])
    expected = {
        Activation.NONE: given,
        Activation.SOFTMAX: np.exp(given) / np.exp(given).sum(),
        Activation.SIGMOID: 1 / (1 + np.exp(-given)),
    }[activation]
    np.testing.assert_allclose(open_model("onnxruntime", content, 1, file).predict(pixels), expected, atol=1e-6)


def test_outputs_of_onnx_are_scaled_by_the_manifest(onnx_file: Callable[..., bytes]) -> None:
    """Proves that (value - zero point) x scale of the manifest is applied where the backend knows no scale."""
    output = TensorInfo("scores", "uint8", (1, 768), 1 / 256, 128)
    found = fed(onnx_file("echo"), Interface(), output=output)
    np.testing.assert_allclose(found, (NOISE.ravel().astype(float) - 128) / 256, atol=1e-6)


def test_an_input_of_other_axes_is_one_error(onnx_file: Callable[..., bytes]) -> None:
    """Proves that a file that takes no picture is a BackendError with its sizes."""
    with pytest.raises(BackendError, match=r"four axes.*\(1, 48\)"):
        open_model("onnxruntime", onnx_file("echo", shape=(1, 48)), 1, entry(Interface()))
