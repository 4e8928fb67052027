"""The backends that run model files. `BACKENDS` lists them, and one module imports the library of each."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edge_runtime.bundle.formats import FORMATS, ONNX, TFLITE, format_of
from edge_runtime.errors import BackendError, BundleError, shortage_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.bundle.manifest import TensorInfo
    from edge_runtime.picture.source import Pixels

AUTO = "auto"  # instead of the name of a backend or a precision: the fastest that there is


class BackendLibrary(NamedTuple):
    """One backend.

    Attributes:
        title: its name for people.
        module: our module that imports the library. It has a function `open_model(content, threads)`.
        library: the name under which Python imports the library.
        format: the format that it loads, a key of `FORMATS`.
        install: the command that installs the library.
        first_without_vnni: whether it is faster than the others on an x86-64 processor that has AVX2 but not VNNI.
            Source: measured in docs/decisions/0014-fastest-file.md.
    """

    title: str
    module: str
    library: str
    format: str
    install: str
    first_without_vnni: bool = False


# The key is the word for `--backend`. The fastest comes first; `first_without_vnni` marks the exception.
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
        """The tensor that takes the picture, as the file describes it."""

    @property
    def output(self) -> TensorInfo:
        """The tensor that gives the scores, as the file describes it."""

    def predict(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run the model on one picture.

        Args:
            pixels: `uint8 (height, width, 3) RGB 0-255`.

        Returns:
            `float32 (outputs,)`, 0-1.
        """


def installed_backends() -> tuple[str, ...]:
    """Return the names of the backends whose library is installed. No library is imported."""
    return tuple(name for name, backend in BACKENDS.items() if find_spec(backend.library))


def import_ahead(name: str) -> None:
    """Import the library of the backend `name`. Ignore a failure: `open_model` will report it."""
    with suppress(Exception):
        import_module(BACKENDS[name].module)


def open_model(name: str, content: bytes, threads: int) -> Backend:
    """Load the bytes of a model file in a backend.

    Args:
        name: a key of `BACKENDS`.
        content: the bytes of the model file.
        threads: inference threads, 1 or more.

    Returns:
        The loaded model.

    Raises:
        BackendError: the library is not installed or does not load the file, or the file is of another format.
    """
    backend = BACKENDS[name]
    found = format_of(content)
    if found not in (None, backend.format):
        raise BackendError(
            f"expected {FORMATS[backend.format].title}, as the manifest says, received the bytes of "
            f"{FORMATS[found].title}. Export the bundle again."
        )
    try:
        model: Backend = import_module(backend.module).open_model(content, threads)
    except ImportError as error:
        reason, shortage = " ".join(str(error).split()), shortage_of(error)
        raise BackendError(
            f"{backend.library} cannot be imported: {shortage}"
            if shortage
            else f"{backend.library} cannot be imported ({reason}). Install it: {backend.install}"
        ) from error
    # IndexError: a file without inputs or outputs. BundleError: a type that no tensor of ours has.
    except (RuntimeError, ValueError, IndexError, BundleError) as error:
        reason = " ".join(str(error).split())  # TFLite's messages have several lines
        raise BackendError(f"{backend.library} does not load this file: {reason}") from error
    return model
