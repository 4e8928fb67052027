"""How plots show each file and backend: its name, colour, marker and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import cycle
from typing import NamedTuple

from benchmarks.run.record import BenchmarkReport
from edge_runtime.backends import BACKENDS
from edge_runtime.bundle import FORMATS, Precision
from edge_runtime.plot_text import plot_text

# A colour stands for a precision, a marker for a backend, and a line for a format.
COLOURS: dict[str, str] = {
    Precision.FLOAT32: "#4f86c6",
    Precision.FLOAT16: "#8a6fc0",
    Precision.DYNAMIC: "#d98b2b",
    Precision.INT8: "#3a9d5d",
    Precision.MIXED: "#c85a8a",
}
_UNKNOWN_COLOUR = "#808080"  # for a precision of a newer version
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES = ("-", "--", ":", "-.")


class Look(NamedTuple):
    """The name of one file with one backend, and its colour, marker and line in matplotlib's words."""

    name: str
    colour: str
    marker: str
    line: str


def list_looks(report: BenchmarkReport) -> dict[tuple[str, str], Look]:
    """Return a look for each file and backend of a report.

    A known backend or format looks the same in every report. The name has the backend only if the file ran with
    several backends.
    """
    whats = {item.configuration.file_and_backend: item.configuration for item in report.measured}
    markers = _one_each(_MARKERS, BACKENDS, (what.backend for what in whats.values()))
    lines = _one_each(_LINES, FORMATS, (what.format for what in whats.values()))
    backends = Counter(file for file, _ in whats)
    return {
        key: Look(
            plot_text(
                f"{what.precision} {what.format}" + (f" ({what.backend})" if backends[what.file] > 1 else "")
            ),
            COLOURS.get(what.precision, _UNKNOWN_COLOUR),
            markers[what.backend],
            lines[what.format],
        )
        for key, what in whats.items()
    }


def _one_each(marks: tuple[str, ...], known: Iterable[str], used: Iterable[str]) -> dict[str, str]:
    """Give a mark to each known name, and then to each name that this version does not know."""
    return dict(zip(dict.fromkeys([*known, *used]), cycle(marks), strict=False))
