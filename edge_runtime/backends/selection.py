"""Choose the file of a bundle to run, and the runtime to run it with."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import NamedTuple

from edge_runtime import backends
from edge_runtime.bundle import Bundle, ModelFile, ModelFormat, Precision, read_model_file
from edge_runtime.errors import BackendError, BundleError

# Tried in this order: int8 is fastest, and of those that are as fast as each other the smaller file comes first.
PRECISIONS = (Precision.INT8, Precision.MIXED, Precision.DYNAMIC, Precision.FLOAT16, Precision.FLOAT32)
_CPUINFO = Path("/proc/cpuinfo")


class Selection(NamedTuple):
    """A file that runs: record, content, name of the backend, loaded model, why preferred files do not run."""

    file: ModelFile
    content: bytes
    backend: str
    model: backends.Backend
    passed_over: tuple[str, ...]


def select(folder: Path, bundle: Bundle, backend: str, precision: str, threads: int) -> Selection:
    """Load the fastest file that the user's choice allows and an installed runtime loads.

    Args:
        folder: the bundle's folder.
        bundle: its manifest.
        backend: `auto` or a key of `edge_runtime.backends.BACKENDS`.
        precision: `auto` or a `Precision`.
        threads: inference threads, 1 or more.

    Raises:
        BundleError: a file is not the one that was exported, or does not fit the manifest.
        BackendError: no installed runtime loads a file of the bundle that was asked for.
    """
    reasons: list[str] = []
    for file, name in candidates(bundle, backend, precision):
        content = _read_and_import(folder, file, name)
        try:
            model = backends.open_model(name, content, threads)
        except BackendError as error:
            reasons.append(f"{file.path}: {error}")
        else:
            _refuse_misfit(model, bundle, folder / file.path)
            return Selection(file, content, name, model, tuple(reasons))
    raise BackendError(_nothing_loads(folder, backend, precision, reasons))


def _read_and_import(folder: Path, file: ModelFile, backend: str) -> bytes:
    """Read and hash a model file in a thread while its runtime is imported: only one of them needs Python."""
    results: list[bytes | Exception] = []

    def read() -> None:
        try:
            results.append(read_model_file(folder, file))
        except Exception as error:
            results.append(error)

    thread = Thread(target=read)
    thread.start()
    backends.import_ahead(backend)
    thread.join()
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def candidates(bundle: Bundle, backend: str = "auto", precision: str = "auto") -> list[tuple[ModelFile, str]]:
    """Return every (file, backend) the user's choice and the installed runtimes allow, fastest first.

    Raises:
        BackendError: the backend or the precision is unknown.
    """
    if backend != "auto" and backend not in backends.BACKENDS:
        raise BackendError(f"backend {backend!r} is unknown: expected auto, {', '.join(backends.BACKENDS)}")
    if precision != "auto" and precision not in list(Precision):
        raise BackendError(f"precision {precision!r} is unknown: expected auto, {', '.join(Precision)}")
    names = backends.installed_backends() if backend == "auto" else (backend,)
    formats = fastest_formats()
    return [
        (file, name)
        for wanted in PRECISIONS
        for form in formats
        for file in bundle.files
        for name in names
        if (file.precision, file.format) == (wanted, form)
        and backends.BACKENDS[name].format == form
        and precision in ("auto", file.precision)
    ]


def fastest_formats() -> tuple[ModelFormat, ModelFormat]:
    """Return the formats, first the one whose runtime infers faster on this processor.

    On x86-64 with AVX2 and without VNNI, instructions that multiply bytes, that is ONNX Runtime's; elsewhere it is
    expected to be LiteRT's. What was measured: docs/decisions/0014-fastest-file.md.
    """
    try:
        with _CPUINFO.open(errors="replace") as file:
            words = set(file.read(8192).split())  # the first processor; all of a large machine take long
    except OSError:
        words = set()
    without_vnni = "avx2" in words and not words & {"avx_vnni", "avx512_vnni"}
    if without_vnni:
        return ModelFormat.ONNX, ModelFormat.TFLITE
    return ModelFormat.TFLITE, ModelFormat.ONNX


def _refuse_misfit(model: backends.Backend, bundle: Bundle, path: Path) -> None:
    """See that the file takes and gives what the manifest says."""
    size = (bundle.preprocessing.height, bundle.preprocessing.width, 3)
    if model.input.shape[1:] != size:
        raise BundleError(
            f"{path}: expected to take the {size} pictures of the manifest, takes {model.input.shape[1:]}. "
            "Export the bundle again."
        )
    expected = [(len(bundle.labels),)] + [(1,)] * (len(bundle.labels) == 2)
    received = model.output.shape[1:]
    if len(received) != 1 or -1 in received:  # the file does not say: see what comes out
        import numpy as np  # the command line imports it meanwhile, in another thread

        received = model.predict(np.zeros(size, np.uint8)).shape
    if received not in expected:
        raise BundleError(
            f"{path}: expected one score for each of the labels {', '.join(bundle.labels)}, "
            f"received shape {received}. Export the bundle again."
        )


def _nothing_loads(folder: Path, backend: str, precision: str, reasons: list[str]) -> str:
    if reasons:
        tried = "; ".join(reasons)
        return f"{folder}: no file of the bundle loads. {tried} Choose another --precision or --backend."
    installed = ", ".join(backends.installed_backends()) or "none"
    installs = "; ".join(library.install for library in backends.BACKENDS.values())
    wanted = "" if precision == "auto" else f"{precision} "
    reader = "an installed runtime" if backend == "auto" else f"backend {backend}"
    return (
        f"{folder}: the bundle has no {wanted}file for {reader}; installed runtimes: {installed}. "
        f"Choose another --precision or --backend, export more formats, or install a runtime: {installs}"
    )
