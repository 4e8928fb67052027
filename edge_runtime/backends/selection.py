"""Choose which file of a bundle to run, and with which backend."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from edge_runtime import backends
from edge_runtime.bundle.folder import Bundle
from edge_runtime.bundle.formats import Precision
from edge_runtime.bundle.manifest import ModelFile
from edge_runtime.bundle.scores import possible_outputs
from edge_runtime.errors import BackendError, BundleError

_CPUINFO = Path("/proc/cpuinfo")


class PassedOver(NamedTuple):
    """A file that comes before the one in use, but does not load.

    Attributes:
        path: its path in the bundle.
        backend: the backend that does not load it.
        reason: the backend's message.
    """

    path: str
    backend: str
    reason: str

    def __str__(self) -> str:
        """Return path and reason for people."""
        return f"{self.path}: {self.reason}"


class Selection(NamedTuple):
    """The file that was chosen, and its loaded model.

    Attributes:
        file: its record in the manifest.
        content: its bytes.
        backend: the backend that loaded it, a key of `edge_runtime.backends.BACKENDS`.
        model: the loaded model.
        passed_over: the files that come before it, but do not load.
    """

    file: ModelFile
    content: bytes
    backend: str
    model: backends.Backend
    passed_over: tuple[PassedOver, ...]


def select(bundle: Bundle, backend: str, precision: str, threads: int) -> Selection:
    """Load the fastest file that the user's choice allows and that an installed backend loads.

    Args:
        bundle: the bundle to choose from.
        backend: `auto` or a key of `edge_runtime.backends.BACKENDS`.
        precision: `auto` or a `Precision`.
        threads: inference threads, 1 or more.

    Raises:
        BundleError: a file is not the one that was exported, or it does not fit the manifest.
        BackendError: the backend or the precision is unknown, or no installed backend loads an allowed file.
    """
    passed_over: list[PassedOver] = []
    for file, name in candidates(bundle, backend, precision):
        try:
            return open_file(bundle, file, name, threads)._replace(passed_over=tuple(passed_over))
        except BackendError as error:
            passed_over.append(PassedOver(file.path, name, str(error)))
    raise BackendError(nothing_loads(bundle.folder, backend, precision, passed_over))


def open_file(bundle: Bundle, file: ModelFile, backend: str, threads: int) -> Selection:
    """Load exactly this file of a bundle with exactly this backend.

    Args:
        bundle: the bundle.
        file: one of its files.
        backend: a key of `edge_runtime.backends.BACKENDS`.
        threads: inference threads, 1 or more.

    Raises:
        BundleError: the file is not the one that was exported, or does not fit the manifest.
        BackendError: the backend is unknown, or does not load it.
    """
    _require_known(backend)
    if backends.BACKENDS[backend].format != file.format:
        raise BackendError(f"{bundle.path_of(file)}: {backend} runs no files of the format {file.format}")
    content = _read_and_import(bundle, file, backend)
    model = backends.open_model(backend, content, threads, file)
    _refuse_misfit(model, bundle, bundle.path_of(file))
    return Selection(file, content, backend, model, ())


def _read_and_import(bundle: Bundle, file: ModelFile, backend: str) -> bytes:
    """Read and hash a model file in a thread while this thread imports its backend.

    Reading and hashing run outside the interpreter lock, so both happen at once.
    """
    results: list[bytes | Exception] = []

    def read() -> None:
        try:
            results.append(bundle.read(file))
        except Exception as error:
            results.append(error)

    thread = Thread(target=read)
    try:
        thread.start()
    except RuntimeError:  # a limit of threads; a backend may run without another one
        read()
        backends.import_ahead(backend)
    else:
        backends.import_ahead(backend)
        thread.join()
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def candidates(
    bundle: Bundle, backend: str = backends.AUTO, precision: str = backends.AUTO
) -> list[tuple[ModelFile, str]]:
    """Return every pair of file and backend that can run, the fastest first.

    Files come in the order of `Precision`. Files of one precision come in the order of their backends.

    Args:
        bundle: the bundle to choose from.
        backend: `auto` for every installed backend, or a key of `edge_runtime.backends.BACKENDS`.
        precision: `auto` for every precision, or a `Precision`.

    Raises:
        BackendError: the backend or the precision is unknown.
    """
    if backend != backends.AUTO:
        _require_known(backend)
    if precision != backends.AUTO and precision not in list(Precision):
        raise BackendError(f"precision {precision!r} is unknown: expected auto, {', '.join(Precision)}")
    names = fastest_first(backends.installed_backends()) if backend == backends.AUTO else (backend,)
    return [
        (file, name)
        for wanted in Precision
        for name in names
        for file in bundle.files
        if (file.precision, file.format) == (wanted, backends.BACKENDS[name].format)
        and precision in (backends.AUTO, file.precision)
    ]


def _require_known(backend: str) -> None:
    if backend not in backends.BACKENDS:
        raise BackendError(f"backend {backend!r} is unknown: expected auto, {', '.join(backends.BACKENDS)}")


def fastest_first(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of backends, sorted by their expected speed on this processor, the fastest first.

    The order is that of `BACKENDS`, with one exception. On an x86-64 processor that has AVX2 but not VNNI
    (instructions that multiply bytes), the backends with `first_without_vnni` come first.

    Source: measured in docs/decisions/0014-fastest-file.md.
    """
    try:
        with _CPUINFO.open(errors="replace") as file:
            words = set(file.read(8192).split())  # the first processor; reading all takes long on a large machine
    except OSError:
        words = set()
    without_vnni = "avx2" in words and not words & {"avx_vnni", "avx512_vnni"}
    ahead = {name for name, backend in backends.BACKENDS.items() if without_vnni and backend.first_without_vnni}
    order = list(backends.BACKENDS)
    return tuple(sorted(names, key=lambda name: (name not in ahead, order.index(name))))


