"""The tensors inside a TFLite file are read as the numbers that they stand for."""

import numpy as np
import pytest

from exporter.formats.tflite.operators import read_graph
from exporter.formats.tflite.quantization import measure_ranges
from exporter.formats.tflite.tensors import tensors_of


def plain(*colours) -> np.ndarray:
    """Return pictures of one colour each, `uint8 (N, 16, 16, 3)`."""
    return np.array([np.full((16, 16, 3), colour, np.uint8) for colour in colours])


COLOURS = plain((0, 0, 0), (255, 0, 0), (10, 20, 40), (0, 0, 255))


def names_of(content: bytes) -> list[str]:
    return [operator.name for operator in read_graph(content).operators]


def test_each_tensor_is_of_its_picture(tflite_float32):
    """Proves that the mean of a plain picture is its colour, and the next tensor weighs red against blue."""
    means, logits, scores = zip(*tensors_of(tflite_float32, COLOURS, names_of(tflite_float32)), strict=True)
    for colour, mean, logit, score in zip(COLOURS[:, 0, 0].astype(float), means, logits, scores, strict=True):
        np.testing.assert_allclose(mean, [colour], rtol=1e-5)
        expected = (colour[0] - colour[2]) / 32
        np.testing.assert_allclose(logit, [[expected]], atol=1e-5)
        np.testing.assert_allclose(score, [[1 / (1 + np.exp(-expected))]], atol=1e-6)


def test_names_set_the_order(tflite_float32):
    """Proves that tensors come as they are asked for, and one can be asked for twice."""
    first, _, last = names_of(tflite_float32)
    for a, b, c in tensors_of(tflite_float32, COLOURS, [last, first, last]):
        assert (a.size, b.size) == (1, 3)
        np.testing.assert_array_equal(a, c)


def test_bytes_are_turned_into_numbers(tflite_float32, tflite_int8):
    """Proves that scale and zero point are taken out: int8 tensors are within two steps of the float ones."""
    name = next(
        operator.name for operator in read_graph(tflite_int8).operators if operator.kind == "FULLY_CONNECTED"
    )
    whole = [tensor for [tensor] in tensors_of(tflite_float32, COLOURS, [names_of(tflite_float32)[1]])]
    small = [tensor for [tensor] in tensors_of(tflite_int8, COLOURS, [name])]
    assert small[0].dtype == np.float64
    step = 16 / 255  # logits reach from -8 to 8
    assert np.abs(np.array(whole) - np.array(small)).max() < 2 * step
    assert np.ptp(small) > 10


def test_ranges_are_worked_out_by_hand(tflite_float32):
    """Proves that means reach from 0 to 255, logits to 6.3 and not to 7.97, and the input is all of a byte."""
    mean, logits, scores = names_of(tflite_float32)
    ranges = measure_ranges(tflite_float32, COLOURS)
    assert ranges["image"] == (0.0, 255.0)
    assert ranges[mean] == pytest.approx((0, 255), rel=1e-5)
    assert ranges[logits] == (-6.3, 6.3)
    assert ranges[scores] == pytest.approx((1 / (1 + np.exp(255 / 32)), 1 / (1 + np.exp(-255 / 32))), abs=1e-6)


def test_a_narrow_range_of_logits_stays_narrow(tflite_float32):
    """Proves that the limit cuts and never widens: logits from 0 to 1 keep their steps."""
    ranges = measure_ranges(tflite_float32, plain((0, 0, 0), (32, 0, 0)))
    assert ranges[names_of(tflite_float32)[1]] == pytest.approx((0.0, 1.0), abs=1e-5)
