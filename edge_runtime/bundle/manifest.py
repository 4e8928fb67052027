"""Read and write `manifest.json`: the model files, their tensors, and the self-test pictures.

A reader of schema version n reads the versions 1 to n. A later version may add keys. `ADDED_KEYS` has the value
that each added key takes when an older manifest is read. The object `extra` is free: whatever only some readers
need goes there, without a new version. Every reader keeps `extra` and ignores what it does not know in it. Any
other unknown key is a mistake and is refused.
"""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any

from edge_runtime.bundle.formats import Precision, require_format
from edge_runtime.errors import BundleError
from edge_runtime.picture.contract import Preprocessing
from edge_runtime.strict_json import shortened, unprintable

MANIFEST = "manifest.json"
SELFTEST = "selftest"  # the only sub-folder of a bundle; it holds the self-test pictures
SCHEMA_VERSION = 2
TAUGHT = "taught"  # key in `extra` of a bundle that was taught on a device
MAX_MODEL_BYTES = 2_000_000_000  # both formats end at 2 GiB, which a parser needs some of
# For each version the keys that it added, with the value that they take in older manifests.
ADDED_KEYS: dict[int, dict[str, Any]] = {2: {"extra": {}}}


@dataclass(frozen=True)
class TensorInfo:
    """The input tensor or the output tensor of a model file.

    Args:
        name: its name in the file.
        dtype: NumPy's name of its type, such as `uint8` or `float32`.
        shape: its sizes, the batch first. -1 is a size that the file leaves open.
        scale: real value of one step of a quantised tensor; 0 for a tensor that is not quantised.
        zero_point: the stored number that stands for 0.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no tensor has.

        Raises:
            BundleError: a value is of the wrong type or out of range.
        """
        _refuse_wrong_types(self, {"name": str, "dtype": str, "shape": tuple, "scale": float, "zero_point": int})
        kind = self.dtype.rstrip("0123456789")
        if kind == self.dtype or kind not in ("int", "uint", "float"):
            raise _unexpected("dtype", "a NumPy type such as uint8", self.dtype)
        if not self.shape or not all(type(size) is int and (size > 0 or size == -1) for size in self.shape):
            raise _unexpected("shape", "one or more sizes, each positive or -1", self.shape)
        if not (math.isfinite(self.scale) and self.scale >= 0):
            raise _unexpected("scale", "a number from 0 up", self.scale)

    def to_dict(self) -> dict[str, Any]:
        """Return its JSON object."""
        return asdict(self) | {"shape": list(self.shape)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TensorInfo:
        """Make the record from its JSON object.

        Raises:
            BundleError: a value is of the wrong type or out of range.
            KeyError: a key is missing.
            TypeError: a key is unknown, or `values` is no JSON object.
        """
        known = _every_field(cls, values)
        return cls(**known | {"shape": _tuple(known, "shape"), "scale": _number(known, "scale")})


@dataclass(frozen=True)
class ModelFile:
    """One model file of a bundle.

    Args:
        path: file name inside the bundle folder.
        format: a key of `FORMATS`.
        precision: number format of weights and arithmetic.
        size_bytes: exact size of the file in bytes.
        sha256: SHA-256 of the file in hex.
        input: the tensor that takes the picture.
        output: the tensor that gives the scores.
        oldest_runtime: the oldest release of a backend that is known to load the file, such as `onnxruntime 1.20`;
            empty when unknown.
        drift: the exporter's comparison of this file with the Keras model on the test split.
    """

    path: str
    format: str
    precision: Precision
    size_bytes: int
    sha256: str
    input: TensorInfo
    output: TensorInfo
    oldest_runtime: str
    drift: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse a path that leaves the bundle folder, and a size that no device reads.

        Raises:
            BundleError: the path is not a plain file name or cannot be printed, the file is too large, or a value
                is of the wrong type.
        """
        texts = {"path": str, "sha256": str, "oldest_runtime": str}
        _refuse_wrong_types(self, texts | {"size_bytes": int, "drift": dict})
        if not _is_plain_name(self.path):
            raise _unexpected("path of a model file", "a plain file name", self.path)
        if not 0 <= self.size_bytes <= MAX_MODEL_BYTES:
            raise _unexpected(f"{self.path}: size_bytes", f"0 to {MAX_MODEL_BYTES:,}", self.size_bytes)
        _refuse_unprintable("path", self.path)
        _refuse_unprintable("oldest_runtime", self.oldest_runtime)

    def to_dict(self) -> dict[str, Any]:
        """Return its JSON object."""
        return asdict(self) | {"input": self.input.to_dict(), "output": self.output.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelFile:
        """Make the record from its JSON object.

        Raises:
            BundleError: a value is of the wrong type or out of range.
            KeyError: a key is missing.
            TypeError: a key is unknown, or `values` is no JSON object.
            ValueError: the format or the precision is unknown.
        """
        known = _every_field(cls, values)
        tensors = {key: TensorInfo.from_dict(known[key]) for key in ("input", "output")}
        typed = {"format": require_format(known["format"]), "precision": Precision(known["precision"])}
        return cls(**known | tensors | typed)


@dataclass(frozen=True)
class SelfTestPicture:
    """A self-test picture of a bundle, with the pixels and scores that a device must get from it.

    Args:
        path: `selftest/NAME` in the bundle folder.
        pixels_sha256: SHA-256 in hex of the preprocessed pixels, `uint8 (height, width, 3) RGB 0-255`.
        scores: by path of the model file, the score of each label, 0-1, in the order of the labels.
    """

    path: str
    pixels_sha256: str
    scores: dict[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        """Refuse a path outside the self-test folder.

        Raises:
            BundleError: the path is not `selftest/NAME`, a score is not 0-1, or a value is of the wrong type.
        """
        _refuse_wrong_types(self, {"path": str, "pixels_sha256": str, "scores": dict})
        folder, _, name = self.path.partition("/")
        if folder != SELFTEST or not _is_plain_name(name):
            raise _unexpected("self-test picture", f"{SELFTEST}/NAME", self.path)
        _refuse_unprintable("self-test picture", self.path)
        for scores in self.scores.values():
            if not all(_is_share(score) for score in scores):
                raise _unexpected("self-test scores", "numbers from 0 to 1", scores)

    def to_dict(self) -> dict[str, Any]:
        """Return its JSON object."""
        return asdict(self) | {"scores": {path: list(scores) for path, scores in self.scores.items()}}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SelfTestPicture:
        """Make the record from its JSON object.

        Raises:
            BundleError: a value is of the wrong type or out of range.
            KeyError: a key is missing.
            TypeError: a key is unknown, or `values` is no JSON object.
        """
        known = _every_field(cls, values)
        scores = {path: _tuple(known["scores"], path) for path, _ in known["scores"].items()}
        return cls(**known | {"scores": scores})


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`.

    Args:
        name: the bundle's name.
        labels: the labels in the order of the outputs. A file for two labels may have one sigmoid output: it is the
            score of the second label.
        preprocessing: the steps that turn a picture into the models' input.
        files: the model files.
        training: the origin of the model: run name, data, seed and versions.
        selftest: the self-test pictures, with the scores that each file must give them. Default none.
        confidence_threshold: a prediction with less confidence is unsure, 0-1. Default 0: none is unsure.
        extra: free for the maker of the bundle and for later versions. It is kept and otherwise ignored. Default
            empty.
    """

    name: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    files: tuple[ModelFile, ...]
    training: dict[str, Any]
    selftest: tuple[SelfTestPicture, ...] = ()
    confidence_threshold: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values that every reader relies on.

        Raises:
            BundleError: there are fewer than two labels, a label or a path repeats, a label cannot be printed,
                self-test scores do not fit the files and labels, the threshold is not 0-1, or a value is
                of the wrong type.
        """
        plain: dict[str, type] = {"name": str, "training": dict, "extra": dict}
        _refuse_wrong_types(self, plain | dict.fromkeys(("labels", "files", "selftest"), tuple))
        texts = all(isinstance(label, str) and label for label in self.labels)
        if not texts or len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise _unexpected("labels", "two or more different labels", self.labels)
        for label in self.labels:
            _refuse_unprintable("labels", label)
        paths = [file.path for file in self.files]
        if len(set(paths)) != len(paths):
            raise _unexpected("files", "each path once", paths)
        if not _is_share(self.confidence_threshold):
            raise _unexpected("confidence_threshold", "a number from 0 to 1", self.confidence_threshold)
        for picture in self.selftest:
            self._refuse_misfit(picture)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of `manifest.json`."""
        return asdict(self) | {
            "labels": list(self.labels),
            "files": [file.to_dict() for file in self.files],
            "preprocessing": self.preprocessing.to_dict(),
            "selftest": [picture.to_dict() for picture in self.selftest],
            "schema_version": SCHEMA_VERSION,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Manifest:
        """Make the record from the JSON object of this version or an earlier one.

        Raises:
            BundleError: the schema version is newer than this reader's, a key is missing or unknown, or a value is
                out of range.
        """
        try:
            known = _every_field(cls, _in_this_version(values))
            known["labels"] = _tuple(known, "labels")
            known["preprocessing"] = Preprocessing.from_dict(known["preprocessing"])
            known["files"] = tuple(map(ModelFile.from_dict, _tuple(known, "files")))
            known["selftest"] = tuple(map(SelfTestPicture.from_dict, _tuple(known, "selftest")))
            return cls(**known)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error!s:.200}"
            raise BundleError(f"{MANIFEST} cannot be read ({reason}). Export the bundle again.") from error

    def _refuse_misfit(self, picture: SelfTestPicture) -> None:
        paths = {file.path for file in self.files}
        if picture.scores.keys() != paths:
            raise _unexpected(
                f"{picture.path}: scores", f"those of {shortened(sorted(paths))}", sorted(picture.scores)
            )
        for path, scores in picture.scores.items():
            if len(scores) != len(self.labels):
                raise _unexpected(
                    f"{picture.path}: {path}", f"a score for each of {shortened(self.labels)}", scores
                )


def _every_field(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `values`. A missing field raises KeyError: defaults are for code, not for files."""
    return {field.name: values[field.name] for field in fields(record)} | values


def _tuple(values: dict[str, Any], key: str) -> tuple[Any, ...]:
    if not isinstance(values[key], list):
        raise TypeError(f"{key} must be a list")
    return tuple(values[key])


def _number(values: dict[str, Any], key: str) -> Any:
    """Return the value, a whole number as float: some JSON writers drop the `.0`."""
    return float(values[key]) if type(values[key]) is int and abs(values[key]) < 2**53 else values[key]


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_plain_name(name: str) -> bool:
    return PurePosixPath(name).name == name and "\\" not in name and name not in ("", ".", "..")


def _refuse_wrong_types(record: object, types: dict[str, type]) -> None:
    for key, expected in types.items():
        value = getattr(record, key)
        if not isinstance(value, expected) or isinstance(value, bool):
            raise _unexpected(key, expected.__name__, value)


def _refuse_unprintable(key: str, text: str) -> None:
    if unprintable(text):
        raise _unexpected(key, "no control characters, line breaks or marks of direction", text)


def _unexpected(key: str, expected: str, received: object) -> BundleError:
    return BundleError(
        f"{MANIFEST}: {key:.200}: expected {expected}, received {shortened(received)}. Export the bundle again."
    )


def _in_this_version(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without their version, and with every key that later versions added."""
    values = dict(values)
    version = values.pop("schema_version")
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise BundleError(
            f"{MANIFEST}: schema version {shortened(version)} is unknown, this catdog-edge reads the versions 1 to "
            f"{SCHEMA_VERSION}. Install the catdog-edge that made the bundle, or a newer one."
        )
    for number, added in ADDED_KEYS.items():
        if number > version:
            if known := added.keys() & values.keys():
                raise TypeError(f"version {version} has no key {', '.join(sorted(known))}")
            values |= copy.deepcopy(added)
    return values
