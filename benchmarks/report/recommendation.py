"""Which file to ship on this machine, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.run.record import BenchmarkReport, Configuration, Measured
from benchmarks.run.timing import paired_ratio
from edge_runtime.proof.gate import GateState

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Recommendation:
    """What to ship.

    Args:
        configuration: file, runtime and threads.
        p95_ms: 95th percentile of the time from a picture's file to its label, milliseconds.
        gate: what the gate says of the file here.
        decided: whether the gate has passed the file and the figures can be relied on; otherwise nothing can be
            shipped yet, and this is the fastest file only.
        reason: one sentence.
        warnings: what to know before believing it, a sentence each.
    """

    configuration: Configuration
    p95_ms: float
    gate: str
    decided: bool
    reason: str
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)


def recommend(report: BenchmarkReport) -> Recommendation:
    """Return the fastest configuration, by p95, whose file passes the gate.

    Where the gate has not passed any file for sure, the fastest that has not failed is returned, with a warning.

    Raises:
        BenchmarkError: every file fails the gate.
    """
    by_p95 = sorted(report.measured, key=lambda item: item.total.p95_ms)
    passed = [item for item in by_p95 if gate_of(report, item.configuration) == GateState.PASSED]
    undecided = [item for item in by_p95 if gate_of(report, item.configuration) != GateState.FAILED]
    if not undecided:
        raise BenchmarkError(
            f"no file of {report.bundle} passes the gate: all lose more than {report.max_drop:.1%} of accuracy "
            "here. Export again with --repair, or train longer."
        )
    best = (passed or undecided)[0]
    warnings = [] if passed else [_undecided(report, best)]
    doubts = [*_doubts(report), *warnings]
    return Recommendation(
        best.configuration,
        best.total.p95_ms,
        gate_of(report, best.configuration),
        not doubts,
        _reason(
            report, best, (passed or undecided)[1:], "Ship" if not doubts else "Nothing to ship yet; the fastest is"
        ),
        (*doubts, *_faster(report, best, by_p95), *slow_int8(report)),
    )


def gate_of(report: BenchmarkReport, configuration: Configuration) -> str:
    """Return the gate's verdict here, or else that of the export, or `unknown`."""
    accuracy = report.accuracy_of(configuration)
    if accuracy is not None and accuracy.gate is not None:
        return str(accuracy.gate["state"])
    return report.manifest_gates.get(configuration.file, UNKNOWN)


def slow_int8(report: BenchmarkReport) -> tuple[str, ...]:
    """Return a sentence for each runtime and number of threads where int8 is surely slower than float32."""
    found = []
    for item in report.measured:
        what = item.configuration
        other = _alike(report, what, "float32") if what.precision == "int8" else None
        if other is None:
            continue
        ratio = paired_ratio(item.stages_ms["inference"], other.stages_ms["inference"])
        if ratio.interval[0] > 1:
            low, high = ratio.interval
            found.append(
                f"int8 is slower than float32 here: {what.said()} takes {ratio.value:.2f} times "
                f"[{low:.2f}, {high:.2f}] as long as `{other.configuration.file}`."
            )
    return tuple(found)


def _alike(report: BenchmarkReport, what: Configuration, precision: str) -> Measured | None:
    wanted = (precision, what.format, what.runtime, what.threads)
    for item in report.measured:
        other = item.configuration
        if (other.precision, other.format, other.runtime, other.threads) == wanted:
            return item
    return None


def _faster(report: BenchmarkReport, best: Measured, by_p95: list[Measured]) -> list[str]:
    """Return a sentence for each file that is faster and not recommended."""
    known = {best.configuration.file}
    found = []
    for item in by_p95[: by_p95.index(best)]:
        if item.configuration.file not in known:
            known.add(item.configuration.file)
            state = gate_of(report, item.configuration)
            found.append(
                f"{item.configuration.said()} is faster, {item.total.p95_ms:.2f} ms, but the gate says {state}."
            )
    return found


def _reason(report: BenchmarkReport, best: Measured, slower: list[Measured], verdict: str) -> str:
    text = (
        f"{verdict} {best.configuration.said()}: 95 of 100 pictures take at most {best.total.p95_ms:.2f} ms "
        "from file to label"
    )
    other = next((item for item in slower if item.configuration.file != best.configuration.file), None)
    if other is not None:
        text += f", {other.total.p95_ms:.2f} ms with `{other.configuration.file}`, the next file"
    accuracy = report.accuracy_of(best.configuration)
    if accuracy is None or accuracy.accuracy is None:
        return text + "; its accuracy was not measured here."
    text += f"; its accuracy is {accuracy.accuracy:.2%}"
    if accuracy.drift is None:
        return text + "."
    low, high = (100 * end for end in accuracy.drift["difference_interval"])
    difference = 100 * accuracy.drift["difference"]
    return text + (
        f", {difference:+.2f} points [{low:+.2f}, {high:+.2f}] from Keras, where the gate allows "
        f"{-100 * report.max_drop:+.2f}."
    )


def _undecided(report: BenchmarkReport, best: Measured) -> str:
    if gate_of(report, best.configuration) == UNKNOWN:
        return "No gate has judged the files: name the test pictures with --data."
    return "The gate has passed no file for sure: there are too few test pictures to tell."


def _doubts(report: BenchmarkReport) -> list[str]:
    doubts = [f"The figures are not to be relied on: {reason}." for reason in report.invalid]
    return doubts + ([] if report.complete else ["The run was stopped before it was complete."])
