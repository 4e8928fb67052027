"""Inference runtimes, each library in exactly one module; `BACKENDS` is the list, in the order tried for a file."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edge_runtime.bundle import ModelFormat, TensorInfo
from edge_runtime.errors import BackendError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.picture.source import Pixels


class BackendLibrary(NamedTuple):
    """Where a backend lives: its module here, the library it imports, the format it loads, how to install it."""

    module: str
    library: str
    format: ModelFormat
    install: str


BACKENDS: dict[str, BackendLibrary] = {
    "litert": BackendLibrary("litert", "ai_edge_litert", ModelFormat.TFLITE, "pip install ai-edge-litert"),
    "tflite-runtime": BackendLibrary(
        "tflite_runtime", "tflite_runtime", ModelFormat.TFLITE, "pip install tflite-runtime"
    ),
    "onnxruntime": BackendLibrary(
        "onnx_runtime", "onnxruntime", ModelFormat.ONNX, "pip install 'catdog-edge[onnx]'"
    ),
}


class Backend(Protocol):
    """One loaded model file."""

    @property
    def input(self) -> TensorInfo:
        """The picture's tensor as the file has it."""

    @property
    def output(self) -> TensorInfo:
        """The scores' tensor as the file has it."""

    def predict(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run one picture, `uint8 (height, width, 3) RGB 0-255`, and return `float32 (outputs,)`, 0-1."""


def installed_backends() -> tuple[str, ...]:
    """Return the names of the backends whose library is installed, without importing any."""
    return tuple(name for name, backend in BACKENDS.items() if find_spec(backend.library))


def import_ahead(name: str) -> None:
    """Import the library of the backend `name`; what fails is left for `open_model` to report."""
    with suppress(Exception):
        import_module(f"edge_runtime.backends.{BACKENDS[name].module}")


def open_model(name: str, content: bytes, threads: int) -> Backend:
    """Load a model file's bytes in the backend `name`.

    Raises:
        BackendError: the library is not installed or does not load the file.
    """
    module, library, _, install = BACKENDS[name]
    try:
        backend: Backend = import_module(f"edge_runtime.backends.{module}").open_model(content, threads)
    except ImportError as error:
        raise BackendError(f"{library} cannot be imported ({error}). Install it: {install}") from error
    # IndexError: a file without inputs or outputs.
    except (RuntimeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())  # TFLite's messages have several lines
        raise BackendError(f"{library} does not load this file: {reason}") from error
    return backend
