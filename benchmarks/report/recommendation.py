"""Choose the file to ship on this machine, and say why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from benchmarks.errors import BenchmarkError
from benchmarks.run.record import BenchmarkReport, Configuration, Measured
from benchmarks.run.timing import paired_ratio
from edge_runtime.proof.gate import GateState

UNKNOWN = "unknown"


class Concern(Enum):
    """What a caveat is about."""

    INVALID_RUN = auto()
    INCOMPLETE_RUN = auto()
    NO_PASS = auto()
    FASTER_FILE = auto()
    SLOW_INT8 = auto()


class Caveat(NamedTuple):
    """What to know before following a recommendation: what it is about, and one sentence."""

    concern: Concern
    text: str


@dataclass(frozen=True)
class Recommendation:
    """The file to ship.

    Args:
        configuration: file, backend and threads.
        p95_ms: 95th percentile of the time from a picture's file to its label, milliseconds.
        gate: the gate's verdict on the file.
        decided: whether the gate passed the file and the figures can be trusted. If not, nothing can be shipped
            yet, and the configuration is only the fastest one.
        reason: the choice and its figures, in a few sentences.
        warnings: what to know before following it.
    """

    configuration: Configuration
    p95_ms: float
    gate: str
    decided: bool
    reason: str
    warnings: tuple[Caveat, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object; each warning is its sentence."""
        return asdict(self) | {"warnings": [warning.text for warning in self.warnings]}


def recommend(report: BenchmarkReport) -> Recommendation:
    """Return the configuration with the lowest p95 whose file passed the gate.

    If no file passed, it is the one with the lowest p95 whose file did not fail, with a warning.

    Raises:
        BenchmarkError: every file failed the gate.
    """
    by_p95 = sorted(report.measured, key=lambda item: item.total.p95_ms)
    passed = [item for item in by_p95 if gate_of(report, item.configuration) == GateState.PASSED]
    undecided = [item for item in by_p95 if gate_of(report, item.configuration) != GateState.FAILED]
    if not undecided:
        raise BenchmarkError(
            f"every file of {report.bundle} failed the gate: each loses more than {100 * report.max_drop:g} points "
            "of accuracy. Export again with --repair, or train longer."
        )
    best = (passed or undecided)[0]
    doubts = _doubts(report) + ([] if passed else [_no_pass(report, best)])
    verdict = "Nothing to ship yet. The fastest is" if doubts else "Ship"
    return Recommendation(
        best.configuration,
        best.total.p95_ms,
        gate_of(report, best.configuration),
        not doubts,
        _reason(report, best, (passed or undecided)[1:], verdict),
        (*doubts, *_faster(report, best, by_p95), *slow_int8(report)),
    )


def gate_of(report: BenchmarkReport, configuration: Configuration) -> str:
    """Return the gate's verdict in this report, or else the export's verdict, or else `UNKNOWN`."""
    accuracy = report.accuracy_of(configuration)
    if accuracy is not None and accuracy.gate is not None:
        return str(accuracy.gate["state"])
    return report.manifest_gates.get(configuration.file, UNKNOWN)


def slow_int8(report: BenchmarkReport) -> tuple[Caveat, ...]:
    """Return a warning for each format, backend and number of threads where int8 is clearly slower than float32."""
    found = []
    for item in report.measured:
        what = item.configuration
        other = _alike(report, what, "float32") if what.precision == "int8" else None
        if other is None:
            continue
        ratio = paired_ratio(item.stages_ms["inference"], other.stages_ms["inference"])
        if ratio.interval[0] > 1:
            low, high = ratio.interval
            text = (
                f"int8 is slower than float32 here: {what.phrase()} takes {ratio.value:.2f} times "
                f"[{low:.2f}, {high:.2f}] as long as {other.configuration.file}."
            )
            found.append(Caveat(Concern.SLOW_INT8, text))
    return tuple(found)


def _alike(report: BenchmarkReport, what: Configuration, precision: str) -> Measured | None:
    wanted = (precision, what.format, what.backend, what.threads)
    for item in report.measured:
        other = item.configuration
        if (other.precision, other.format, other.backend, other.threads) == wanted:
            return item
    return None


def _faster(report: BenchmarkReport, best: Measured, by_p95: list[Measured]) -> list[Caveat]:
    """Return a warning for each file that is faster than the recommended one."""
    known = {best.configuration.file}
    found = []
    for item in by_p95[: by_p95.index(best)]:
        if item.configuration.file not in known:
            known.add(item.configuration.file)
            what, p95_ms = item.configuration, item.total.p95_ms
            text = f"{what.phrase()} is faster, {p95_ms:.2f} ms, but the gate says {gate_of(report, what)}."
            found.append(Caveat(Concern.FASTER_FILE, text))
    return found


def _reason(report: BenchmarkReport, best: Measured, slower: list[Measured], verdict: str) -> str:
    text = (
        f"{verdict} {best.configuration.phrase()}: 95 of 100 pictures take at most {best.total.p95_ms:.2f} ms "
        "from file to label"
    )
    other = next((item for item in slower if item.configuration.file != best.configuration.file), None)
    if other is not None:
        text += f" ({other.configuration.file}, the next file: {other.total.p95_ms:.2f} ms)"
    accuracy = report.accuracy_of(best.configuration)
    if accuracy is None or accuracy.accuracy is None:
        return text + ". Its accuracy was not measured here."
    text += f". Its accuracy is {accuracy.accuracy:.2%}"
    if accuracy.drift is None:
        return text + "."
    low, high = (100 * end for end in accuracy.drift["difference_interval"])
    difference = 100 * accuracy.drift["difference"]
    return text + (
        f", {difference:+.2f} points [{low:+.2f}, {high:+.2f}] from Keras. The gate allows "
        f"{-100 * report.max_drop:+.2f}."
    )


def _no_pass(report: BenchmarkReport, best: Measured) -> Caveat:
    if gate_of(report, best.configuration) == UNKNOWN:
        return Caveat(Concern.NO_PASS, "No gate has judged the files. Name the test pictures with --data.")
    return Caveat(Concern.NO_PASS, "No file passed the gate. There are too few test pictures to decide.")


def _doubts(report: BenchmarkReport) -> list[Caveat]:
    doubts = [Caveat(Concern.INVALID_RUN, f"The figures cannot be trusted: {reason}.") for reason in report.invalid]
    stopped = Caveat(Concern.INCOMPLETE_RUN, "The run was stopped before it was complete.")
    return doubts if report.complete else [*doubts, stopped]
