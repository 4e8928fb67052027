"""Convolutions of int8 TFLite files are rounded together, at the same scales, in eight bits."""

import keras
import numpy as np
import pytest

from exporter.formats.tflite import quantization as tflite_quantization
from exporter.formats.tflite import rounding as tflite_rounding
from exporter.formats.tflite.conversion import convert_float32
from exporter.formats.tflite.interface import read_model
from exporter.formats.tflite.rounding import _layers
from exporter.formats.weight_rounding import Window, noted
from tests.exporter.smooth import smooth_pictures


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Smooth pictures, `uint8 (40, 12, 10, 3) RGB 0-255`."""
    return smooth_pictures(40, 12, 10)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "same"},
        {"padding": "same", "strides": 2},
        {"padding": "valid", "strides": (2, 1)},
        {"padding": "valid", "kernel_size": (3, 2)},
    ],
)
def test_patches_are_what_the_convolution_reads(pictures: np.ndarray, options: dict) -> None:
    """Proves, for every kind of padding, that windows times weights are LiteRT's own result."""
    from ai_edge_litert.interpreter import Interpreter

    content = _convolution(**options)
    model = read_model(content)
    ((source, kernel, window),) = _layers(model)
    interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pictures[:1].astype(np.float32))
    interpreter.invoke()
    graph = model.subgraphs[0]
    (node,) = [node for node in graph.operators if kernel in node.inputs]
    weights, bias = (interpreter.get_tensor(index) for index in node.inputs[1:])
    windows = window.over(interpreter.get_tensor(source)[0])
    sums = np.einsum("yxcij,oijc->yxo", windows, weights) + bias
    np.testing.assert_allclose(sums, interpreter.get_tensor(node.outputs[0])[0], atol=1e-4)


@pytest.mark.parametrize("options", [{"groups": 3}, {"dilation_rate": 2}, {"depthwise": True}, {}])
def test_other_convolutions_stay(monkeypatch, pictures: np.ndarray, options: dict) -> None:
    """Proves that grouped, dilated, depthwise and huge filters are left as the quantiser rounded them."""
    if not options:
        monkeypatch.setattr(tflite_rounding, "MOST_INPUTS", 26)  # it has 27
    content = _convolution(**options)
    together = tflite_quantization.quantize_int8(content, pictures)
    monkeypatch.setattr(tflite_quantization, "round_weights", lambda quantised, *_: quantised)
    assert together == tflite_quantization.quantize_int8(content, pictures)


def test_a_file_is_nearer_with_the_same_scales(monkeypatch, pictures: np.ndarray) -> None:
    """Proves that a kernel errs less than the nearest one, on other pictures, and that nothing else changed."""
    content = _convolution(padding="same")
    files = [tflite_quantization.quantize_int8(content, pictures[:20])]
    monkeypatch.setattr(tflite_quantization, "round_weights", lambda quantised, *_: quantised)
    files.append(tflite_quantization.quantize_int8(content, pictures[:20]))
    together, nearest = (read_model(file) for file in files)
    patches = Window((3, 3), padding=None).over(pictures[20].astype(np.float32))
    exact = _kernel(read_model(content), np.float32)
    errors = [
        float((np.einsum("yxcij,oijc->yxo", patches, _kernel(model, np.int8) - exact) ** 2).mean())
        for model in (together, nearest)
    ]
    assert errors[0] < 0.5 * errors[1]
    changed = []
    for tensor, other in zip(together.subgraphs[0].tensors, nearest.subgraphs[0].tensors, strict=True):
        assert (tensor.name, list(tensor.quantization.scale)) == (other.name, list(other.quantization.scale))
        values = [model.buffers[tensor.buffer].data for model in (together, nearest)]
        if values[0] is not None and not np.array_equal(*values):
            changed.append((list(tensor.shape), int(np.abs(values[0].view(np.int8).astype(int)).max())))
    assert changed == [([6, 3, 3, 3], 127)]


def _kernel(model, dtype: type) -> np.ndarray:
    """Return the one kernel of a file, `(O, KH, KW, C)`, in real numbers."""
    (tensor,) = [tensor for tensor in model.subgraphs[0].tensors if list(tensor.shape) == [6, 3, 3, 3]]
    values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), dtype).reshape(6, 3, 3, 3)
    return values * np.asarray(tensor.quantization.scale)[:, None, None, None] if dtype is np.int8 else values


def _convolution(*, depthwise: bool = False, kernel_size: int | tuple[int, int] = 3, **options) -> bytes:
    """Return a float32 file of one convolution from 3 channels with a bias, 6 unless depthwise."""
    keras.utils.set_random_seed(1)
    image = keras.Input((12, 10, 3))
    layers = keras.layers
    scaled = {"bias_initializer": "random_normal"}
    layer = (
        layers.DepthwiseConv2D(kernel_size, **scaled)
        if depthwise
        else layers.Conv2D(6, kernel_size, **scaled, **options)
    )
    return convert_float32(keras.Model(image, layer(layers.Rescaling(1 / 255)(image))))


def test_a_fault_in_rounding_leaves_the_quantisers_weights(monkeypatch, pictures: np.ndarray) -> None:
    """Proves that whatever rounding raises, there is a file, rounded to nearest, and a note that says why."""

    def fails(*_):
        raise IndexError("no such\ntensor")

    content = _convolution()
    monkeypatch.setattr(tflite_rounding, "input_powers", fails)
    with noted() as notes:
        found = tflite_quantization.quantize_int8(content, pictures)
    why = "because it ended in IndexError: no such tensor"
    assert notes == [f"rounding the weights of the int8 TFLite file together, {why}"]
    monkeypatch.setattr(tflite_quantization, "round_weights", lambda quantised, *_: quantised)
    assert found == tflite_quantization.quantize_int8(content, pictures)
