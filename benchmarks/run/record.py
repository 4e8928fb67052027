"""All that a benchmark found out: what `report.json` holds, described in docs/benchmark-report.md."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from benchmarks.errors import BenchmarkError
from benchmarks.run.conditions import Conditions, observe
from benchmarks.run.timing import LatencyStats, describe

SCHEMA_VERSION = 1
REPORT = "report.json"
STAGES = ("decode", "preprocess", "inference")
STARTS = ("cold_start", "load", "first_inference")
_DECIMALS = 4  # of a time in milliseconds
# What readers of a report rely on.
_MACHINE = frozenset(("board", "processor", "architecture", "cores", "memory_mib", "system", "python", "packages"))
_PICTURES = frozenset(("count", "source", "with_keras_scores", "sha256", "timed_sha256", "targets"))


@dataclass(frozen=True)
class Configuration:
    """One way to run the bundle.

    Args:
        file: name of the model file.
        format: `tflite` or `onnx`.
        precision: a `Precision`.
        runtime: a key of `edge_runtime.backends.BACKENDS`.
        threads: inference threads.
    """

    file: str
    format: str
    precision: str
    runtime: str
    threads: int

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.file} {self.runtime} {self.threads}"

    @property
    def kind(self) -> str:
        """What it is called in plots, without threads."""
        runtime = "" if self.runtime in ("litert", "onnxruntime") else f" {self.runtime}"
        return f"{self.precision} {self.format}{runtime}"

    def said(self) -> str:
        """Return it as a phrase."""
        return f"`{self.file}` with {self.runtime} on {self.threads} thread{'s' * (self.threads > 1)}"


@dataclass(frozen=True)
class Measured:
    """One configuration's times and memory.

    Args:
        configuration: what ran.
        size_bytes: size of the model file.
        starts_ms: milliseconds by the names of `STARTS`, one for each process that was started.
        stages_ms: milliseconds by the names of `STAGES`, one for each round.
        steady_mib: memory of its process after the rounds, None when they were not reached.
        peak_mib: the most its process ever had.
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
        """Milliseconds from a picture's path to its label, one for each round."""
        return [sum(times) for times in zip(*(self.stages_ms[stage] for stage in STAGES), strict=True)]

    @property
    def total(self) -> LatencyStats:
        """Figures of the whole way from path to label."""
        return describe(self.total_ms)

    def stage(self, name: str) -> LatencyStats:
        """Return the figures of one stage."""
        return describe(self.stages_ms[name])

    @property
    def pictures_per_second(self) -> float:
        """Pictures a second, one after the other."""
        return 1000 / self.total.mean_ms

    def __post_init__(self) -> None:
        """Refuse samples from which no figure can be drawn.

        Raises:
            ValueError: a stage or a start has no sample, or the stages have not the same number.
        """
        counts = {len(self.stages_ms[stage]) for stage in STAGES}
        if len(counts) > 1 or 0 in counts | {len(self.starts_ms[start]) for start in STARTS}:
            raise ValueError(
                f"{self.configuration.name}: expected samples of every start and as many of every stage"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object: the samples, and for reading the figures drawn from them."""
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
        """Read back `to_dict`; the figures are drawn from the samples again."""
        configuration = Configuration(**{item.name: values[item.name] for item in fields(Configuration)})
        known = {item.name: values[item.name] for item in fields(cls) if item.name != "configuration"}
        return cls(configuration, **known)


@dataclass(frozen=True)
class Accuracy:
    """What one file answers with one runtime.

    Args:
        file: name of the model file.
        runtime: name of the runtime.
        answers: index of the label given to each picture.
        accuracy: share that is right, None when the true labels are not known.
        interval: its 95 % interval, Wilson's.
        confusion: pictures by true label (row) and label given (column).
        drift: against the Keras scores of the bundle, `DriftReport.to_dict`; None without them.
        gate: the verdict on the drift, `Verdict.to_dict`.
    """

    file: str
    runtime: str
    answers: list[int]
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    confusion: list[list[int]] | None = None
    drift: dict[str, Any] | None = None
    gate: dict[str, Any] | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` gave."""
        interval = values["interval"]
        return cls(**values | {"interval": None if interval is None else tuple(interval)})


@dataclass(frozen=True)
class Disagreement:
    """A picture that not all give the same label.

    Args:
        picture: its path inside the data folder.
        sha256: hash of the file.
        label: its true label, or None.
        scores: score of every label by file and runtime, and by `Keras` where the bundle has it.
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
        rounds: rounds asked for.
        pictures: how many pictures there were, what they are, and hashes of them: all, and those that were timed.
        measured: configurations, fastest first.
        accuracy: by file and runtime.
        manifest_gates: verdict of the export on each file, by its name.
        disagreements: pictures on which the files disagree, most first.
        left_out: what was not measured, and why.
        complete: whether everything asked for was measured.
        invalid: why the figures cannot be relied on; empty when they can.
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
        missing = [*sorted(_MACHINE - self.machine.keys()), *sorted(_PICTURES - self.pictures.keys())]
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
        if values.get("schema_version") != SCHEMA_VERSION:
            raise BenchmarkError(
                f"schema version {values.get('schema_version')!r} is unknown, expected {SCHEMA_VERSION}. "
                "Measure again with this catdog-bench."
            )
        try:
            known = {item.name: values[item.name] for item in fields(cls)}
            known |= {name: Conditions.from_dict(known[name]) for name in ("before", "after")}
            known |= {name: tuple(known[name]) for name in ("labels", "invalid")}
            known["measured"] = tuple(map(Measured.from_dict, known["measured"]))
            known["accuracy"] = tuple(map(Accuracy.from_dict, known["accuracy"]))
            known["disagreements"] = tuple(Disagreement(**item) for item in known["disagreements"])
            known["left_out"] = tuple((name, reason) for name, reason in known["left_out"])
            return cls(**known)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BenchmarkError(f"damaged ({type(error).__name__}: {error}). Measure again.") from error

    def accuracy_of(self, configuration: Configuration) -> Accuracy | None:
        """Return what is known of a configuration's answers, which do not depend on its threads."""
        wanted = (configuration.file, configuration.runtime)
        return next((item for item in self.accuracy if (item.file, item.runtime) == wanted), None)


def read_report(path: Path) -> BenchmarkReport:
    """Read a `report.json`, or that of a report folder.

    Raises:
        BenchmarkError: it is missing, damaged or of an unknown version.
    """
    path = path / REPORT if path.is_dir() else path
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: cannot be read ({error}). Make one with: catdog-bench run") from error
    try:
        return BenchmarkReport.from_dict(values if isinstance(values, dict) else {})
    except BenchmarkError as error:
        raise BenchmarkError(f"{path}: {error}") from error


def to_json(report: BenchmarkReport) -> str:
    """Return the text of `report.json`, lists of plain values on one line."""
    text = json.dumps(report.to_dict(), indent=1, allow_nan=False)
    # Line breaks are between values only, where spaces may be in them.
    return re.sub(r"\[[^\[\]{}]+\]", lambda found: re.sub(r"\n *", " ", found[0]), text) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Measured):
        return value.to_dict()
    return asdict(value) if isinstance(value, Accuracy | Disagreement) else value


def _rounded(times: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [round(value, _DECIMALS) for value in values] for name, values in times.items()}
