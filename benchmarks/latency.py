"""Latency of every file of a bundle with every installed runtime, on pictures of the user."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.timing import LatencyStats, describe, interleave
from edge_runtime.backends import BACKENDS, installed_backends
from edge_runtime.bundle import ModelFile, read_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.errors import PictureError
from edge_runtime.native_output import native_output_to
from edge_runtime.preprocessing import Pixels, Preprocessing, decode_picture, load_pictures, resize_picture

_PACKAGES = ("catdog-edge", "ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy", "pillow")


@dataclass(frozen=True)
class FileLatency:
    """One file with one runtime.

    Args:
        file: the model file.
        backend: name of the runtime.
        inference: times of the model alone on a ready tensor.
    """

    file: ModelFile
    backend: str
    inference: LatencyStats


@dataclass(frozen=True)
class LatencyReport:
    """What was measured in one interleaved run.

    Args:
        bundle: name of the bundle.
        threads: inference threads.
        decode: times to read and decode a picture file.
        preprocess: times to resize a decoded picture.
        files: the files, fastest first.
        machine: processor, cores, load and versions.
    """

    bundle: str
    threads: int
    decode: LatencyStats
    preprocess: LatencyStats
    files: tuple[FileLatency, ...]
    machine: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of `report.json`."""
        files = [
            {"path": item.file.path, "backend": item.backend, "inference": item.inference.to_dict()}
            | {"size_bytes": item.file.size_bytes, "drift": item.file.drift}
            for item in self.files
        ]
        return {
            "schema_version": 1,
            "bundle": self.bundle,
            "threads": self.threads,
            "decode": self.decode.to_dict(),
            "preprocess": self.preprocess.to_dict(),
            "files": files,
            "machine": self.machine,
        }


def measure_latency(
    bundle: Path,
    data: Path,
    *,
    rounds: int = 100,
    threads: int = 1,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> LatencyReport:
    """Time decoding, resizing and every file with every installed runtime, interleaved.

    Args:
        bundle: a bundle folder.
        data: a picture, or a folder of pictures at any depth.
        rounds: timed runs of each, 2 or more.
        threads: inference threads.
        report: called with rounds done and in all.

    Raises:
        BundleError: the bundle cannot be used.
        BenchmarkError: there is no picture or no installed runtime to measure with.
    """
    manifest = read_bundle(bundle)
    paths = _pictures(data, manifest.preprocessing)
    images = [decode_picture(path, manifest.preprocessing) for path in paths]
    tensors = [resize_picture(image, manifest.preprocessing) for image in images]
    with native_output_to(Path(os.devnull)):  # LiteRT announces its delegate
        opened = [
            (file, name, Classifier.open(bundle, name, precision=file.precision, threads=threads))
            for file in manifest.files
            for name in installed_backends()
            if BACKENDS[name].format == file.format
        ]
    if not opened:
        raise BenchmarkError(
            f"{bundle}: no installed runtime loads any of its files. Install: pip install ai-edge-litert"
        )
    load = os.getloadavg()[0]
    tasks = {f"{file.path} {name}": _inference(classifier, tensors) for file, name, classifier in opened}
    next_path, next_image = cycle(paths), cycle(images)
    times = interleave(
        tasks
        | {
            "decode": lambda: decode_picture(next(next_path), manifest.preprocessing),
            "preprocess": lambda: resize_picture(next(next_image), manifest.preprocessing),
        },
        rounds=rounds,
        report=report,
    )
    files = [FileLatency(file, name, describe(times[f"{file.path} {name}"])) for file, name, _ in opened]
    return LatencyReport(
        bundle=manifest.name,
        threads=threads,
        decode=describe(times["decode"]),
        preprocess=describe(times["preprocess"]),
        files=tuple(sorted(files, key=lambda item: item.inference.median_ms)),
        machine=_machine() | {"load_before": load},
    )


def _inference(classifier: Classifier, tensors: list[Pixels]) -> Callable[[], object]:
    following = cycle(tensors)
    return lambda: classifier.scores(next(following))


def _pictures(data: Path, preprocessing: Preprocessing, most: int = 50) -> list[Path]:
    """Return up to `most` readable pictures, spread over the folder."""
    found = [data] if data.is_file() else sorted(path for path in data.rglob("*") if path.is_file())
    spread = found[:: max(1, len(found) // most)][:most]
    loaded = load_pictures(spread, preprocessing)
    readable = [path for path, pixels in zip(spread, loaded, strict=True) if not isinstance(pixels, PictureError)]
    if not readable:
        raise BenchmarkError(f"{data}: no picture there. Name a picture or a folder of pictures with --data.")
    return readable


def _machine() -> dict[str, Any]:
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor_name(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": packages,
    }


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[-1] if names else platform.processor()
