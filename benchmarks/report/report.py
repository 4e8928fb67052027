"""Write `report.md` and `report.csv` of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.report.plots import PLOTS
from benchmarks.report.recommendation import Concern, gate_of, recommend
from benchmarks.run.conditions import Conditions
from benchmarks.run.record import STAGES, STARTS, Accuracy, BenchmarkReport, Measured
from benchmarks.run.timing import LatencyStats, describe
from edge_runtime.csv_row import csv_row
from edge_runtime.markdown import bold, code, literal, table

SHOWN_DISAGREEMENTS = 24
_SAID_ABOVE = (Concern.INVALID_RUN, Concern.INCOMPLETE_RUN)  # by the notes under the title
_METHOD = """- Each configuration runs in its own process, which imports only what `catdog-edge` imports.
- After a warm-up the processes take turns. Each round has a new order and one picture. Every process classifies it
  twice, and the second time counts.
- A latency is the time from a picture's file to its label. Its stages are decode, preprocess and inference.
- Pictures/s: pictures per second, classified one after the other.
- Cold start: the time from the start of the process to the first label. The model file is in the disk cache.
- Memory: resident memory of the whole process. Steady is after all rounds.
- Intervals are 95 % intervals: of a median from order statistics, of an accuracy after Wilson, of a difference from
  Keras after Tango, for paired answers.
