"""The int8 ONNX file on x86-64 without VNNI, where ONNX Runtime's byte products could saturate: decision 0006."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.contract.measurements import Measurements, largest_difference
from tests.contract.pictures import write_pictures
from tests.contract.probe import probe
from tests.environments import ROOT, Environment, emulated_pi

KEY = "model.int8.onnx onnxruntime"


def haswell() -> Environment:
    """Return this Python on an emulated processor with AVX2 and without VNNI and AVX-512."""
    emulated_pi("base")  # brings qemu
    qemu = str(ROOT / ".cache/arm/qemu/usr/bin/qemu-x86_64")
    return Environment("Haswell", (qemu, sys.executable), {"QEMU_CPU": "Haswell-noTSX", "PYTHONPATH": str(ROOT)})


def test_nothing_saturates_without_vnni(
    name: str, folder: Path, tmp_path: Path, measurements: Measurements
) -> None:
    """Proves that AVX2 alone gives this processor's int8 scores, so the labels of a processor with VNNI."""
    pictures = write_pictures(tmp_path / "pictures", count_per_class=8)
    there = haswell().probe(folder, pictures, 1)
    here = probe(folder, pictures, 1)
    assert there["hashes"] == here["hashes"]
    scores = np.array(there["scores"][KEY])
    kind = "with" if "avx512_vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8") else "without"
    difference = largest_difference(scores, here["scores"][KEY])
    measurements.check("avx2 int8", f"{name}, Haswell, host {kind} VNNI", difference)
    np.testing.assert_array_equal(scores.argmax(axis=1), np.array(here["scores"][KEY]).argmax(axis=1))


def test_weights_are_of_seven_bits(folder: Path) -> None:
    """Proves that no weight of the file is beyond +-64, so that two products always fit the sums of AVX2."""
    onnx = pytest.importorskip("onnx", reason="onnx reads the weights")
    stored = [
        onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(folder / "model.int8.onnx").graph.initializer
    ]
    kernels = [tensor for tensor in stored if tensor.dtype == np.int8 and tensor.ndim > 1]
    assert len(kernels) >= 3
    assert max(np.abs(kernel.astype(int)).max() for kernel in kernels) <= 64
