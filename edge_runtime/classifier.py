"""Classify pictures with a bundle."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime import backends
from edge_runtime.bundle import Bundle, ModelFile, ModelFormat, Precision, read_bundle, read_model_file
from edge_runtime.errors import BackendError, BundleError
from edge_runtime.preprocessing import PictureSource, Pixels, decode_picture, resize_picture

# Tried in this order when the user does not choose; measured in docs/report-reproduction.md.
PREFERENCE = (
    (Precision.INT8, ModelFormat.TFLITE),
    (Precision.INT8, ModelFormat.ONNX),
    (Precision.FLOAT32, ModelFormat.TFLITE),
    (Precision.FLOAT32, ModelFormat.ONNX),
)


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Args:
        label: the label with the highest score.
        confidence: its score, 0-1.
        scores: score of every label, 0-1, summing to 1.
        decode_ms: reading and decoding, milliseconds.
        preprocess_ms: resizing, milliseconds.
        inference_ms: the model, milliseconds.
    """

    label: str
    confidence: float
    scores: dict[str, float]
    decode_ms: float
    preprocess_ms: float
    inference_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object with scores rounded to six and times to three decimals."""
        rounded = {key: round(score, 6) for key, score in self.scores.items()}
        times = {key: round(getattr(self, key), 3) for key in ("decode_ms", "preprocess_ms", "inference_ms")}
        return asdict(self) | {"confidence": round(self.confidence, 6), "scores": rounded} | times


class Classifier:
    """A bundle's model file, loaded and ready.

    Attributes:
        bundle: the manifest.
        file: the model file in use.
        backend: name of the runtime in use.
    """

    def __init__(self, bundle: Bundle, file: ModelFile, backend: str, model: backends.Backend) -> None:
        """Keep an opened model; use `Classifier.open`."""
        self.bundle = bundle
        self.file = file
        self.backend = backend
        self._model = model

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        backend: str = "auto",
        *,
        precision: str = "auto",
        threads: int | None = None,
    ) -> Classifier:
        """Open a bundle folder.

        Args:
            folder: the bundle, `bundles/<name>`.
            backend: `auto` or a key of `edge_runtime.backends.BACKENDS`.
            precision: `auto` or a `Precision`.
            threads: inference threads; default one per usable core, at most 4.

        Raises:
            BundleError: the bundle is missing, damaged or of an unknown version.
            BackendError: no installed runtime loads a file of the bundle that was asked for.
        """
        bundle = read_bundle(Path(folder))
        reasons = []
        for file, name in _candidates(bundle, backend, precision):
            content = read_model_file(Path(folder), file)
            try:
                model = backends.open_model(name, content, threads or usable_cores())
            except BackendError as error:
                reasons.append(f"{file.path}: {error}")
            else:
                _refuse_misfit(model, bundle, Path(folder) / file.path)
                return cls(bundle, file, name, model)
        raise BackendError(_nothing_loads(Path(folder), backend, precision, reasons))

    def scores(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run the model on `uint8 (height, width, 3) RGB 0-255` as `load_picture` returns it.

        Returns:
            `float32 (labels,)`, 0-1, summing to 1.
        """
        outputs = self._model.predict(pixels)
        if len(outputs) == 1:  # one sigmoid output: the score of the second label
            return np.array([1 - outputs[0], outputs[0]], np.float32)
        return outputs

    def classify(self, picture: PictureSource) -> Prediction:
        """Classify a path, encoded bytes, file object, PIL image or `uint8 (H, W, 3) RGB 0-255` array.

        Raises:
            PictureError: the picture cannot be read or decoded, or is too large.
        """
        start = time.perf_counter()
        image = decode_picture(picture, self.bundle.preprocessing)
        decoded = time.perf_counter()
        pixels = resize_picture(image, self.bundle.preprocessing)
        resized = time.perf_counter()
        scores = self.scores(pixels)
        done = time.perf_counter()
        best = int(scores.argmax())
        return Prediction(
            label=self.bundle.labels[best],
            confidence=float(scores[best]),
            scores=dict(zip(self.bundle.labels, scores.tolist(), strict=True)),
            decode_ms=(decoded - start) * 1e3,
            preprocess_ms=(resized - decoded) * 1e3,
            inference_ms=(done - resized) * 1e3,
        )


def usable_cores() -> int:
    """Return how many cores this process may use, at most 4: small models gain nothing from more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, cores)


def _candidates(bundle: Bundle, backend: str, precision: str) -> list[tuple[ModelFile, str]]:
    """Return every (file, backend) the user's choice and the installed runtimes allow, best first."""
    if backend != "auto" and backend not in backends.BACKENDS:
        raise BackendError(f"backend {backend!r} is unknown: expected auto, {', '.join(backends.BACKENDS)}")
    if precision != "auto" and precision not in list(Precision):
        raise BackendError(f"precision {precision!r} is unknown: expected auto, {', '.join(Precision)}")
    names = backends.installed_backends() if backend == "auto" else (backend,)
    return [
        (file, name)
        for wanted in PREFERENCE
        for file in bundle.files
        for name in names
        if (file.precision, file.format) == wanted
        and backends.BACKENDS[name].format == file.format
        and precision in ("auto", file.precision)
    ]


def _refuse_misfit(model: backends.Backend, bundle: Bundle, path: Path) -> None:
    """Run one blank picture to prove that the file takes and gives what the manifest says."""
    size = (bundle.preprocessing.height, bundle.preprocessing.width, 3)
    expected = [(len(bundle.labels),)] + [(1,)] * (len(bundle.labels) == 2)
    try:
        received = model.predict(np.zeros(size, np.uint8)).shape
    except (RuntimeError, ValueError) as error:
        raise BundleError(f"{path}: does not run on the {size} pictures of the manifest: {error}") from error
    if received not in expected:
        raise BundleError(
            f"{path}: expected one score for each of the labels {', '.join(bundle.labels)}, "
            f"received shape {received}. Export the bundle again."
        )


def _nothing_loads(folder: Path, backend: str, precision: str, reasons: list[str]) -> str:
    if reasons:
        return f"{folder}: no file of the bundle loads. " + "; ".join(reasons)
    installed = ", ".join(backends.installed_backends()) or "none"
    installs = "; ".join(backend.install for backend in backends.BACKENDS.values())
    return (
        f"{folder}: the bundle has no {precision} file for backend {backend}; installed runtimes: {installed}. "
        f"Choose another --precision or --backend, export more formats, or install a runtime: {installs}"
    )