- The best values are in bold.
"""


def write_report(report: BenchmarkReport) -> str:
    """Return the report as Markdown. It shows the plots, which lie beside it."""
    parts = [
        f"# {literal(title_of(report))}\n",
        *(f"> **Invalid:** {literal(reason)}.\n" for reason in report.invalid),
        "" if report.complete else "> **Incomplete:** the run was stopped before everything was measured.\n",
        _answer(report),
        _machine_line(report),
        _plot("latency-accuracy"),
        _plot("distributions"),
        "## Latency\n",
        "Milliseconds from file to label, and the median of each stage.\n",
        _latency_table(report),
        *map(_plot, ("stages", "threads")),
        "## Start, memory and size\n",
        _footprint_table(report),
        _plot("footprint"),
        "## Accuracy\n",
        _accuracy_part(report),
        "## Pictures on which the files disagree\n",
        _disagreements(report),
        "## Conditions\n",
        _conditions(report),
        "## How it was measured\n",
        _METHOD,
    ]
    return "\n".join(part for part in parts if part)


def title_of(report: BenchmarkReport) -> str:
    """Return the title of the report as plain text."""
    return f"Benchmark of {report.bundle}"


def write_csv(report: BenchmarkReport) -> str:
    """Return one line of figures for each configuration, after a header."""
    rows = [_flat(report, item) for item in report.measured]
    return "".join(f"{csv_row(line)}\n" for line in (rows[0], *(row.values() for row in rows)))


def _flat(report: BenchmarkReport, item: Measured) -> dict[str, Any]:
    what = item.configuration
    row: dict[str, Any] = {"file": what.file, "backend": what.backend, "threads": what.threads}
    for name, stats in (("total", item.total), *((stage, item.stage(stage)) for stage in STAGES)):
        low, high = stats.median_interval_ms
        values = stats.to_dict() | {"median_low_ms": low, "median_high_ms": high}
        row |= {
            f"{name}_{key}": value for key, value in values.items() if key not in ("count", "median_interval_ms")
        }
    row |= {f"{name}_ms": describe(item.starts_ms[name]).median_ms for name in STARTS}
    row |= {"pictures_per_second": item.pictures_per_second, "size_bytes": item.size_bytes}
    row |= {"steady_mib": item.steady_mib, "peak_mib": item.peak_mib}
    accuracy = report.accuracy_of(what)
    row["accuracy"] = None if accuracy is None else accuracy.accuracy
    row["difference_from_keras"] = (accuracy.drift or {}).get("difference") if accuracy else None
    return row | {"gate": gate_of(report, what)}


def _answer(report: BenchmarkReport) -> str:
    try:
        found = recommend(report)
    except BenchmarkError as error:
        return f"{bold(str(error))}\n"
    notes = "".join(f"\n- {literal(item.text)}" for item in found.warnings if item.concern not in _SAID_ABOVE)
    return f"{bold(found.reason)}\n{notes}\n"


def _machine_line(report: BenchmarkReport) -> str:
    machine = report.machine
    board = machine["board"] or machine["processor"]
    return (
        f"{literal(board)}, {machine['cores']} cores, {literal(machine['architecture'])}. "
        f"{report.measured[0].rounds:,} of {report.rounds:,} rounds; "
        f"{report.pictures['count']:,} {literal(report.pictures['source'])}.\n"
    )


def _latency_table(report: BenchmarkReport) -> str:
    header = ("file", "backend", "threads", "median", "95 % interval", "p90", "p95", "p99", "mean", "deviation",
              *STAGES, "pictures/s")  # fmt: skip
    totals = [item.total for item in report.measured]
    percentiles: list[Callable[[LatencyStats], float]] = [
        lambda stats: stats.p90_ms,
        lambda stats: stats.p95_ms,
        lambda stats: stats.p99_ms,
        lambda stats: stats.mean_ms,
        lambda stats: stats.standard_deviation_ms,
    ]
    columns = [
        *_names(report),
        _best([stats.median_ms for stats in totals], "{:.2f}"),
        [f"[{stats.median_interval_ms[0]:.2f}, {stats.median_interval_ms[1]:.2f}]" for stats in totals],
        *(_best([figure(stats) for stats in totals], "{:.2f}") for figure in percentiles),
        *(_best([item.stage(stage).median_ms for item in report.measured], "{:.2f}") for stage in STAGES),
        _best([item.pictures_per_second for item in report.measured], "{:.0f}", most=True),
    ]
    return table(header, zip(*columns, strict=True))


def _footprint_table(report: BenchmarkReport) -> str:
    header = (
        "file",
        "backend",
        "threads",
        "size, MB",
        "load, ms",
        "first inference, ms",
        "cold start, ms",
        "steady, MiB",
        "peak, MiB",
    )
    starts = {name: [describe(item.starts_ms[name]).median_ms for item in report.measured] for name in STARTS}
    columns = [
        *_names(report),
        _best([item.size_bytes / 1e6 for item in report.measured], "{:.2f}"),
        *(_best(starts[name], "{:.1f}") for name in ("load", "first_inference", "cold_start")),
        _best([item.steady_mib for item in report.measured], "{:.0f}"),
        _best([item.peak_mib for item in report.measured], "{:.0f}"),
    ]
    return table(header, zip(*columns, strict=True))


def _accuracy_part(report: BenchmarkReport) -> str:
    if not report.accuracy:
        return "Not measured.\n"
    if report.accuracy[0].accuracy is None:
        return (
            "Unknown. The pictures are neither the bundle's test pictures nor in folders that are named after its "
            "labels.\n"
        )
    header = ("file", "backend", "accuracy", "95 % interval", "from Keras", "95 % interval", "agreement",
              "largest difference", "gate")  # fmt: skip
    columns = [
        [code(item.file) for item in report.accuracy],
        [item.backend for item in report.accuracy],
        _best([item.accuracy for item in report.accuracy], "{:.2%}", most=True),
        [_interval(item.interval) for item in report.accuracy],
        *zip(*map(_drift_cells, report.accuracy), strict=True),
    ]
    return table(header, zip(*columns, strict=True)) + "\n" + _plot("confusion")


def _drift_cells(item: Accuracy) -> tuple[str, ...]:
    if item.drift is None or item.gate is None:
        return ("unknown",) * 4 + ("not judged",)
    drift = item.drift
    return (
        f"{drift['difference']:+.2%}",
        _interval(drift["difference_interval"], "+"),
        f"{drift['agreement']:.2%}",
        f"{drift['largest_difference']:.2g}",
        str(item.gate["state"]),
    )


def _disagreements(report: BenchmarkReport) -> str:
    if not report.disagreements:
        return "None.\n" if report.accuracy else "Not measured.\n"
    kinds = [name.removeprefix("model.") for name in report.disagreements[0].scores]
    header = ("picture", "label", *kinds)
    shown = report.disagreements[:SHOWN_DISAGREEMENTS]
    rows = [(code(item.picture), item.label or "unknown", *_labelled(report, item.scores)) for item in shown]
    return (
        f"{len(shown)} of {len(report.disagreements)} pictures. The widest spread of scores comes first.\n\n"
        + table(header, rows)
    )


def _labelled(report: BenchmarkReport, scores: dict[str, list[float]]) -> list[str]:
    """Return for each file the label that it gives, with its score."""
    return [f"{report.labels[row.index(max(row))]} {max(row):.3f}" for row in scores.values()]


def _conditions(report: BenchmarkReport) -> str:
    before, after = _state(report.before), _state(report.after)
    rows = [(name, before[name], after[name]) for name in before]
    machine = report.machine
    packages = "".join(f", {literal(f'{key} {value}')}" for key, value in machine["packages"].items())
    memory = f", {machine['memory_mib']:,.0f} MiB of memory" if machine["memory_mib"] else ""
    text = (
        f"{literal(machine['processor'])}{memory}, {literal(machine['system'])}, "
        f"Python {literal(machine['python'])}{packages}.\n\n"
    )
    left_out = "".join(f"- Not measured: {literal(name)}: {literal(reason)}\n" for name, reason in report.left_out)
    return text + table(("", "before", "after"), rows) + (f"\n{left_out}" if left_out else "")


def _state(state: Conditions) -> dict[str, str]:
    unknown = "unknown"
    held = ", ".join(state.throttled_now) or ("no" if state.throttle_count is not None else unknown)
    return {
        "time, UTC": state.time,
        "load of the last minute": f"{state.load_1m:.2f}",
        "governor": ", ".join(state.governor) or unknown,
        "frequency": unknown if state.frequency_mhz is None else f"{state.frequency_mhz:,.0f} MHz",
        "temperature": ", ".join(f"{value:.1f} °C" for value in state.temperature_c.values()) or unknown,
        "throttled": held,
    }


def _names(report: BenchmarkReport) -> list[list[str]]:
    whats = [item.configuration for item in report.measured]
    return [
        [code(what.file) for what in whats],
        [what.backend for what in whats],
        [str(what.threads) for what in whats],
    ]


def _best(values: Sequence[float | None], form: str, *, most: bool = False) -> list[str]:
    """Return the values as text. The best ones are in bold, and None is `not measured`."""
    texts = ["not measured" if value is None else form.format(value) for value in values]
    known = [value for value in values if value is not None]
    if not known:
        return texts
    best = form.format(max(known) if most else min(known))
    return [bold(text) if text == best else text for text in texts]


def _interval(ends: Sequence[float] | None, sign: str = "") -> str:
    return "" if ends is None else f"[{ends[0]:{sign}.2%}, {ends[1]:{sign}.2%}]"


def _plot(name: str) -> str:
    return f"![{PLOTS[name]}]({name}.png)\n"
