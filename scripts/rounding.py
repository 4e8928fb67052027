"""Print the table of docs/decisions/0015: how weights rounded together differ from weights rounded to nearest.

Usage: PYTHONPATH=. python scripts/rounding.py RUN BUNDLE

The bundle's float32 files are quantised to int8 anew, in both ways, with the calibration pictures of an export. The
int8 files are then compared with the float32 files on the validation pictures of the run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from edge_runtime.bundle import ONNX, TFLITE, Precision, read_bundle
from exporter.calibration import draw_calibration
from exporter.formats.onnx import quantization as onnx_quantization
from exporter.formats.tflite import quantization as tflite_quantization
from exporter.source import load_split_pictures, read_source
from exporter.verification import run_file

QUANTISERS: dict[str, Any] = {ONNX: onnx_quantization, TFLITE: tflite_quantization}


def main(run: Path, folder: Path) -> None:
    """Print two rows for each format: weights rounded to nearest, and rounded together."""
    source, bundle = read_source(run), read_bundle(folder)
    calibration, _ = load_split_pictures(draw_calibration(source)[0], source.preprocessing)
    pictures, _ = load_split_pictures(source.sides["validation"], source.preprocessing)
    files = {(file.format, file.precision): file for file in bundle.files}
    for form, quantiser in QUANTISERS.items():
        file, exact_file = files[form, Precision.INT8], files[form, Precision.FLOAT32]
        float32 = (folder / exact_file.path).read_bytes()
        together = quantiser.quantize_int8(float32, calibration)
        with mock.patch.object(quantiser, "round_weights", lambda quantised, *_: quantised):
            nearest = quantiser.quantize_int8(float32, calibration)
        exact = run_file(bundle.labels, exact_file, float32, pictures)
        for how, content in (("nearest", nearest), ("together", together)):
            scores = run_file(bundle.labels, file, content, pictures)
            same, apart = scores.argmax(axis=1) == exact.argmax(axis=1), np.abs(scores - exact)
            print(f"| {form}, {how} | {same.mean():.2%} | {apart.mean():.4f} | {apart.max():.2f} |")
            print(f"  class by class, mean: {np.round((scores - exact).mean(axis=0), 4)}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
