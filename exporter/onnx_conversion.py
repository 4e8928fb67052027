"""Keras to ONNX: float32, and int8 by static quantisation in QDQ form."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.preprocessing import Pixels
from exporter.errors import ConversionError
from exporter.keras_model import INPUT_NAME, traced

if TYPE_CHECKING:
    import keras

OPSET = 17  # the newest that tf2onnx 1.17 writes without gaps; ONNX Runtime reads it since 1.12


def convert_float32(model: keras.Model) -> bytes:
    """Return an ONNX file that computes in float32 on `float32 (1, H, W, 3) RGB 0-255`.

    Raises:
        ConversionError: the converter failed.
    """
    import tf2onnx

    function, signature = traced(model)
    try:
        proto, _ = tf2onnx.convert.from_function(function, input_signature=[signature], opset=OPSET)
    # tf2onnx raises whatever its many passes raise.
    except Exception as error:
        raise ConversionError(f"tf2onnx failed: {error}") from error
    content: bytes = proto.SerializeToString()
    return content


def convert_int8(float32: bytes, calibration: Pixels) -> bytes:
    """Return the float32 ONNX file quantised to int8: static ranges, per-channel weights, QDQ form.

    Args:
        float32: what `convert_float32` returned.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`, pictures to take tensor ranges from.

    Raises:
        ConversionError: the quantiser failed.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as scratch:
        plain, prepared, result = (Path(scratch, name) for name in ("float32.onnx", "prepared.onnx", "int8.onnx"))
        plain.write_bytes(float32)
        try:
            quant_pre_process(plain, prepared)
            quantize_static(
                prepared,
                result,
                _Calibration(calibration),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                # Signed weights saturate the 16-bit sums of x86 processors without VNNI: measured 92.6 %
                # agreement with Keras against 99.7 % on one (docs/decisions/0006).
                weight_type=QuantType.QUInt8,
            )
        # onnxruntime's quantiser raises whatever onnx and its own passes raise.
        except Exception as error:
            raise ConversionError(f"ONNX Runtime's quantiser failed: {error}") from error
        return result.read_bytes()


class _Calibration:
    """Hands pictures to the quantiser one by one."""

    def __init__(self, pixels: Pixels) -> None:
        self._pictures: Iterator[Any] = iter(pixels)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next input, or None after the last."""
        picture = next(self._pictures, None)
        return None if picture is None else {INPUT_NAME: picture[None].astype(np.float32)}

    def __iter__(self) -> _Calibration:
        return self

    def __next__(self) -> dict[str, Any]:
        fed = self.get_next()
        if fed is None:
            raise StopIteration
        return fed
