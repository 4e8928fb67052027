"""Classify pictures with a bundle."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from operator import index
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from edge_runtime import backends
from edge_runtime.backends.selection import Selection, select
from edge_runtime.bundle.folder import Bundle, default_bundle, read_bundle
from edge_runtime.bundle.scores import label_scores
from edge_runtime.errors import BackendError, PictureError
from edge_runtime.parallel import default_workers, map_in_order, usable_cores
from edge_runtime.picture.decoding import LARGEST_MAX_PIXELS, MAX_PIXELS
from edge_runtime.picture.preprocessing import PictureSource, Pixels, decode_picture, resize_picture

if TYPE_CHECKING:
    from edge_runtime.picture.sandbox import Sandbox

Predict = Callable[[Pixels], NDArray[np.float32]]


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Args:
        label: the label with the highest score.
        confidence: its score, 0-1.
        confident: whether the confidence reaches the threshold; without a threshold it always does.
        scores: score of every label, 0-1, summing to 1.
        decode_ms: reading and decoding, milliseconds; with `untrusted` resizing too.
        preprocess_ms: resizing, milliseconds; with `untrusted` 0.
        inference_ms: the model, milliseconds.
    """

    label: str
    confidence: float
    confident: bool
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
    """A bundle's model file, loaded and ready; safe to call from several threads.

    Attributes:
        bundle: the bundle.
        file: the model file in use.
        backend: name of the backend in use.
        passed_over: preferred files of the bundle that do not load, each with the reason.
        threads: inference threads of `classify`.
        confidence_threshold: a prediction of less confidence is not confident, 0-1.
        max_pixels: larger pictures are refused before they are decoded.
        untrusted: whether pictures are decoded in a child process with hard limits.
    """

    def __init__(
        self,
        bundle: Bundle,
        selection: Selection,
        *,
        threads: int,
        confidence_threshold: float | None = None,
        max_pixels: int = MAX_PIXELS,
        untrusted: bool = False,
    ) -> None:
        """Keep an opened model; use `Classifier.open`, which explains the arguments."""
        self.bundle = bundle
        self.file = selection.file
        self.backend = selection.backend
        self.passed_over = selection.passed_over
        self.threads = threads
        self.confidence_threshold = (
            bundle.confidence_threshold if confidence_threshold is None else confidence_threshold
        )
        self.max_pixels = max_pixels
        self.untrusted = untrusted
        self._sandbox = _sandbox(max_pixels) if untrusted else None
        self._model = selection.model
        self._lock = Lock()  # an interpreter's buffers serve one call at a time
        self._reopen = partial(backends.open_model, selection.backend, selection.content, 1)
        self._free: SimpleQueue[Predict] = SimpleQueue()  # models for `classify_many`, each of one thread
        self._opened = 0
        if threads == 1:
            self._lend(self.scores)

    @classmethod
    def open(  # noqa: PLR0913  each is a choice that users make
        cls,
        bundle: str | os.PathLike[str] | None = None,
        backend: str = "auto",
        threads: int | None = None,
        *,
        precision: str = "auto",
        confidence_threshold: float | None = None,
        max_pixels: int = MAX_PIXELS,
        untrusted: bool = False,
    ) -> Classifier:
        """Open a bundle folder.

        Args:
            bundle: its folder; default the newest in `bundles/`, or else the one that comes with the package.
            backend: `auto` or a key of `edge_runtime.backends.BACKENDS`.
            threads: inference threads of `classify`, 1 or more; default one per usable core, at most 4.
            precision: `auto` or a `Precision`.
            confidence_threshold: a prediction of less confidence is not confident, 0-1; default the manifest's.
            max_pixels: larger pictures are refused before they are decoded, 1-178,956,970.
            untrusted: decode pictures in a child process with hard limits of memory and time, one for each worker.
                A picture that breaks a limit is a `PictureError`. The pixels are the same. PIL images and arrays
                are taken as they are.

        Raises:
            BundleError: the bundle is missing, damaged or of an unknown version.
            BackendError: no installed backend loads a file of the bundle that was asked for.
            ValueError: a number is out of its range.
        """
        threads = usable_cores() if threads is None else _whole("threads", threads)
        max_pixels = _whole("max_pixels", max_pixels, LARGEST_MAX_PIXELS)
        if confidence_threshold is not None:
            confidence_threshold = float(confidence_threshold)  # not NumPy's, which JSON does not take
            if not 0 <= confidence_threshold <= 1:
                raise ValueError(f"confidence_threshold: expected 0 to 1, received {confidence_threshold}")
        opened = read_bundle(default_bundle() if bundle is None else Path(bundle))
        selection = select(opened, backend, precision, threads)
        return cls(
            opened,
            selection,
            threads=threads,
            confidence_threshold=confidence_threshold,
            max_pixels=max_pixels,
            untrusted=untrusted,
        )

    def scores(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run the model on `uint8 (height, width, 3) RGB 0-255` as `load_picture` returns it.

        Returns:
            `float32 (labels,)`, 0-1, summing to 1.
        """
        with self._lock:
            return _predict(self._model, pixels)

    def classify(self, picture: PictureSource) -> Prediction:
        """Classify a path, encoded bytes, file object, PIL image or `uint8 (H, W, 3) RGB 0-255` array.

        Raises:
            PictureError: the picture cannot be read or decoded, or is too large.
        """
        return self._classify(picture, self.scores)

    def classify_many(
        self, pictures: Iterable[PictureSource], *, workers: int | None = None
    ) -> Iterator[Prediction | PictureError]:
        """Classify pictures in parallel, each on one thread, and return the answers in order.

        Args:
            pictures: what `classify` takes; taken lazily, a few ahead of the consumer.
            workers: pictures in work at once, 1 or more, each with a loaded model of its own; default
                `default_workers()`.

        Returns:
            Lazily, for each picture its prediction, or the error as a value, so that one bad picture stops nothing.

        Raises:
            ValueError: `workers` is below 1.
        """
        workers = default_workers() if workers is None else _whole("workers", workers)
        while self._opened < workers:
            self._lend(partial(_predict, self._reopen()))
        return map_in_order(self._attempt, pictures, workers=workers)

    def _lend(self, predict: Predict) -> None:
        self._free.put(predict)
        self._opened += 1

    def _attempt(self, picture: PictureSource) -> Prediction | PictureError:
        predict = self._free.get()
        try:
            return self._classify(picture, predict)
        except PictureError as error:
            return error
        finally:
            self._free.put(predict)

    def _classify(self, picture: PictureSource, predict: Predict) -> Prediction:
        preprocessing = self.bundle.preprocessing
        start = time.perf_counter()
        if _is_ready(picture, (preprocessing.height, preprocessing.width, 3)):
            pixels, decoded = picture, start
        elif self._sandbox is not None:  # decodes and resizes
            pixels = self._sandbox.load(picture, preprocessing, max_pixels=self.max_pixels)
            decoded = time.perf_counter()
        else:
            image = decode_picture(picture, preprocessing, max_pixels=self.max_pixels)
            decoded = time.perf_counter()
            pixels = resize_picture(image, preprocessing)
        resized = time.perf_counter()
        scores = predict(pixels)
        done = time.perf_counter()
        best = int(scores.argmax())
        confidence = float(scores[best])
        if math.isnan(confidence):  # argmax takes the first
            raise BackendError(
                f"{self.file.path} with {self.backend}: gave scores that are not numbers. Choose another --backend "
                "or --precision; `catdog-edge selftest` says which work here."
            )
        return Prediction(
            label=self.bundle.labels[best],
            confidence=confidence,
            confident=confidence >= self.confidence_threshold,
            scores=dict(zip(self.bundle.labels, scores.tolist(), strict=True)),
            decode_ms=(decoded - start) * 1e3,
            preprocess_ms=(resized - decoded) * 1e3,
            inference_ms=(done - resized) * 1e3,
        )


def _sandbox(max_pixels: int) -> Sandbox:
    from edge_runtime.picture.sandbox import MEMORY_MIB, Sandbox  # few need it, and it starts processes

    return Sandbox(memory_mib=MEMORY_MIB * max(1, math.ceil(max_pixels / MAX_PIXELS)))


def _whole(name: str, value: object, high: float = math.inf) -> int:
    """Return a whole number of any kind as Python's, if it is from 1 to `high`."""
    number = 0 if isinstance(value, bool) or not hasattr(value, "__index__") else index(value)
    if not 1 <= number <= high:
        expected = "a whole number, 1 or more" if high == math.inf else f"a whole number from 1 to {high:,}"
        raise ValueError(f"{name}: expected {expected}, received {value!r}")
    return number


def _is_ready(picture: PictureSource, shape: tuple[int, int, int]) -> TypeGuard[Pixels]:
    """Say whether a picture is the model's input already."""
    return isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.shape == shape


def _predict(model: backends.Backend, pixels: Pixels) -> NDArray[np.float32]:
    return label_scores(model.predict(pixels))
