"""The backends that run model files. Each library is imported by exactly one module; `BACKENDS` lists them."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edge_runtime.bundle.formats import ONNX, TFLITE
from edge_runtime.errors import BackendError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.bundle.manifest import TensorInfo
    from edge_runtime.picture.source import Pixels


class BackendLibrary(NamedTuple):
    """One backend.

    Attributes:
        title: its name for people.
        module: the module that owns its library and has `open_model(content, threads)`.
        library: the module that the library is imported as.
        format: the format that it loads, a key of `FORMATS`.
        install: the command that installs the library.
        first_without_vnni: whether it computes faster than the others on an x86-64 processor with AVX2 and without
            VNNI. Measured: docs/decisions/0014-fastest-file.md.
    """

    title: str
    module: str
    library: str
    format: str
    install: str
    first_without_vnni: bool = False


# By the word that `--backend` takes, the fastest first, but for `first_without_vnni`.
BACKENDS: dict[str, BackendLibrary] = {
    "litert": BackendLibrary(
        title="LiteRT",
        module="edge_runtime.backends.litert",
        library="ai_edge_litert",
        format=TFLITE,
        install="pip install ai-edge-litert",
    ),
    "tflite-runtime": BackendLibrary(
        title="tflite-runtime",
        module="edge_runtime.backends.tflite_runtime",
        library="tflite_runtime",
        format=TFLITE,
        install="pip install tflite-runtime",
    ),
    "onnxruntime": BackendLibrary(
        title="ONNX Runtime",
        module="edge_runtime.backends.onnx_runtime",
        library="onnxruntime",
        format=ONNX,
        install="pip install 'catdog-edge[onnx]'",
        first_without_vnni=True,
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
        import_module(BACKENDS[name].module)


def open_model(name: str, content: bytes, threads: int) -> Backend:
    """Load a model file's bytes in the backend `name`.

    Raises:
        BackendError: the library is not installed or does not load the file.
    """
    backend = BACKENDS[name]
    try:
        model: Backend = import_module(backend.module).open_model(content, threads)
    except ImportError as error:
        raise BackendError(
            f"{backend.library} cannot be imported ({error}). Install it: {backend.install}"
        ) from error
    # IndexError: a file without inputs or outputs.
    except (RuntimeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())  # TFLite's messages have several lines
        raise BackendError(f"{backend.library} does not load this file: {reason}") from error
    return model
