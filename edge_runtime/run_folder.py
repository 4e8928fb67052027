"""Write and read a run folder: `catdog-train` writes it, and export, training and benchmarks read it.

Only this module writes and reads the JSON files of a run folder. docs/reference/run-folder.md explains every key.
This module imports neither NumPy nor Pillow.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from edge_runtime.atomic_file import write_whole
from edge_runtime.bounded_file import reason_of
from edge_runtime.errors import BundleError, RunFolderError
from edge_runtime.folders import RUN
from edge_runtime.picture.contract import Preprocessing
from edge_runtime.picture.side import Side as Side
from edge_runtime.strict_json import read_json, shortened, unprintable

SCHEMA_VERSION = 1
MODEL = "model.keras"
SPLITS = "splits.json"
HISTORY = "history.json"
METRICS = "metrics.json"

_Record = TypeVar("_Record")


@dataclass(frozen=True)
class Run:
    """The content of `run.json`. Its version is the version of the whole folder.

    Args:
        name: the run's name.
        labels: the labels in the order of the network's outputs. Two labels share one sigmoid output.
        preprocessing: the steps that turn a picture into the network's input.
        architecture: name of the network.
        data: the option `data` of the run: a folder, `sample` or `microsoft`.
        seed: seed of everything random, 0 or more.
        versions: the versions of Python and of the libraries that decide the result, by name.
        extra: free for anything else. It is kept and never read. Default empty.
        schema_version: version of the folder's layout, 1 to `SCHEMA_VERSION`. Default the newest.
    """

    name: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    architecture: str
    data: str
    seed: int
    versions: dict[str, str]
    extra: dict[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Raise RunFolderError if the version is unknown, or a value is of the wrong type or out of range."""
        _refuse_unknown_version(self.schema_version)
        _require_texts(self, "name", "architecture", "data")
        _require_printable("name", self.name)
        _require_printable("architecture", self.architecture)
        _require_labels(self.labels)
        _require("seed", "a whole number from 0 up", self.seed, type(self.seed) is int and self.seed >= 0)
        texts = isinstance(self.versions, dict) and all(isinstance(text, str) for text in self.versions.values())
        _require("versions", "an object of texts", self.versions, texts)
        _require("extra", "an object", self.extra, isinstance(self.extra, dict))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of `run.json`. The version comes first, and an empty `extra` is left out."""
        values = {"schema_version": self.schema_version} | asdict(self)
        return _without_empty_extra(
            values | {"labels": list(self.labels), "preprocessing": self.preprocessing.to_dict()}
        )

    @classmethod
    def from_dict(cls, values: Any) -> Run:
        """Make the record from its JSON object.

        Raises:
            RunFolderError: the version is unknown, a key is missing or unknown, or a value is wrong.
        """
        _refuse_unknown_version(values.get("schema_version") if isinstance(values, dict) else None)
        known = _keys(cls, values)
        try:
            preprocessing = Preprocessing.from_dict(known["preprocessing"])
        except BundleError as error:
            raise RunFolderError(str(error)) from error
        return cls(**known | {"labels": _tuple(known, "labels"), "preprocessing": preprocessing})


@dataclass(frozen=True)
class SplitFile:
    """A picture that the run trained, validated or tested on.

    Args:
        path: path relative to the data folder, with forward slashes. Negatives may lie outside it
            (`../neither/...`).
        side: the side of the split that the picture is on.
        label: the label of the picture.
        sha256: SHA-256 of the file's bytes, 64 hex digits.
        difference_hash: 256-bit perceptual hash of the preprocessed pixels, 64 hex digits.
    """

    path: str
    side: Side
    label: str
    sha256: str
    difference_hash: str

    def __post_init__(self) -> None:
        """Raise RunFolderError if a value is of the wrong type or a hash is not 64 hex digits."""
        _require_texts(self, "path", "label")
        _require("side", f"one of {', '.join(Side)}", self.side, isinstance(self.side, Side))
        for key in ("sha256", "difference_hash"):
            _require(key, "64 hex digits", getattr(self, key), _is_hash(getattr(self, key)))

    @classmethod
    def from_dict(cls, values: Any) -> SplitFile:
        """Make the record from an object of the list `files`.

        Raises:
            RunFolderError: a key is missing or unknown, or a value is wrong.
        """
        known = _keys(cls, values)
        _require("side", f"one of {', '.join(Side)}", known["side"], known["side"] in list(Side))
        return cls(**known | {"side": Side(known["side"])})


@dataclass(frozen=True)
class LeftOutFile:
    """A file of the data folder that is on no side of the split.

    Args:
        path: path relative to the data folder, with forward slashes.
        reason: why it was left out, in words for people.
    """

    path: str
    reason: str

    def __post_init__(self) -> None:
        """Raise RunFolderError if a value is no text."""
        _require_texts(self, "path", "reason")

    @classmethod
    def from_dict(cls, values: Any) -> LeftOutFile:
        """Make the record from an object of the list `left_out`.

        Raises:
            RunFolderError: a key is missing or unknown, or a value is wrong.
        """
        return cls(**_keys(cls, values))


@dataclass(frozen=True)
class Splits:
    """The content of `splits.json`.

    Args:
        folder: absolute path of the data folder.
        labels: the labels, in the order of the network's outputs.
        files: every picture of the three sides.
        left_out: every file that is on no side.
        extra: free for anything else. It is kept and never read. Default empty.
    """

    folder: Path
    labels: tuple[str, ...]
    files: tuple[SplitFile, ...]
    left_out: tuple[LeftOutFile, ...]
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise RunFolderError for fewer than two labels, repeated labels, or a picture with another label."""
        _require_labels(self.labels)
        known = frozenset(self.labels)
        for file in self.files:
            if file.label not in known:
                expected = f"one of {shortened(', '.join(self.labels), 300)}"
                _require(f"{shortened(file.path)}: label", expected, file.label, False)
        _require("extra", "an object", self.extra, isinstance(self.extra, dict))

    def on(self, side: Side) -> tuple[SplitFile, ...]:
        """Return the pictures of a side."""
        return tuple(file for file in self.files if file.side is side)

    def path(self, file: SplitFile) -> Path:
        """Return the path of a picture."""
        return self.folder / file.path

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of `splits.json`. An empty `extra` is left out."""
        return _without_empty_extra(
            {
                "folder": str(self.folder),
                "labels": list(self.labels),
                "files": [dict(vars(file)) for file in self.files],  # asdict copies deeply: slow for 25,000 files
                "left_out": [dict(vars(file)) for file in self.left_out],
                "extra": self.extra,
            }
        )

    @classmethod
    def from_dict(cls, values: Any) -> Splits:
        """Make the record from its JSON object.

        Raises:
            RunFolderError: a key is missing or unknown, or a value is wrong.
        """
        known = _keys(cls, values)
        _require("folder", "a text", known["folder"], isinstance(known["folder"], str))
        return cls(
            **known
            | {
                "folder": Path(known["folder"]),
                "labels": _tuple(known, "labels"),
                "files": tuple(map(SplitFile.from_dict, _tuple(known, "files"))),
                "left_out": tuple(map(LeftOutFile.from_dict, _tuple(known, "left_out"))),
            }
        )


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch. The list in `history.json` has one such object for each epoch.

    Args:
        loss: mean training loss over the epoch, while the weights change.
        accuracy: training accuracy over the epoch, 0-1, while the weights change and dropout is on.
        validation_loss: loss on the validation split after the epoch.
        validation_accuracy: accuracy on the validation split after the epoch, 0-1.
        seconds: duration of the epoch in seconds, without validation and checkpoint.
        waiting_share: share of this duration that was spent waiting for pictures, 0-1.
    """

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    waiting_share: float

    def __post_init__(self) -> None:
        """Raise RunFolderError if a figure is no number."""
        for key, value in vars(self).items():
            _require(key, "a number", value, isinstance(value, int | float) and not isinstance(value, bool))

    def to_dict(self) -> dict[str, float]:
        """Return its JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> Epoch:
        """Make the record from its JSON object, where null is no number; raises as `Splits.from_dict` does."""
        known = _keys(cls, values)
        return cls(**{key: math.nan if value is None else value for key, value in known.items()})


@dataclass(frozen=True)
class RunFolder:
    """A finished run. Its version has been checked.

    Args:
        folder: the run folder.
        run: the content of its `run.json`.
        splits: the content of its `splits.json`.
    """

    folder: Path
    run: Run
    splits: Splits

    @property
    def model_path(self) -> Path:
        """The trained network, a Keras file."""
        return self.folder / MODEL


def read_run_folder(folder: Path) -> RunFolder:
    """Read `run.json` and `splits.json` of a finished run.

    Raises:
        RunFolderError: the folder has no finished run, a file of it is damaged, or its version is unknown.
    """
    run = _read(folder / RUN, Run.from_dict)
    splits = read_splits(folder)
    if splits.labels != run.labels:
        its, others = (shortened(", ".join(labels)) for labels in (run.labels, splits.labels))
        raise RunFolderError(f"{folder}: {RUN} has the labels {its}, {SPLITS} has {others}. Train again.")
    return RunFolder(folder, run, splits)


def read_history(found: RunFolder) -> tuple[Epoch, ...]:
    """Return the figures of each epoch of a finished run.

    Raises:
        RunFolderError: `history.json` is missing or damaged.
    """

    def epochs(values: Any) -> tuple[Epoch, ...]:
        _require("history", "a list", values, isinstance(values, list))
        return tuple(map(Epoch.from_dict, values))

    # Earlier versions wrote the NaN of a training that diverged.
    return _read(found.folder / HISTORY, epochs, finite=False)


def read_splits(folder: Path) -> Splits:
    """Read only `splits.json`, for a run that is not finished and has no version yet.

    For a finished run use `read_run_folder`: it checks the version in `run.json`.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    return _read(folder / SPLITS, Splits.from_dict)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file of a run folder: indented by one space, a line feed at its end.

    What is no number in JSON, as the loss of a training that diverged, becomes null.
    """
    try:
        text = json.dumps(value, indent=1, allow_nan=False)
    except ValueError:
        text = json.dumps(_without_infinite(value), indent=1, allow_nan=False)
    write_whole(path, (text + "\n").encode())


def _without_infinite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read(path: Path, from_json: Callable[[Any], _Record], *, finite: bool = True) -> _Record:
    try:
        values = read_json(path, finite=finite)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunFolderError(
            f"{path.parent}: no finished run there ({path.name} is missing). Train one with: catdog-train"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunFolderError(f"{path}: cannot be read ({reason_of(error)}). Train again.") from error
    try:
        return from_json(values)
    except RunFolderError as error:
        raise RunFolderError(f"{path}: {error}") from error


def _keys(record: type, values: Any) -> dict[str, Any]:
    """Return the values of a record's keys. Only a key with a default may be missing."""
    _require("file or entry", "a JSON object", values, isinstance(values, dict))
    names = [known.name for known in fields(record)]
    needed = [known.name for known in fields(record) if known.default is known.default_factory is MISSING]
    missing = [name for name in needed if name not in values]
    unknown = [name for name in values if name not in names]
    if missing or unknown:
        what = f"key {missing[0]!r} is missing" if missing else f"key {shortened(unknown[0])} is unknown"
        raise RunFolderError(f"{what}, expected {', '.join(names)}. Train again.")
    return dict(values)


def _tuple(values: dict[str, Any], key: str) -> tuple[Any, ...]:
    _require(key, "a list", values[key], isinstance(values[key], list))
    return tuple(values[key])


def _without_empty_extra(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "extra" or value}


def _require_texts(record: object, *keys: str) -> None:
    for key in keys:
        _require(key, "a text", getattr(record, key), isinstance(getattr(record, key), str))


def _require_labels(labels: tuple[Any, ...]) -> None:
    texts = all(isinstance(label, str) and label for label in labels)
    _require("labels", "two or more different labels", labels, texts and 2 <= len(set(labels)) == len(labels))
    for label in labels:
        _require_printable("labels", label)


def _require_printable(key: str, text: str) -> None:
    _require(key, "no control characters, line breaks or marks of direction", text, not unprintable(text))


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _require(key: str, expected: str, received: object, holds: bool) -> None:
    if not holds:
        raise RunFolderError(f"{key}: expected {expected}, received {shortened(received)}. Train again.")


def _refuse_unknown_version(version: object) -> None:
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise RunFolderError(
            f"schema version {shortened(version)} is unknown, this catdog-edge reads up to version "
            f"{SCHEMA_VERSION}. Install the catdog-edge that trained the run, or a newer one."
        )
