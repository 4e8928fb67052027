"""A bundle's int8 files against those of the converters' own defaults: time, interleaved, and accuracy."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.run.timing import SETTLE_S, describe, interleave
from edge_runtime.backends import Backend, open_model
from edge_runtime.bundle import Precision, read_bundle
from edge_runtime.bundle.scores import label_scores
from edge_runtime.picture.preprocessing import Pixels, load_pictures
from edge_runtime.run_folder import MODEL, Side, SplitFile, read_run_folder

_RUNTIMES = {"tflite": "litert", "onnx": "onnxruntime"}
_CALIBRATION_PICTURES = 256
_TEST_PICTURES = 1000


def compare_conversions(run: Path, bundle: Path, *, rounds: int, threads: int) -> dict[str, Any]:
    """Convert the run's model by the converters' defaults, and compare with the bundle's int8 files.

    Args:
        run: the run folder that the bundle was exported from.
        bundle: the bundle folder, with int8 files.
        rounds: timed runs of each file.
        threads: inference threads.

    Returns:
        For each format median milliseconds and accuracy of both, and the ratio of the medians, ours over stock.

    Raises:
        BundleError: the bundle cannot be used.
        RunFolderError: the run cannot be read.
        BenchmarkError: the run's pictures are missing, or a stock converter failed.
    """
    opened = read_bundle(bundle)
    pixels, targets, calibration = _pictures(run, opened.preprocessing)
    files = {
        f"ours {file.format}": (str(file.format), opened.read(file))
        for file in opened.files
        if file.precision == Precision.INT8
    }
    with tempfile.TemporaryDirectory() as scratch:
        _convert_stock(run / MODEL, Path(scratch), calibration)
        for format_ in _RUNTIMES:
            files[f"stock {format_}"] = (format_, Path(scratch, f"stock.int8.{format_}").read_bytes())
    models = {name: open_model(_RUNTIMES[format_], content, threads) for name, (format_, content) in files.items()}
    tasks = {name: _task(model, pixels) for name, model in models.items()}
    times = interleave(tasks, rounds=rounds, warm_up=10, settle_s=SETTLE_S if threads > 1 else 0.0)
    return {
        format_: _compared(
            *(describe(times[f"{side} {format_}"]).median_ms for side in ("ours", "stock")),
            *(_accuracy(models[f"{side} {format_}"], pixels, targets) for side in ("ours", "stock")),
        )
        for format_ in _RUNTIMES
        if f"ours {format_}" in models
    }


def _compared(ours_ms: float, stock_ms: float, ours_accuracy: float, stock_accuracy: float) -> dict[str, float]:
    return {
        "ours_median_ms": ours_ms,
        "stock_median_ms": stock_ms,
        "ratio_of_medians": ours_ms / stock_ms,
        "ours_accuracy": ours_accuracy,
        "stock_accuracy": stock_accuracy,
    }


def _pictures(run: Path, preprocessing: Any) -> tuple[list[Pixels], list[int], list[str]]:
    """Return test pictures with their labels, and paths of training pictures."""
    splits = read_run_folder(run).splits
    test = _spread(splits.on(Side.TEST), _TEST_PICTURES)
    loaded = list(load_pictures(map(splits.path, test), preprocessing))
    if not test or any(not isinstance(pixels, np.ndarray) for pixels in loaded):
        raise BenchmarkError(f"{splits.folder}: the run's pictures cannot be read there. Bring them back.")
    targets = [splits.labels.index(file.label) for file in test]
    calibration = [str(splits.path(file)) for file in _spread(splits.on(Side.TRAIN), _CALIBRATION_PICTURES)]
    return [pixels for pixels in loaded if isinstance(pixels, np.ndarray)], targets, calibration


def _spread(files: tuple[SplitFile, ...], most: int) -> list[SplitFile]:
    """Return up to `most` of the files, evenly from all of them, which lie class by class."""
    return [files[index] for index in np.linspace(0, len(files) - 1, min(most, len(files))).astype(int)]


def _convert_stock(model: Path, out: Path, calibration: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.peers.stock_export", str(model), str(out), *calibration]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"a stock converter failed: {done.stderr.strip()[-500:]}")


def _task(model: Backend, pixels: list[Pixels]) -> Callable[[], object]:
    following = cycle(pixels)
    return lambda: model.predict(next(following))


def _accuracy(model: Backend, pixels: list[Pixels], targets: list[int]) -> float:
    right = 0
    for picture, target in zip(pixels, targets, strict=True):
        right += int(label_scores(model.predict(picture)).argmax()) == target
    return right / len(targets)
