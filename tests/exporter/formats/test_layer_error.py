"""The noise of each layer is that of its numbers, and the layer that spoils an int8 file comes first."""

import json
import subprocess
import sys

import numpy as np
import pytest

from exporter.formats.conversion import Converter
from exporter.formats.layer_error import LayerError, decibel, powers
from exporter.formats.table import format_named
from tests.exporter.conftest import (
    environment,
    spoiled_network,
    target,
)


def test_every_weighted_layer_is_measured_worst_first(converter, files, train_pixels, format_):
    """Proves that five layers of a sound network stand in rising order, all well above the noise."""
    int8 = files[f"model.int8.{format_}"].content
    errors = format_named(format_).measure_layer_errors(converter.float32(format_), int8, train_pixels[:8])
    assert len({error.name for error in errors}) == 5
    decibels = [error.signal_to_noise_db for error in errors]
    assert decibels == sorted(decibels)
    assert 10 < decibels[0] <= decibels[-1] < 70
    assert json.loads(json.dumps(errors[0].to_dict())).keys() == {"name", "kind", "signal_to_noise_db"}


def test_the_spoiled_layer_comes_first(train_pixels, format_):
    """Proves that a layer whose small weights all become 0 is found, and the layers before it are not blamed."""
    converter = Converter(spoiled_network(), train_pixels)
    int8 = converter.convert(target(format_, "int8")).content
    worst, *others = format_named(format_).measure_layer_errors(converter.float32(format_), int8, train_pixels[:8])
    assert "verdict" in worst.name
    assert worst.signal_to_noise_db < 10
    assert all(error.signal_to_noise_db > 25 for error in others)


def test_layer_error_is_that_of_the_values(train_pixels):
    """Proves that the figure of a TFLite file's last layer is the one worked out from its logits by hand."""
    converter = Converter(spoiled_network(), train_pixels)
    int8 = converter.convert(target("tflite", "int8")).content
    float32 = converter.float32("tflite")
    worst = format_named("tflite").measure_layer_errors(float32, int8, train_pixels[:8])[0]

    def logits(content):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
        interpreter.allocate_tensors()
        source = interpreter.get_input_details()[0]
        tensor = next(found for found in interpreter.get_tensor_details() if found["name"] == worst.name)
        scale, zero_point = tensor["quantization"]
        for picture in train_pixels[:8]:
            interpreter.set_tensor(source["index"], picture[None].astype(source["dtype"]))
            interpreter.invoke()
            value = float(interpreter.get_tensor(tensor["index"]).ravel()[0])
            yield (value - zero_point) * scale if scale else value

    exact, rough = np.array(list(logits(float32))), np.array(list(logits(int8)))
    expected = 10 * np.log10((exact**2).sum() / ((exact - rough) ** 2).sum())
    assert worst.signal_to_noise_db == pytest.approx(expected, abs=0.1)


MIXED = """
import hashlib
import numpy as np
from exporter.formats.conversion import Converter
from exporter.formats.table import format_named
from tests.exporter.conftest import spoiled_network, target

pictures = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3)).astype(np.uint8)
converter = Converter(spoiled_network(), pictures)
for format_ in ("tflite", "onnx"):
    int8 = converter.convert(target(format_, "int8")).content
    worst = format_named(format_).measure_layer_errors(converter.float32(format_), int8, pictures)[0]
    mixed = converter.convert(target(format_, "mixed"), keep_float=(worst.name,)).content
    print("mixed", format_, worst.kind, hashlib.sha256(mixed).hexdigest())
"""


def test_a_mixed_file_is_the_same_bytes_again():
    """Proves that two processes make the same bytes of the same network, pictures and layer in float."""

    def made():
        command = [sys.executable, "-c", MIXED]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
        return [line for line in done.stdout.splitlines() if line.startswith("mixed")]

    first = made()
    assert [line.split()[1] for line in first] == ["tflite", "onnx"]
    assert made() == first


@pytest.mark.parametrize(
    ("signal", "noise", "expected"), [(100, 1, 20), (1, 1, 0), (1, 4, -6.0206), (0, 1, -300), (1, 0, float("inf"))]
)
def test_decibels_are_worked_out_by_hand(signal, noise, expected):
    """Proves that ten times the logarithm of the ratio is meant, and neither silence nor exactness is an error."""
    assert decibel(signal, noise) == pytest.approx(expected, abs=1e-4)


def test_powers_are_sums_of_squares():
    """Proves that values are widened first: 300 squared does not fit a float16 or a byte."""
    assert powers(np.array([300, -4], np.float16), np.array([299, -4], np.float16)) == (90016.0, 1.0)


def test_a_layer_without_error_is_null_in_json():
    """Proves that no infinity, which JSON does not have, reaches a file."""
    assert LayerError("a", "Conv", float("inf")).to_dict()["signal_to_noise_db"] is None
    assert LayerError("a", "Conv", 12.5).to_dict() == {"name": "a", "kind": "Conv", "signal_to_noise_db": 12.5}
