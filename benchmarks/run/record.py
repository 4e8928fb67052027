"""What a benchmark found out, and its form in `report.json`, which docs/reference/benchmark-report.md describes."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypedDict, get_type_hints

from benchmarks.errors import BenchmarkError
from benchmarks.run.conditions import Conditions, observe
from benchmarks.run.declared import refuse_undeclared
from benchmarks.run.timing import LatencyStats, describe
from edge_runtime.bounded_file import reason_of
from edge_runtime.proof.drift import DriftReport
from edge_runtime.proof.gate import Verdict
from edge_runtime.strict_json import read_json, shortened

SCHEMA_VERSION = 2  # version 1 said `runtime` for `backend`
REPORT = "report.json"
STAGES = ("decode", "preprocess", "inference")
STARTS = ("cold_start", "load", "first_inference")
_DECIMALS = 4  # of milliseconds in the file
_SHORTEST_MS = 1e-3  # of a whole picture: the file rounds shorter times to none
_LONGEST_MS = 1e9  # eleven days: a sum or a square of such times is still a number


class Machine(TypedDict):
    """What `machine` of a report says: `conditions.machine()`."""

    board: str | None
    processor: str
    architecture: str
    cores: int
    memory_mib: float | None
    system: str
    python: str
    packages: dict[str, str]


class MeasuredPictures(TypedDict):
    """What `pictures` of a report says."""

    count: int
    source: str
    with_keras_scores: bool
    sha256: str
    timed_sha256: str
    targets: list[int] | None


@dataclass(frozen=True)
class Configuration:
    """One way to run the bundle.

    Args:
        file: name of the model file.
        format: the manifest's word for the file's format, such as `tflite`.
        precision: a `Precision`.
        backend: a key of `edge_runtime.backends.BACKENDS`.
        threads: inference threads.
    """

    file: str
    format: str
    precision: str
    backend: str
    threads: int

    @property
    def name(self) -> str:
        """The name that tables use."""
        return f"{self.file} {self.backend} {self.threads}"

    @property
    def file_and_backend(self) -> tuple[str, str]:
        """What decides the answers; the number of threads does not change them."""
        return self.file, self.backend

    def phrase(self) -> str:
        """Return the configuration as part of a sentence."""
        return f"{self.file} with {self.backend} on {self.threads} thread{'s' * (self.threads > 1)}"


@dataclass(frozen=True)
class Measured:
    """One configuration's times and memory.

    Args:
        configuration: what ran.
        size_bytes: size of the model file.
        starts_ms: for each name of `STARTS` one time per started process, milliseconds.
        stages_ms: for each name of `STAGES` one time per round, milliseconds.
        steady_mib: memory of its process after the rounds; None if the run stopped before.
        peak_mib: the highest memory of its process; None if the run stopped before.
    """

    configuration: Configuration
    size_bytes: int
    starts_ms: dict[str, list[float]]
    stages_ms: dict[str, list[float]]
    steady_mib: float | None = None
    peak_mib: float | None = None

    @property
    def rounds(self) -> int:
        """Timed rounds."""
        return len(self.stages_ms["inference"])

    @property
    def total_ms(self) -> list[float]:
        """Milliseconds from a picture's path to its label, one time per round."""
        return [sum(times) for times in zip(*(self.stages_ms[stage] for stage in STAGES), strict=True)]

    @property
    def total(self) -> LatencyStats:
        """Figures of the time from path to label."""
        return describe(self.total_ms)

    def stage(self, name: str) -> LatencyStats:
        """Return the figures of one stage."""
        return describe(self.stages_ms[name])

    @property
    def pictures_per_second(self) -> float:
        """Pictures per second when they are classified one after the other."""
        return 1000 / self.total.mean_ms

    def __post_init__(self) -> None:
        """Refuse samples from which no figure can be drawn.

        Raises:
            ValueError: a stage or a start has no sample, the stages have not the same number, or a time is out of
                range.
        """
        counts = {len(self.stages_ms[stage]) for stage in STAGES}
        if len(counts) > 1 or 0 in counts | {len(self.starts_ms[start]) for start in STARTS}:
            raise ValueError(
                f"{self.configuration.name}: expected samples of every start and as many of every stage"
            )
        times = [ms for samples in (*self.stages_ms.values(), *self.starts_ms.values()) for ms in samples]
        if not all(0 <= ms <= _LONGEST_MS for ms in times) or min(self.total_ms) < _SHORTEST_MS:
            raise ValueError(f"{self.configuration.name}: expected times from 0 to {_LONGEST_MS:,.0f} ms")

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object with the samples, and with the figures computed from them for people who read it."""
        latency = {name: self.stage(name).to_dict() for name in STAGES} | {"total": self.total.to_dict()}
        return asdict(self.configuration) | {
            "size_bytes": self.size_bytes,
            "latency": latency,
            "starts": {name: describe(self.starts_ms[name]).to_dict() for name in STARTS},
            "pictures_per_second": self.pictures_per_second,
            "steady_mib": self.steady_mib,
            "peak_mib": self.peak_mib,
            "stages_ms": _rounded(self.stages_ms),
            "starts_ms": _rounded(self.starts_ms),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read back `to_dict`. The figures are computed from the samples again."""
        configuration = Configuration(**{item.name: values[item.name] for item in fields(Configuration)})
        known = {item.name: values[item.name] for item in fields(cls) if item.name != "configuration"}
        refuse_undeclared(known | {"configuration": configuration}, cls, "measured")
        return cls(configuration, **known)