def _refuse_misfit(model: backends.Backend, bundle: Bundle, path: Path) -> None:
    """Refuse a file whose input or output differs from the manifest."""
    size = bundle.preprocessing.shape
    if model.input.shape[1:] != size:
        raise BundleError(
            f"{path}: expected the input {size} of the manifest, received {model.input.shape[1:]}. "
            "Export the bundle again."
        )
    received = model.output.shape[1:]
    if len(received) != 1 or -1 in received:  # the file leaves the size open: run it once to see
        import numpy as np  # here, because listing the candidates needs no NumPy

        received = model.predict(np.zeros(size, np.uint8)).shape
    if received not in [(outputs,) for outputs in possible_outputs(len(bundle.labels))]:
        raise BundleError(
            f"{path}: expected one score for each of the labels {', '.join(bundle.labels)}, "
            f"received shape {received}. Export the bundle again."
        )


def nothing_loads(folder: Path, backend: str, precision: str, passed_over: list[PassedOver]) -> str:
    """Return why no file of a bundle runs here, and what to do.

    Args:
        folder: the bundle's.
        backend: `auto` or a key of `edge_runtime.backends.BACKENDS`.
        precision: `auto` or a `Precision`.
        passed_over: what was tried.
    """
    if passed_over:
        tried = "; ".join(map(str, passed_over))
        return f"{folder}: no file of the bundle loads. {tried} Choose another --precision or --backend."
    installed = ", ".join(backends.installed_backends()) or "none"
    installs = "; ".join(library.install for library in backends.BACKENDS.values())
    wanted = "" if precision == backends.AUTO else f"{precision} "
    reader = "an installed backend" if backend == backends.AUTO else f"backend {backend}"
    return (
        f"{folder}: the bundle has no {wanted}file for {reader}; installed backends: {installed}. "
        f"Choose another --precision or --backend, export more formats, or install a backend: {installs}"
    )
