"""The noise in a layer of a TFLite file."""

import numpy as np
import pytest

from exporter.formats.layer_error import decibel, powers
from exporter.formats.tflite.interface import read_model, written_model
from exporter.formats.tflite.layer_error import measure_layer_errors
from exporter.formats.tflite.tensors import tensors_of
from tests.exporter.formats.tflite.test_tensors import COLOURS, names_of


def test_a_file_has_no_error_against_itself(tflite_float32):
    """Proves that each dense layer is measured by name, and the same numbers are infinitely good."""
    [error] = measure_layer_errors(tflite_float32, tflite_float32, COLOURS)
    assert (error.kind, error.name) == ("FULLY_CONNECTED", names_of(tflite_float32)[1])
    assert error.signal_to_noise_db == float("inf")


@pytest.mark.parametrize(("factor", "expected"), [(1.1, 20.0), (2.0, 0.0), (-1.0, -6.0206)])
def test_decibels_are_those_of_the_weights(tflite_float32, factor, expected):
    """Proves that weights a tenth too large are 20 dB, doubled ones 0 dB and turned ones -6 dB."""
    [error] = measure_layer_errors(tflite_float32, scaled(tflite_float32, factor), COLOURS)
    assert error.signal_to_noise_db == pytest.approx(expected, abs=1e-3)


def scaled(content: bytes, factor: float | np.ndarray) -> bytes:
    """Return the file with its three weights multiplied, all by one factor or each by its own."""
    model = read_model(content)
    [kernel] = [tensor for tensor in model.subgraphs[0].tensors if list(tensor.shape) == [1, 3]
                and model.buffers[tensor.buffer].data is not None]  # fmt: skip
    buffer = model.buffers[kernel.buffer]
    values = np.frombuffer(bytes(buffer.data), np.float32) * np.asarray(factor, np.float32)
    buffer.data = values.view(np.uint8)
    return written_model(model)


def test_the_error_of_int8_is_that_of_its_tensors(tflite_float32):
    """Proves that the powers of all pictures are added before their ratio is taken, not averaged after it."""
    other = scaled(tflite_float32, np.array([1, 1, 1.5]))  # wrong about blue alone
    names = names_of(tflite_float32)[1:2]
    exact, rough = (np.array(list(tensors_of(file, COLOURS, names))) for file in (tflite_float32, other))
    [error] = measure_layer_errors(tflite_float32, other, COLOURS)
    assert error.signal_to_noise_db == pytest.approx(decibel(*powers(exact, rough)))
