"""Load a Keras model of any kind: an archive of Keras 3, HDF5 of Keras 2, or a SavedModel. Nothing of it runs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import textwrap
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.keras_file import require_bounded
from exporter.errors import SourceError
from exporter.model_kind import ModelKind, kind_of
from exporter.network.older_keras import refuse_foreign_storage, rewritten_config
from exporter.network.saved_model import load_saved_model
from exporter.network.trust import NOTHING, Trusted, run_trusted

if TYPE_CHECKING:
    import keras

_SUFFIXES = {ModelKind.KERAS: ".keras", ModelKind.HDF5: ".h5"}


def load_model(path: Path, trust: Path | None = None) -> keras.Model:
    """Load a model as it was saved.

    Args:
        path: a Keras file or a SavedModel folder.
        trust: a Python file that defines its own layers and functions. It is run, and so is the code that Lambda
            layers keep in the model. Without it no code of anybody runs.

    Raises:
        SourceError: it is no such model, is damaged, or needs code that is not trusted.
    """
    try:
        require_bounded(path)
    except ValueError as error:
        raise SourceError(f"{path}: {error}. Save the model again, as a .keras file of Keras itself.") from error
    kind = kind_of(path)
    if not kind.is_converted:
        raise SourceError(f"{path}: is a file of {kind.upper()}, expected a Keras model.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow leaves these kernels off on processors without AVX-512: 0.7x the time with them, measured there.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if kind is ModelKind.SAVED_MODEL:
        return load_saved_model(path)
    trusted = run_trusted(trust) if trust else NOTHING
    with _readable(path, kind) as file:
        return _loaded(file, path, trusted)


def _loaded(file: Path, path: Path, trusted: Trusted) -> keras.Model:
    import keras

    try:
        return keras.saving.load_model(
            file, compile=False, custom_objects=trusted.objects or None, safe_mode=not trusted.file
        )
    except MemoryError:
        raise
    # Damaged files raise almost anything (KeyError, BadZipFile, zlib.error, RuntimeError, ...), in many lines.
    except Exception as error:
        if known := _known_reason(path, trusted):
            raise SourceError(f"{path}: {known}") from error
        # Of an error within an error the last part says why; the parts before it are whole configurations.
        text = f"{type(error).__name__}: {error}".rsplit("Exception encountered: ", 1)[-1]
        reason = textwrap.shorten(text, 300, placeholder=" ...")
        raise SourceError(
            f"{path}: Keras cannot load it ({reason}). Copy the file again, or save the model again with "
            "model.save('model.keras')."
        ) from error


@contextmanager
def _readable(path: Path, kind: ModelKind) -> Iterator[Path]:
    """Give a path that Keras takes: of the right ending, and of HDF5 with a configuration that Keras 3 knows.

    Raises:
        SourceError: an HDF5 file reads other files.
    """
    changed = None
    if kind is ModelKind.HDF5:
        refuse_foreign_storage(path)
        changed = rewritten_config(path)
    if changed is None and (path.is_dir() or path.suffix == _SUFFIXES[kind]):
        yield path
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, f"model{_SUFFIXES[kind]}")
        if changed is None:
            copy.symlink_to(path.resolve())
        else:
            import h5py

            shutil.copyfile(path, copy)
            with h5py.File(copy, "r+") as file:
                file.attrs["model_config"] = changed
        yield copy


def _known_reason(path: Path, trusted: Trusted) -> str:
    """Return why a model cannot be loaded that has layers of its maker's own, or nothing."""
    layers = list(layer_records(_configuration(path)))
    own = sorted({str(record["class_name"]) for record in layers if is_own(record)} - set(trusted.objects))
    lambdas = [record for record in layers if record["class_name"] == "Lambda"]
    operators = sorted({str(record["config"].get("function", "")) for record in layers if is_operator(record)})
    run = "It runs that file"
    if operators:
        return (
            f"was saved by Keras 2 with operators between its layers ({', '.join(operators[:3])}), which Keras 3 "
            "does "
            "not read. In the program that made it, use model.export('folder'), and name that folder."
        )
    if own and trusted.file:
        return f"needs the layer {', '.join(own)}, and {trusted.file} does not define it. Define it there."
    if own:
        return (
            f"has a layer of its maker's own, {', '.join(own)}, whose code is not in the file. Name the Python "
            "file "
            f"that defines it: --trust FILE.py. {run}."
        )
    if lambdas and not trusted.file:
        names = ", ".join(str(record["config"].get("name", "lambda")) for record in lambdas)
        return (
            f"has a Lambda layer ({names}), which is code of its maker. Only if you trust the maker, name a Python "
            f"file with the functions that it uses, or an empty one: --trust FILE.py. {run} and the code in the "
            "model."
        )
    return ""


def _configuration(path: Path) -> Any:
    """Return the configuration of a Keras file as JSON, or None where it cannot be read."""
    try:
        if path.is_dir():
            return json.loads((path / "config.json").read_text())
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        import h5py

        with h5py.File(path, "r") as file:
            return json.loads(file.attrs["model_config"])
    except (OSError, ValueError, KeyError, RecursionError, zipfile.BadZipFile, RuntimeError):
        return None


def layer_records(values: Any) -> Iterator[dict[str, Any]]:
    """Yield each object of a configuration that stands for a layer, a model or a function."""
    if isinstance(values, dict):
        if isinstance(values.get("class_name"), str) and isinstance(values.get("config"), dict):
            yield values
        for value in values.values():
            yield from layer_records(value)
    elif isinstance(values, list):
        for value in values:
            yield from layer_records(value)


def is_own(record: dict[str, Any]) -> bool:
    """Say whether a record is of a class that is not Keras's own."""
    module = record.get("module")
    if isinstance(module, str):  # Keras 3
        return module.partition(".")[0] not in ("keras", "tf_keras", "builtins", "tensorflow")
    if "registered_name" in record:
        return record["registered_name"] is not None
    import keras

    known = (keras.layers, keras.models, keras.initializers, keras.regularizers, keras.constraints)
    name = record["class_name"].removeprefix("Custom>")
    if name.startswith("__"):  # a tensor, or the code of a function
        return False
    return name not in _OF_KERAS_2 and not any(hasattr(module, name) for module in known)


def is_operator(record: dict[str, Any]) -> bool:
    """Say whether a record is an operator that Keras 2 made a layer of."""
    return record["class_name"] in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")


_OF_KERAS_2 = ("Policy", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "Functional", "Model")
