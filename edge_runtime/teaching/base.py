"""The network that a bundle is taught with: the int8 TFLite file of another bundle, without its last layer."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import AUTO, BACKENDS, Backend, open_model
from edge_runtime.backends.selection import candidates
from edge_runtime.bundle.folder import Bundle
from edge_runtime.bundle.formats import TFLITE, Precision
from edge_runtime.bundle.manifest import TAUGHT, ModelFile
from edge_runtime.errors import BackendError, BundleError
from edge_runtime.picture.source import Pixels
from edge_runtime.teaching.head import Head
from edge_runtime.teaching.tail import Network, last_layer, read_network
from edge_runtime.teaching.tflite_file import features_file


def stored_features(model: Backend, network: Network, pixels: Pixels) -> NDArray[np.int8]:
    """Return what a network makes of a picture.

    Args:
        model: the loaded `features_file` of the network.
        network: the network.
        pixels: `uint8 (height, width, 3) RGB 0-255`.

    Returns:
        `int8 (width,)`, as the file stores them.
    """
    real = model.predict(pixels)
    stored: NDArray[np.int8] = np.rint(real / network.tail.step + network.tail.zero_point).astype(np.int8)
    return stored


class Base(NamedTuple):
    """The network of a bundle, ready to give features.

    Attributes:
        bundle: the bundle.
        file: the record of its int8 TFLite file.
        network: the file as it was exported. A taught bundle has it inside its own.
        fixed: the labels whose rows of the last layer were exported, and stay.
        backend: the backend that runs it.
        model: the loaded network without its last layer.
    """

    bundle: Bundle
    file: ModelFile
    network: Network
    fixed: tuple[str, ...]
    backend: str
    model: Backend

    def features(self, pixels: Pixels) -> NDArray[np.int8]:
        """Return what the network makes of `uint8 (height, width, 3) RGB 0-255`: `int8 (width,)`."""
        return stored_features(self.model, self.network, pixels)

    def real(self, features: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return the real values of stored features."""
        return (features.astype(np.float64) - self.network.tail.zero_point) * self.network.tail.step

    def fixed_head(self) -> Head:
        """Return the rows of the last layer that were exported.

        Raises:
            BundleError: they do not fit the labels.
        """
        try:
            return Head(*last_layer(self.network, len(self.fixed)))
        except ValueError as error:
            raise _no_features(self.bundle, self.file, error) from error


def open_base(bundle: Bundle, threads: int) -> Base:
    """Open the network of a bundle.

    Args:
        bundle: the bundle; it may have been taught itself.
        threads: inference threads, 1 or more.

    Raises:
        BundleError: the bundle has no int8 TFLite file, or its last layer cannot be replaced.
        BackendError: no installed backend loads the file.
    """
    if not any(file.format == TFLITE and file.precision is Precision.INT8 for file in bundle.files):
        raise BundleError(
            f"{bundle.folder}: has no features to teach with: expected an int8 TFLite file, received "
            f"{', '.join(file.path for file in bundle.files)}. Export one with: catdog-export --quantize int8, or "
            "name another --bundle."
        )
    pairs = [pair for pair in candidates(bundle, AUTO, Precision.INT8) if pair[0].format == TFLITE]
    if not pairs:
        installs = "; or ".join(backend.install for backend in BACKENDS.values() if backend.format == TFLITE)
        raise BackendError(
            f"teaching needs a backend for TFLite files, and none is installed. Install one: {installs}"
        )
    file, backend = pairs[0]
    content, fixed = _exported(bundle, file)
    try:
        network = read_network(content)
        model = open_model(backend, features_file(network), threads)
    except ValueError as error:
        raise _no_features(bundle, file, error) from error
    return Base(bundle, file, network, fixed, backend, model)


def _exported(bundle: Bundle, file: ModelFile) -> tuple[bytes, tuple[str, ...]]:
    """Return the file as it was exported, and the labels whose rows come from the export."""
    content = bundle.read(file)
    record: Any = bundle.manifest.extra.get(TAUGHT)
    if record is None:
        return content, bundle.labels
    try:
        base, fixed = record["base"], tuple(record["fixed"])
        original = content[-base["size_bytes"] :]
        whole = hashlib.sha256(original).hexdigest() == base["sha256"] and bundle.labels[: len(fixed)] == fixed
    except (KeyError, TypeError):
        whole = False
    if not whole:
        raise BundleError(
            f"{bundle.folder}: its record of what it was taught with does not fit its files. Copy the bundle again "
            "or name another --bundle."
        )
    return original, fixed


def _no_features(bundle: Bundle, file: ModelFile, error: ValueError) -> BundleError:
    return BundleError(f"{bundle.path_of(file)}: has no features to teach with: it {error}. Name another --bundle.")
