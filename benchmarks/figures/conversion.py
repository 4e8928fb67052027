"""Compare a bundle's int8 files with those of the converters' own defaults: time, in turns, and accuracy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.run.program import run_program
from benchmarks.run.timing import SETTLE_S, describe, interleave
from edge_runtime.backends import BACKENDS, Backend, installed_backends, open_model
from edge_runtime.bundle import FORMATS, ONNX, TFLITE, Precision, read_bundle
from edge_runtime.bundle.scores import label_scores
from edge_runtime.child_process import module_command
from edge_runtime.picture.preprocessing import Pixels, load_pictures
from edge_runtime.run_folder import MODEL, Side, SplitFile, read_run_folder

STOCK_FORMATS = (TFLITE, ONNX)  # those that `peers.stock_export` writes
_CALIBRATION_PICTURES = 256
_TEST_PICTURES = 1000


def compare_conversions(run: Path, bundle: Path, *, rounds: int, threads: int) -> dict[str, Any]:
    """Convert the run's model with the converters' defaults, and compare with the bundle's int8 files.

    Args:
        run: the run folder that the bundle was exported from.
        bundle: the bundle's folder.
        rounds: timed runs of each file.
        threads: inference threads.

    Returns:
        For each format of `STOCK_FORMATS` the median milliseconds and the accuracy of both files, and the ratio of
        the medians, ours over stock.

    Raises:
        BundleError: the bundle cannot be used.
        RunFolderError: the run cannot be read.
        BenchmarkError: the bundle has no int8 file to compare, the run's pictures are missing, or a stock converter
            failed.
    """
    opened = read_bundle(bundle)
    ours = {
        file.format: opened.read(file)
        for file in opened.files
        if file.precision == Precision.INT8 and file.format in STOCK_FORMATS
    }
    if not ours:
        formats = " or ".join(FORMATS[name].title for name in STOCK_FORMATS)
        raise BenchmarkError(f"{bundle}: the bundle has no int8 {formats} file. Export it with --quantize int8.")
    pixels, targets, calibration = _pictures(run, opened.preprocessing)
    stock = _convert_stock(run / MODEL, calibration)
    models = {
        f"{side} {name}": open_model(_backend_of(name), contents[name], threads)
        for side, contents in (("ours", ours), ("stock", stock))
        for name in ours
    }
    tasks = {name: _task(model, pixels) for name, model in models.items()}
    times = interleave(tasks, rounds=rounds, warm_up=10, settle_s=SETTLE_S if threads > 1 else 0.0)
    return {
        name: _compared(
            *(describe(times[f"{side} {name}"]).median_ms for side in ("ours", "stock")),
            *(_accuracy(models[f"{side} {name}"], pixels, targets) for side in ("ours", "stock")),
        )
        for name in ours
    }


def _backend_of(name: str) -> str:
    """Return the backend for a format: the first that is installed, or else the first there is."""
    backends = [backend for backend, library in BACKENDS.items() if library.format == name]
    return next((backend for backend in backends if backend in installed_backends()), backends[0])


def _compared(ours_ms: float, stock_ms: float, ours_accuracy: float, stock_accuracy: float) -> dict[str, float]:
    return {
        "ours_median_ms": ours_ms,
        "stock_median_ms": stock_ms,
        "ratio_of_medians": ours_ms / stock_ms,
        "ours_accuracy": ours_accuracy,
        "stock_accuracy": stock_accuracy,
    }


def _pictures(run: Path, preprocessing: Any) -> tuple[list[Pixels], list[int], list[str]]:
    """Return test pictures with the indices of their labels, and paths of training pictures."""
    splits = read_run_folder(run).splits
    test = _spread(splits.on(Side.TEST), _TEST_PICTURES)
    loaded = list(load_pictures(map(splits.path, test), preprocessing))
    if not test or any(not isinstance(pixels, np.ndarray) for pixels in loaded):
        raise BenchmarkError(f"{splits.folder}: the run's pictures cannot be read there. Bring them back.")
    targets = [splits.labels.index(file.label) for file in test]
    calibration = [str(splits.path(file)) for file in _spread(splits.on(Side.TRAIN), _CALIBRATION_PICTURES)]
    return [pixels for pixels in loaded if isinstance(pixels, np.ndarray)], targets, calibration


def _spread(files: tuple[SplitFile, ...], most: int) -> list[SplitFile]:
    """Return up to `most` of the files, spread evenly over all, as they are sorted by class."""
    return [files[index] for index in np.linspace(0, len(files) - 1, min(most, len(files))).astype(int)]


def _convert_stock(model: Path, calibration: list[str]) -> dict[str, bytes]:
    """Return the int8 file of each stock converter, by format."""
    with tempfile.TemporaryDirectory() as out:
        command = module_command("benchmarks.peers.stock_export", str(model), out, *calibration)
        run_program(command, name="a stock converter failed")
        return {name: Path(out, f"stock.int8{FORMATS[name].suffix}").read_bytes() for name in STOCK_FORMATS}


def _task(model: Backend, pixels: list[Pixels]) -> Callable[[], object]:
    following = cycle(pixels)
    return lambda: model.predict(next(following))


def _accuracy(model: Backend, pixels: list[Pixels], targets: list[int]) -> float:
    right = 0
    for picture, target in zip(pixels, targets, strict=True):
        right += int(label_scores(model.predict(picture)).argmax()) == target
    return right / len(targets)
