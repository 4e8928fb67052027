"""A bundle: a folder with model files and the `manifest.json` that says how to use them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from edge_runtime.errors import BundleError
from edge_runtime.folders import BUNDLES, newest_folder
from edge_runtime.preprocessing import Preprocessing

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


class ModelFormat(StrEnum):
    """File formats a bundle can hold."""

    TFLITE = "tflite"
    ONNX = "onnx"


class Precision(StrEnum):
    """Number formats a model file computes in; `int8` means integer arithmetic throughout."""

    FLOAT32 = "float32"
    INT8 = "int8"


@dataclass(frozen=True)
class ModelFile:
    """One model file of a bundle.

    Args:
        path: file name inside the bundle folder.
        format: file format.
        precision: number format of weights and arithmetic.
        size_bytes: exact size.
        sha256: hash of the file in hex.
        drift: comparison with the Keras model on the test split, as the exporter measured it.
    """

    path: str
    format: ModelFormat
    precision: Precision
    size_bytes: int
    sha256: str
    drift: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse a path that leaves the bundle folder.

        Raises:
            BundleError: the path is absolute, climbs or has sub-folders, or a value is of the wrong type.
        """
        _refuse_wrong_types(self, {"path": str, "size_bytes": int, "sha256": str, "drift": dict})
        if PurePosixPath(self.path).name != self.path or "\\" in self.path or self.path in ("", ".", ".."):
            raise BundleError(f"{MANIFEST}: model path must be a plain file name, received {self.path!r}")


@dataclass(frozen=True)
class Bundle:
    """What `manifest.json` says.

    Args:
        name: the bundle's name.
        labels: label of each output, in order; two labels share one sigmoid output (the second's score).
        preprocessing: how a picture becomes the models' input.
        files: the model files.
        training: where the model comes from (run name, data, seed, versions).
        schema_version: version of the manifest's layout.
    """

    name: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    files: tuple[ModelFile, ...]
    training: dict[str, Any]
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Check what every reader relies on.

        Raises:
            BundleError: unknown schema version, fewer than two labels, labels that repeat, or a wrong type.
        """
        _refuse_unknown_schema(self.schema_version)
        _refuse_wrong_types(self, {"name": str, "labels": tuple, "files": tuple, "training": dict})
        texts = all(isinstance(label, str) and label for label in self.labels)
        if not texts or len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise BundleError(f"{MANIFEST}: expected two or more different labels, received {self.labels}")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of `manifest.json`."""
        return asdict(self) | {
            "labels": list(self.labels),
            "files": [asdict(file) for file in self.files],
            "preprocessing": self.preprocessing.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Bundle:
        """Read back `to_dict`.

        Raises:
            BundleError: unknown schema version, a key is missing or unknown, or a value is out of range.
        """
        try:
            _refuse_unknown_schema(values["schema_version"])
            known = {field.name: values[field.name] for field in fields(cls)} | values
            if not isinstance(known["labels"], list) or not isinstance(known["files"], list):
                raise TypeError("labels and files must be lists")
            known["labels"] = tuple(known["labels"])
            known["preprocessing"] = Preprocessing.from_dict(known["preprocessing"])
            known["files"] = tuple(_model_file(file) for file in known["files"])
            return cls(**known)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"{MANIFEST} cannot be read ({type(error).__name__}: {error})") from error


def _refuse_wrong_types(record: ModelFile | Bundle, types: dict[str, type]) -> None:
    for key, expected in types.items():
        value = getattr(record, key)
        if not isinstance(value, expected) or isinstance(value, bool):
            raise BundleError(f"{MANIFEST}: {key}: expected {expected.__name__}, received {value!r:.80}")


def _model_file(values: dict[str, Any]) -> ModelFile:
    typed = {"format": ModelFormat(values["format"]), "precision": Precision(values["precision"])}
    return ModelFile(**(values | typed))


def _refuse_unknown_schema(version: object) -> None:
    if type(version) is not int or version != SCHEMA_VERSION:
        raise BundleError(
            f"{MANIFEST}: schema version {version!r} is unknown, this catdog-edge reads version "
            f"{SCHEMA_VERSION}. Install the catdog-edge that made the bundle, or a newer one."
        )


def newest_bundle() -> Path:
    """Return the newest bundle below `bundles/`.

    Raises:
        BundleError: there is none.
    """
    folder = newest_folder(BUNDLES, MANIFEST)
    if folder is None:
        raise BundleError(f"no bundle in {BUNDLES}/: name one with --model, or make one with: catdog-export")
    return folder


def read_bundle(folder: Path) -> Bundle:
    """Read and check the manifest of a bundle folder; the model files are checked when one is opened.

    Raises:
        BundleError: no manifest there, or it is damaged or of an unknown version.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(f"{folder}: no {MANIFEST} there. Make a bundle with: catdog-export") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read ({error}). Export the bundle again.") from error
    try:
        return Bundle.from_dict(values)
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error


def read_model_file(folder: Path, file: ModelFile) -> bytes:
    """Return the bytes of a model file after checking its hash.

    Raises:
        BundleError: the file is missing or is not the one that was exported.
    """
    path = folder / file.path
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise BundleError(f"{path}: cannot be read ({error}). Export the bundle again.") from error
    received = hashlib.sha256(content).hexdigest()
    if received != file.sha256:
        raise BundleError(
            f"{path}: not the file that was exported: expected SHA-256 {file.sha256[:12]}..., "
            f"received {received[:12]}... ({len(content):,} bytes). Copy or export the bundle again."
        )
    return content
