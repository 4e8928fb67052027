"""Smaller TFLite files from the float32 one: float16 weights, dynamic range, and int8 throughout.

litert-quantizer writes the files, and the ranges of the tensors are measured here. Its own calibration averages the
ends of each picture's range. For the single number before a sigmoid, that is a range of no width. On the report
network it made scores wrong by 0.29; with the ranges measured here they are wrong by 0.005 (docs/decisions/0008).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_runtime.picture.preprocessing import Pixels
from exporter.errors import ConversionError
from exporter.formats.reason import reason_of
from exporter.formats.score_steps import LARGEST_LOGIT
from exporter.formats.tflite.interface import name_interface, take_and_give_uint8
from exporter.formats.tflite.operators import computed_tensors, inside_loops, read_graph
from exporter.formats.tflite.rewriting import write_for_integers
from exporter.formats.tflite.rounding import round_weights
from exporter.formats.tflite.tensors import tensors_of
from exporter.network.model import INPUT_NAME

# litert-quantizer leaves the version of a dense layer as it was. A backend that is older than per-channel weights
# loads such a file and computes nonsense (tflite-runtime 2.14: scores wrong by 0.55). With this version it refuses.
_DYNAMIC_VERSIONS = {"FULLY_CONNECTED": 12}

SILENT_RANGE = 1.0
Ranges = dict[str, tuple[float, float]]


def measure_ranges(float32: bytes, calibration: Pixels) -> Ranges:
    """Return the smallest and largest value of every tensor over the pictures, by the tensor's name.

    Args:
        float32: a float32 TFLite file.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    graph = read_graph(float32)
    names = computed_tensors(float32)
    low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for tensors in tensors_of(float32, calibration, names):
        low = np.minimum(low, [tensor.min() for tensor in tensors])
        high = np.maximum(high, [tensor.max() for tensor in tensors])
    # A layer that is 0 for all pictures has no range, and XNNPACK takes no scale of 0.
    high = np.where((low == 0) & (high == 0), SILENT_RANGE, high)
    measured = {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}
    if graph.operators[-1].kind == "LOGISTIC":
        logits = graph.operators[-2].name
        measured[logits] = (max(measured[logits][0], -LARGEST_LOGIT), min(measured[logits][1], LARGEST_LOGIT))
    return measured | {INPUT_NAME: (0.0, 255.0)}  # one step is one level of a pixel, whatever the pictures hold


def quantize_int8(float32: bytes, calibration: Pixels, *, keep_float: tuple[str, ...] = ()) -> bytes:
    """Return a file that computes in int8 with per-channel weights, from `uint8 (1, H, W, 3)` to scores in uint8.

    Args:
        float32: a float32 TFLite file.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`, pictures to take tensor ranges from and to round weights by.
        keep_float: names of operators (of their first output) to leave in float32.

    Raises:
        ConversionError: the quantiser failed.
    """
    from litert_quantizer import recipe

    float32 = write_for_integers(float32)
    rules = recipe.static_wi8_ai8() + [_leave(name) for name in (*keep_float, *inside_loops(float32))]
    values = {
        name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for name, (low, high) in measure_ranges(float32, calibration).items()
    }
    return round_weights(take_and_give_uint8(_quantize(float32, rules, values)), float32, calibration)


def quantize_dynamic(float32: bytes) -> bytes:
    """Return a file with int8 weights that quantises activations while it runs, with float32 in and out.

    Raises:
        ConversionError: the quantiser failed.
    """
    from litert_quantizer import recipe

    return name_interface(_quantize(float32, recipe.dynamic_wi8_afp32(), None), versions=_DYNAMIC_VERSIONS)


def quantize_float16(float32: bytes) -> bytes:
    """Return a file with float16 weights, float32 in and out.

    Raises:
        ConversionError: the quantiser failed.
    """
    weights = {"num_bits": 16, "symmetric": True, "granularity": "TENSORWISE", "dtype": "FLOAT"}
    rule = {
        "regex": ".*",
        "operation": "*",
        "algorithm_key": "float_casting",
        "op_config": {
            "weight_tensor_config": weights,
            "compute_precision": "FLOAT",
            "explicit_dequantize": True,
        },
    }
    return name_interface(_quantize(float32, [rule], None))


def _leave(name: str) -> dict[str, Any]:
    return {"regex": f"^{_escaped(name)};?$", "operation": "*", "algorithm_key": "no_quantize", "op_config": {}}


def _escaped(name: str) -> str:
    import re

    return re.escape(name)


def _quantize(float32: bytes, rules: list[dict[str, Any]], ranges: dict[str, Any] | None) -> bytes:
    from litert_quantizer import quantizer

    try:
        work = quantizer.Quantizer(float32, rules)
        return bytes(work.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model)
    # The quantiser raises whatever its many passes raise.
    except Exception as error:
        raise ConversionError(f"litert-quantizer failed: {reason_of(error)} Choose --quantize float16.") from error
