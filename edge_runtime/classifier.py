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
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from edge_runtime import backends
from edge_runtime.backends.selection import Selection, select
from edge_runtime.bundle.folder import Bundle, default_bundle, read_bundle
from edge_runtime.bundle.scores import label_scores
from edge_runtime.errors import BackendError, PictureError
from edge_runtime.parallel import default_workers, map_in_order, usable_cores
from edge_runtime.picture.contract import LARGEST_MAX_PIXELS, MAX_PIXELS
from edge_runtime.picture.preprocessing import PictureSource, Pixels, decode_picture, resize_picture

if TYPE_CHECKING:
    from queue import SimpleQueue

    from numpy.typing import NDArray

    from edge_runtime.picture.sandbox import Sandbox

# A text, because importing numpy.typing takes half a millisecond of every start.
Predict: TypeAlias = "Callable[[Pixels], NDArray[np.float32]]"


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Args:
        label: the label with the highest score.
        confidence: the score of `label`, 0-1.
        confident: whether `confidence` is at least the confidence threshold. If not, the answer is unsure.
        scores: the score of each label, 0-1, in the order of the labels. They sum to 1, up to rounding.
        decode_ms: time to read and decode the picture, milliseconds. With `untrusted` this includes the resize.
        preprocess_ms: time to resize the picture, milliseconds. With `untrusted` it is 0.
        inference_ms: time to run the model, milliseconds.
    """

    label: str
    confidence: float
    confident: bool
    scores: dict[str, float]
    decode_ms: float
    preprocess_ms: float
    inference_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object. Scores have six decimals and times three."""
        rounded = {key: round(score, 6) for key, score in self.scores.items()}
        times = {key: round(getattr(self, key), 3) for key in ("decode_ms", "preprocess_ms", "inference_ms")}
        return asdict(self) | {"confidence": round(self.confidence, 6), "scores": rounded} | times


