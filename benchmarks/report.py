"""`report.md` of a benchmark, for people."""

from __future__ import annotations

from benchmarks.latency import LatencyReport
from benchmarks.timing import LatencyStats

_HEADER = ("file", "runtime", "size", "inference", "95 % interval", "p95", "Keras agreement", "accuracy")


def write_report(report: LatencyReport) -> str:
    """Return the report as Markdown."""
    machine = report.machine
    rows = [
        (
            f"`{item.file.path}`",
            item.backend,
            f"{item.file.size_bytes / 1e6:.2f} MB",
            f"{item.inference.median_ms:.2f} ms",
            _interval(item.inference),
            f"{item.inference.p95_ms:.2f} ms",
            _share(item.file.drift.get("agreement")),
            _share(item.file.drift.get("accuracy")),
        )
        for item in report.files
    ]
    lines = [_HEADER, ("---", "---") + ("---:",) * (len(_HEADER) - 2), *rows]
    return (
        f"# Benchmark of bundle {report.bundle}\n\n"
        f"{machine['processor']}, {machine['cores']} cores, {report.threads} inference thread(s), "
        f"load {machine['load_before']:.2f} before the run. Medians of {report.decode.count} interleaved rounds, "
        "fastest first. Agreement and accuracy are the exporter's, on the test split.\n\n"
        + "\n".join("| " + " | ".join(line) + " |" for line in lines)
        + f"\n\nBefore the model: decode {report.decode.median_ms:.2f} ms {_interval(report.decode)}, "
        f"resize {report.preprocess.median_ms:.2f} ms {_interval(report.preprocess)}.\n"
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2%}"


def _interval(stats: LatencyStats) -> str:
    low, high = stats.median_interval_ms
    return f"[{low:.2f}, {high:.2f}]"
