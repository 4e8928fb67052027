"""Tell what a model file is by its content, not by its name, and say why another cannot be taken."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Callable
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from edge_runtime.bounded_file import open_at_once, reason_of
from edge_runtime.bundle.formats import ONNX, TFLITE, format_of
from edge_runtime.folders import RUN
from exporter.errors import SourceError

_START_BYTES = 4096
_HDF5 = b"\x89HDF\r\n\x1a\n"
_EXPECTED = "Expected a Keras model (.keras or .h5), a SavedModel folder, a TFLite file or an ONNX file."


class ModelKind(StrEnum):
    """What a model can be.

    Attributes:
        KERAS: an archive of Keras 3.
        HDF5: a whole model in HDF5, as Keras 2 and Teachable Machine write it.
        SAVED_MODEL: a SavedModel folder of TensorFlow.
        TFLITE: a TFLite file.
        ONNX: an ONNX file.
    """

    KERAS = "keras"
    HDF5 = "hdf5"
    SAVED_MODEL = "saved_model"
    TFLITE = "tflite"
    ONNX = "onnx"

    @property
    def is_converted(self) -> bool:
        """Whether an export converts it. Other files go into a bundle as they are."""
        return self in (ModelKind.KERAS, ModelKind.HDF5, ModelKind.SAVED_MODEL)


def kind_of(path: Path) -> ModelKind:
    """Return what a model file or folder is.

    Args:
        path: the file or folder; nothing in it is run.

    Raises:
        SourceError: there is none, or it is of another kind. The message says what it is and what to do.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _kind_of_folder(path)
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{path}: is a pipe or device, expected a model file. {_EXPECTED}")
        with open(path, "rb", opener=open_at_once) as file:
            start = file.read(_START_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceError(f"{path}: no such file. {_like(path)}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({reason_of(error)}). Change its permissions.") from error
    if not start:
        raise SourceError(f"{path}: is empty. Copy the file again, or save the model again.")
    return _kind_of_file(path, start)


def _kind_of_file(path: Path, start: bytes) -> ModelKind:
    if start.startswith(_HDF5):
        return _kind_of_hdf5(path)
    if start.startswith(b"PK\x03\x04"):
        return _kind_of_archive(path)
    for does_match, reason in _FOREIGN:
        if does_match(start):
            raise SourceError(f"{path}: {reason}")
    found = {TFLITE: ModelKind.TFLITE, ONNX: ModelKind.ONNX}.get(format_of(start) or "")
    if found is not None:
        return found
    by_name = {".onnx": ModelKind.ONNX, ".tflite": ModelKind.TFLITE}.get(path.suffix.lower())
    if by_name is ModelKind.ONNX and start[0] == 8:  # a ModelProto begins with its version
        return by_name
    damaged = {
        ".keras": "a Keras archive",
        ".h5": "an HDF5 file",
        ".tflite": "a TFLite file",
        ".onnx": "an ONNX file",
    }
    if what := damaged.get(path.suffix.lower()):
        raise SourceError(
            f"{path}: is not {what}, or is damaged at its start. Copy it again, or save the model again."
        )
    raise SourceError(f"{path}: is no model file that is known here. {_EXPECTED}")


def _kind_of_folder(path: Path) -> ModelKind:
    if (path / "saved_model.pb").is_file():
        return ModelKind.SAVED_MODEL
    if (path / "config.json").is_file() and (path / "model.weights.h5").is_file():
        return ModelKind.KERAS
    if (path / RUN).is_file():
        raise SourceError(f"{path}: is a run of catdog-train. Export it with --run {path}")
    if (path / "manifest.json").is_file():
        raise SourceError(f"{path}: is a bundle already. Name the model that it was made of.")
    if (path / "model.json").is_file():
        raise SourceError(f"{path}: {_TFJS}")
    models = [entry for entry in sorted(path.iterdir()) if entry.suffix in (".keras", ".h5", ".tflite", ".onnx")]
    if models:
        raise SourceError(f"{path}: is a folder, and no SavedModel. Name the file in it: --model {models[0]}")
    if (path / "checkpoint").is_file() or list(path.glob("*.index")):
        raise SourceError(f"{path}: {_WEIGHTS_ALONE}")
    raise SourceError(f"{path}: is a folder without saved_model.pb, so it is no SavedModel. {_EXPECTED}")


def _kind_of_archive(path: Path) -> ModelKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise SourceError(
            f"{path}: Keras cannot load it (the archive is damaged: {reason_of(error)}). Copy it again, or save "
            "the "
            "model again."
        ) from error
    if "config.json" in names:
        return ModelKind.KERAS
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        raise SourceError(f"{path}: {_PYTORCH}")
    if "metadata.json" in names:
        raise SourceError(
            f"{path}: Keras cannot load it (the archive has no config.json, which describes the network). Save the "
            "model again."
        )
    inside = [name for name in names if name.endswith((".keras", ".h5", ".tflite", ".onnx", "saved_model.pb"))]
    if inside:
        raise SourceError(f"{path}: is an archive. Unpack it, and name the model in it: {inside[0]}")
    raise SourceError(f"{path}: is a zip archive, but no Keras model: it has no config.json. {_EXPECTED}")


def _kind_of_hdf5(path: Path) -> ModelKind:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "model_config" in file.attrs:
                return ModelKind.HDF5
            names = sorted(file.keys())
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise SourceError(
            f"{path}: Keras cannot load it (the HDF5 file is damaged: {reason_of(error):.200}). Copy it again, or "
            "save the model again."
        ) from error
    if "layers" in names or "_layer_checkpoint_dependencies" in names or "top_level_model_weights" in names:
        raise SourceError(f"{path}: {_WEIGHTS_ALONE}")
    raise SourceError(f"{path}: is an HDF5 file, but no Keras model: it holds {', '.join(names[:5]) or 'nothing'}.")


def _like(path: Path) -> str:
    """Return what else may be meant, where a path names nothing."""
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {folder} either."
    names = [entry.name for entry in folder.iterdir()]
    close = get_close_matches(path.name, names, n=1) or [name for name in names if Path(name).stem == path.stem]
    if close:
        return f"Did you mean {folder / close[0]}?"
    return f"The folder {os.path.abspath(folder)} has no file of that name."


_WEIGHTS_ALONE = (
    "holds weights alone, not the network that they belong to. In the program that made it, save the whole model: "
    "model.save('model.keras')"
)
_PYTORCH = (
    "is a PyTorch file. In PyTorch, export the model to ONNX, and name that file: "
    "torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), 'model.onnx')"
)
_TFJS = "is a TensorFlow.js model. Convert it with tensorflowjs_converter to a Keras file first."


def _is_safetensors(start: bytes) -> bool:
    return len(start) > 9 and int.from_bytes(start[:8], "little") < 100_000_000 and start[8:10] in (b'{"', b"{ ")


def _is_json(start: bytes) -> bool:
    return start.lstrip()[:1] == b"{" and re.search(rb'"(modelTopology|format)"', start) is not None


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:
            return False
        text = start[: error.start].decode()
    return text.isprintable() or all(letter.isprintable() or letter in "\r\n\t\f" for letter in text)


# What is recognised in order to say why it cannot be used.
_FOREIGN: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda start: start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")), _PYTORCH),
    (
        lambda start: start.startswith(b"version https://git-lfs"),
        "is the pointer of Git LFS, and not the file itself. Get it with: git lfs pull",
    ),
    (_is_safetensors, "is a safetensors file, which holds weights alone. Export the whole model to ONNX."),
    (_is_json, _TFJS),
    (lambda start: start.startswith(b"\x1f\x8b"), "is packed with gzip. Unpack it first: tar xzf, or gunzip."),
    (
        lambda start: start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")),
        "is a web page, not a model: the download failed. Download the file itself.",
    ),
    (lambda start: start.startswith((b"GGUF", b"GGML")), "is a language model's file, not an image classifier."),
    (_is_text, f"is a text file, not a model. {_EXPECTED}"),
)