class Classifier:
    """Classify pictures with a bundle. `Classifier.open` makes one. Several threads may use it at once.

    Attributes:
        bundle: the bundle.
        file: the model file in use.
        backend: name of the backend in use, such as `litert`.
        passed_over: the files that come before the one in use but do not load, each with its reason.
        threads: inference threads of `classify`.
        confidence_threshold: a prediction with less confidence is unsure, 0-1.
        max_pixels: a picture with more pixels is refused before it is decoded.
        untrusted: whether pictures are decoded in a process of their own with hard limits.
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
        """Keep a loaded model. Use `Classifier.open` instead.

        Args:
            bundle: the bundle.
            selection: the chosen model file and its loaded model.
            threads: inference threads of the loaded model, 1 or more.
            confidence_threshold: a prediction with less confidence is unsure, 0-1. Default the bundle's threshold.
            max_pixels: a picture with more pixels is refused, 1-178,956,970. Default 80,000,000.
            untrusted: decode pictures in a process of their own. Default False.
        """
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
        self._lock = Lock()  # the model's buffers serve one call at a time
        self._reopen = partial(backends.open_model, selection.backend, selection.content, 1)
        self._free: SimpleQueue[Predict] | None = None  # the idle models of `classify_many`, one thread each
        self._opened = 0
        self._opening = Lock()

    @classmethod
    def open(  # noqa: PLR0913  each is a choice that users make
        cls,
        bundle: str | os.PathLike[str] | None = None,
        backend: str = backends.AUTO,
        threads: int | None = None,
        *,
        precision: str = backends.AUTO,
        confidence_threshold: float | None = None,
        max_pixels: int = MAX_PIXELS,
        untrusted: bool = False,
    ) -> Classifier:
        """Open a bundle folder and load its fastest model file.

        Args:
            bundle: the bundle folder. Default the newest in `bundles/`, or the one that comes with the package if
                there is none.
            backend: `auto`, or a key of `edge_runtime.backends.BACKENDS` such as `litert` or `onnxruntime`. Default
                `auto`: every installed backend may be chosen.
            threads: inference threads of `classify`, 1 or more. Default one per usable core, at most 4.
            precision: `auto`, `int8`, `mixed`, `dynamic`, `float16` or `float32`. Default `auto`: every precision
                may be chosen.
            confidence_threshold: a prediction with less confidence is unsure, 0-1. Default the bundle's threshold.
            max_pixels: a picture with more pixels is refused before it is decoded, 1-178,956,970. Default
                80,000,000.
            untrusted: decode pictures in a process of their own, with hard limits of memory and time. A picture
                that breaks a limit is a `PictureError`. The pixels are the same. PIL images and arrays are taken as
                they are. Default False.

        Returns:
            A classifier with the model file that is fastest on this processor, among the allowed ones that load.

        Raises:
            BundleError: the bundle is missing or damaged, or its version is unknown.
            OutputError: no bundle is named, and `bundles/` itself has the manifest of one.
            BackendError: `backend` or `precision` is unknown, or no installed backend loads an allowed file.
            ValueError: a number is out of its range.
        """
        threads = usable_cores() if threads is None else _whole("threads", threads)
        max_pixels = _whole("max_pixels", max_pixels, LARGEST_MAX_PIXELS)
        if confidence_threshold is not None:
            confidence_threshold = float(confidence_threshold)  # a NumPy number cannot be written as JSON
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
        """Run the model on one picture that is already prepared.

        Args:
            pixels: `uint8 (height, width, 3) RGB 0-255`, as `load_picture` returns it.

        Returns:
            The score of each label, `float32 (labels,)`, 0-1, in the order of the labels. They sum to 1, up to
                rounding.

        Raises:
            BackendError: the backend failed.
        """
        with self._lock:
            return _predict(self._model, pixels)

    def classify(self, picture: PictureSource) -> Prediction:
        """Classify one picture.

        Args:
            picture: a path, encoded bytes, a binary file object, a PIL image, or `uint8 (H, W, 3) RGB 0-255`.

        Returns:
            The answer, with the time that each step took.

        Raises:
            PictureError: the picture cannot be read or decoded, or it is too large.
            BackendError: the backend failed, or it gave scores that are not numbers.
        """
        return self._classify(picture, self.scores)

    def classify_many(
        self, pictures: Iterable[PictureSource], *, workers: int | None = None
    ) -> Iterator[Prediction | PictureError]:
        """Classify pictures in parallel, each on one thread, and return the answers in order.

        Args:
            pictures: pictures in any form that `classify` takes. They may come from an endless source: only a few
                are taken ahead of the consumer.
            workers: how many pictures are in work at once, 1 or more. Each worker loads a model of its own.
                Default one more than the usable cores, at most 5.

        Returns:
            An iterator with one value for each picture: its prediction, or a `PictureError`. So one bad picture
                does not stop the others.

        Raises:
            ValueError: `workers` is below 1.
            BackendError: the backend failed, or it gave scores that are not numbers.
        """
        workers = default_workers() if workers is None else _whole("workers", workers)
        return map_in_order(partial(self._attempt, self._idle_models(workers)), pictures, workers=workers)

    def _idle_models(self, workers: int) -> SimpleQueue[Predict]:
        """Return the queue of idle models, after opening more when there are fewer than workers."""
        from queue import SimpleQueue  # here, because a single picture needs none

        with self._opening:
            if self._free is None:
                self._free = SimpleQueue()
                if self.threads == 1:
                    self._lend(self._free, self.scores)
            while self._opened < workers:
                self._lend(self._free, partial(_predict, self._reopen()))
            return self._free

    def _lend(self, free: SimpleQueue[Predict], predict: Predict) -> None:
        free.put(predict)
        self._opened += 1

    def _attempt(self, free: SimpleQueue[Predict], picture: PictureSource) -> Prediction | PictureError:
        predict = free.get()
        try:
            return self._classify(picture, predict)
        except PictureError as error:
            return error
        finally:
            free.put(predict)

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
        if math.isnan(confidence):  # argmax returns the place of a NaN if there is one
            raise BackendError(
                f"{self.file.path} with {self.backend}: gave scores that are not numbers. Choose another --backend "
                "or --precision. `catdog-edge selftest` says which of them work here."
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
    """Return a whole number as Python's `int`. It may come as another type, such as NumPy's.

    Raises:
        ValueError: it is no whole number, or it is not from 1 to `high`.
    """
    number = 0 if isinstance(value, bool) or not hasattr(value, "__index__") else index(value)
    if not 1 <= number <= high:
        expected = "a whole number, 1 or more" if high == math.inf else f"a whole number from 1 to {high:,}"
        raise ValueError(f"{name}: expected {expected}, received {value!r}")
    return number


def _is_ready(picture: PictureSource, shape: tuple[int, int, int]) -> TypeGuard[Pixels]:
    """Say whether a picture is already the model's input."""
    return isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.shape == shape


def _predict(model: backends.Backend, pixels: Pixels) -> NDArray[np.float32]:
    return label_scores(model.predict(pixels))