@dataclass(frozen=True)
class Accuracy:
    """What one file answers with one backend.

    Args:
        file: name of the model file.
        backend: a key of `edge_runtime.backends.BACKENDS`.
        answers: index of the label that each picture got.
        accuracy: share of right answers, 0-1; None if the true labels are unknown.
        interval: 95 % interval of the accuracy, after Wilson.
        confusion: number of pictures for each true label (row) and given label (column).
        drift: difference from the bundle's Keras scores, `DriftReport.to_dict`; None if the bundle has none.
        gate: verdict on the drift, `Verdict.to_dict`.
    """

    file: str
    backend: str
    answers: list[int]
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    confusion: list[list[int]] | None = None
    drift: dict[str, Any] | None = None
    gate: dict[str, Any] | None = None

    @property
    def file_and_backend(self) -> tuple[str, str]:
        """The file that answered, and the backend that ran it."""
        return self.file, self.backend

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` gave; raises ValueError where a key or a type is wrong."""
        refuse_undeclared(values, cls, "accuracy")
        drift = dict(values["drift"] or {})
        refuse_undeclared(drift.pop("by_class", {}), dict[str, DriftReport], "drift: by_class")
        refuse_undeclared(drift or None, DriftReport | None, "drift")
        refuse_undeclared(values["gate"], Verdict | None, "gate")
        interval = values["interval"]
        return cls(**values | {"interval": None if interval is None else tuple(interval)})


@dataclass(frozen=True)
class Disagreement:
    """A picture that gets different labels from different files.

    Args:
        picture: its path inside the data folder.
        sha256: hash of the picture's file.
        label: its true label; None if unknown.
        scores: the score of every label, for each file and backend, and for `Keras` if the bundle has its scores.
    """

    picture: str
    sha256: str
    label: str | None
    scores: dict[str, list[float]]


@dataclass(frozen=True)
class BenchmarkReport:
    """One run of `catdog-bench run`.

    Args:
        bundle: name of the bundle.
        labels: its labels.
        max_drop: largest drop of accuracy that the gate allows, 0-1.
        machine: `conditions.machine()`.
        rounds: number of rounds that were asked for.
        pictures: number of pictures, where their labels come from, and hashes of all and of the timed ones.
        measured: the measured configurations, fastest first.
        accuracy: one entry for each file and backend.
        manifest_gates: for each file name the export's verdict.
        disagreements: pictures on which the files disagree, the widest spread of scores first.
        left_out: pairs of what was not measured, and why.
        complete: whether everything that was asked for was measured.
        invalid: reasons to distrust the figures; empty if there are none.
        before: state of the machine before.
        after: state of the machine after.
    """

    bundle: str
    labels: tuple[str, ...]
    max_drop: float
    machine: dict[str, Any]
    rounds: int
    pictures: dict[str, Any]
    measured: tuple[Measured, ...]
    accuracy: tuple[Accuracy, ...] = ()
    manifest_gates: dict[str, str] = field(default_factory=dict)
    disagreements: tuple[Disagreement, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    complete: bool = True
    invalid: tuple[str, ...] = ()
    before: Conditions = field(default_factory=observe)
    after: Conditions = field(default_factory=observe)

    def __post_init__(self) -> None:
        """Refuse a report that nothing can be drawn from.

        Raises:
            ValueError: nothing is measured, or `machine` or `pictures` lack a key.
        """
        if not self.measured:
            raise ValueError("no configuration is measured")
        pairs = ((Machine, self.machine), (MeasuredPictures, self.pictures))
        missing = [key for declared, values in pairs for key in get_type_hints(declared) if key not in values]
        if missing:
            raise ValueError(f"machine or pictures lack {', '.join(missing)}")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of `report.json`."""
        own = {"before": self.before.to_dict(), "after": self.after.to_dict()}
        return {"schema_version": SCHEMA_VERSION} | {
            item.name: own.get(item.name) or _plain(getattr(self, item.name)) for item in fields(self)
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read back `to_dict`.

        Raises:
            BenchmarkError: it is of an unknown version, or damaged.
        """
        version = values.get("schema_version")
        if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
            raise BenchmarkError(
                f"schema version {shortened(version)} is unknown. This catdog-bench reads versions 1 to "
                f"{SCHEMA_VERSION}. Install a newer one, or measure again."
            )
        try:
            if version == 1:
                values = _from_version_1(values)
            known = {item.name: values[item.name] for item in fields(cls)}
            for name, declared in (get_type_hints(cls) | _INSIDE).items():
                refuse_undeclared(known[name], declared, name)
            known |= {name: Conditions.from_dict(known[name]) for name in ("before", "after")}
            known |= {name: tuple(known[name]) for name in ("labels", "invalid")}
            known["measured"] = tuple(map(Measured.from_dict, known["measured"]))
            known["accuracy"] = tuple(map(Accuracy.from_dict, known["accuracy"]))
            known["disagreements"] = tuple(Disagreement(**item) for item in known["disagreements"])
            known["left_out"] = tuple((name, reason) for name, reason in known["left_out"])
            return cls(**known)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BenchmarkError(f"damaged ({type(error).__name__}: {error!s:.500}). Measure again.") from error

    def accuracy_of(self, configuration: Configuration) -> Accuracy | None:
        """Return what is known of a configuration's answers."""
        wanted = configuration.file_and_backend
        return next((item for item in self.accuracy if item.file_and_backend == wanted), None)


def read_report(path: Path) -> BenchmarkReport:
    """Read a `report.json`. The path is the file or its folder.

    Raises:
        BenchmarkError: the file is missing, damaged or of an unknown version.
    """
    path = path / REPORT if path.is_dir() else path
    try:
        values = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise BenchmarkError(
            f"{path}: cannot be read ({reason_of(error)}). Make one with: catdog-bench run"
        ) from error
    try:
        return BenchmarkReport.from_dict(values if isinstance(values, dict) else {})
    except BenchmarkError as error:
        raise BenchmarkError(f"{path}: {error}") from error


def to_json(report: BenchmarkReport) -> str:
    """Return the text of `report.json`. A list of plain values stays on one line."""
    text = json.dumps(report.to_dict(), indent=1, allow_nan=False)
    # Line breaks are between values only, where spaces may be in them.
    return re.sub(r"\[[^\[\]{}]+\]", lambda found: re.sub(r"\n *", " ", found[0]), text) + "\n"


# What a file has where the record's own type says less, or is checked as each entry is read.
_INSIDE: dict[str, Any] = {
    "machine": Machine,
    "pictures": MeasuredPictures,
    "measured": list[Any],
    "accuracy": list[Any],
}


def _from_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """Return a version 1 object with version 2 keys."""
    lists = {name: [_backend_key(item) for item in values[name]] for name in ("measured", "accuracy")}
    return values | lists


def _backend_key(item: dict[str, Any]) -> dict[str, Any]:
    return {("backend" if key == "runtime" else key): value for key, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Measured):
        return value.to_dict()
    return asdict(value) if isinstance(value, Accuracy | Disagreement) else value


def _rounded(times: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [round(value, _DECIMALS) for value in values] for name, values in times.items()}
