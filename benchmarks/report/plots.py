"""Plots of a benchmark with matplotlib: PNG for Markdown, and SVG that follows light and dark for the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report.looks import list_looks
from benchmarks.run.record import STAGES, Accuracy, BenchmarkReport, Measured
from edge_runtime.plot_text import plot_text

# The title of each plot, by name.
PLOTS = {
    "latency-accuracy": "Accuracy against latency, with the Pareto front",
    "distributions": "Distribution of the latency, by file and threads",
    "stages": "Where the time of a picture goes, by file and threads",
    "threads": "Inference time by number of threads",
    "footprint": "Memory and size",
    "confusion": "Confusion matrices",
}
_STAGE_COLOURS = ("#d98b2b", "#8a6fc0", "#4f86c6")
_BLUE, _ORANGE = "#4f86c6", "#d98b2b"
# Stand-ins: an SVG gets the page's own colours in their place.
_INK, _LINE = "#1c1c1d", "#bbbbbc"
_WIDTH = 5.2  # inches; a phone shows the text at its normal size
_TITLE, _LETTER = 0.3, 0.09  # inches: height of a line and its distance, width of a letter
_LEAST_LETTERS, _MOST_LETTERS = 4, 24  # that a label of a matrix has room for
_STYLE = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
    **dict.fromkeys(("axes.edgecolor", "grid.color"), _LINE),
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.linewidth": 0.6,
    "font.size": 11,
    "legend.frameon": False,
    "svg.fonttype": "none",
}


def write_png(report: BenchmarkReport, folder: Path) -> None:
    """Write each plot that has data as `NAME.png`."""
    for name, figure in _figures(report):
        figure.savefig(folder / f"{name}.png", dpi=130, facecolor="white")


def svg_plots(report: BenchmarkReport) -> dict[str, str]:
    """Return each plot that has data as `<svg>`, with the page's own colours and letters."""
    return {name: _svg(figure, name) for name, figure in _figures(report)}


def _figures(report: BenchmarkReport) -> Iterator[tuple[str, Any]]:
    draws: dict[str, Callable[[BenchmarkReport], Any]] = {
        "latency-accuracy": _latency_accuracy,
        "distributions": _distributions,
        "stages": _stages,
        "threads": _threads,
        "footprint": _footprint,
        "confusion": _confusion,
    }
    for name, draw in draws.items():
        if name == "confusion" and not _has_accuracy(report):
            continue
        with _style(name):
            yield name, draw(report)


@contextmanager
def _style(name: str) -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}):  # type: ignore[arg-type]
        yield


def _svg(figure: Any, name: str) -> str:
    file = io.StringIO()
    with _style(name):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor").replace(_LINE, "var(--line)")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"(style=\"[^\"]*?)font-family: [^;\"]*;? ?", r"\1", text)  # the page's own
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text))


def _figure(height: float, **grid: Any) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots(**grid)


def _latency_accuracy(report: BenchmarkReport) -> Any:
    """Draw each file with each backend at its fastest number of threads."""
    figure, axes = _figure(4.2)
    looks, points = list_looks(report), []
    known = _has_accuracy(report)
    for item in _fastest_of_each(report):
        accuracy = report.accuracy_of(item.configuration)
        if known and accuracy is None:  # a stopped run has not scored it
            continue
        look = looks[item.configuration.file_and_backend]
        x, y = item.total.median_ms, 100 * (accuracy.accuracy or 0.0 if accuracy else 0.0)
        points.append((x, y))
        if accuracy is not None and accuracy.interval is not None:
            axes.plot([x, x], _reach(accuracy), color=look.colour, alpha=0.5, linewidth=2)
        axes.plot(item.total.median_interval_ms, [y, y], color=look.colour, alpha=0.6, linewidth=2)
        axes.plot(x, y, look.marker, color=look.colour, markersize=9, label=look.name, linestyle="")
    axes.margins(0.1)
    keras = next((item.drift["keras_accuracy"] for item in report.accuracy if item.drift), None)
    if keras is not None:
        axes.axhline(100 * keras, color=_INK, linewidth=1, linestyle=":", label="Keras")
    _draw_front(axes, _pareto(points))
    axes.set(xlabel="median latency, file to label, ms", ylabel="accuracy, %" if known else "accuracy not known")
    figure.legend(loc="outside lower center", ncols=2, fontsize=10)
    return figure


def _reach(accuracy: Accuracy) -> list[float]:
    """Return the ends of an accuracy's bar in per cent.

    They are those of the difference from Keras if it is known, as that interval is narrower.
    """
    if accuracy.drift is None:
        return [100 * end for end in accuracy.interval or ()]
    return [100 * (accuracy.drift["keras_accuracy"] + end) for end in accuracy.drift["difference_interval"]]


def _draw_front(axes: Any, front: list[tuple[float, float]]) -> None:
    """Draw the front as steps, from the fastest point to the right edge."""
    xs, ys = (list(ends) for ends in zip(*front, strict=True))
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    places = ([xs[0], *xs, right], [bottom, *ys, ys[-1]])
    axes.step(*places, where="post", color=_INK, linewidth=1, linestyle="--", label="Pareto front", zorder=1)
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _pareto(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other point beats in both time and accuracy, fastest first."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or y > front[-1][1]:
            front.append((x, y))
    return front


def _distributions(report: BenchmarkReport) -> Any:
    figure, axes = _figure(0.9 + 0.36 * len(report.measured))
    looks = list_looks(report)
    for row, item in enumerate(report.measured):
        colour = looks[item.configuration.file_and_backend].colour
        times = np.array(item.total_ms)
        drawn = times[times <= item.total.p99_ms]
        if np.ptp(drawn) > 0:
            parts = axes.violinplot(
                drawn, [-row], orientation="horizontal", widths=0.8, showextrema=False, side="high"
            )
            for body in parts["bodies"]:
                body.set(facecolor=colour, alpha=0.55, edgecolor="none")
        axes.plot([item.total.median_ms], [-row], "|", color=_INK, markersize=11, markeredgewidth=2)
        axes.plot([item.total.p95_ms], [-row], "|", color=colour, markersize=9, markeredgewidth=2)
    axes.set_yticks(-np.arange(len(report.measured)), _long_names(report))
    axes.set_xscale("log")
    _plain_ticks(axes)
    axes.set(xlabel="ms, file to label; bars: median, p95")
    return figure


def _stages(report: BenchmarkReport) -> Any:
    figure, axes = _figure(1.2 + 0.3 * len(report.measured))
    rows = -np.arange(len(report.measured))
    left = np.zeros(len(report.measured))
    for stage, colour in zip(STAGES, _STAGE_COLOURS, strict=True):
        values = np.array([item.stage(stage).median_ms for item in report.measured])
        axes.barh(rows, values, left=left, color=colour, label=stage, height=0.7)
        left += values
    axes.set_yticks(rows, _long_names(report))
    axes.set(xlabel="median ms of each stage")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3, fontsize=10)
    return figure


def _threads(report: BenchmarkReport) -> Any:
    figure, axes = _figure(3.8)
    looks = list_looks(report)
    by_threads = sorted(report.measured, key=lambda item: item.configuration.threads)
    for name, look in looks.items():
        items = [item for item in by_threads if item.configuration.file_and_backend == name]
        axes.plot(
            [item.configuration.threads for item in items],
            [item.stage("inference").median_ms for item in items],
            marker=look.marker,
            color=look.colour,
            linestyle=look.line,
            label=look.name,
        )
    axes.set_xticks(sorted({item.configuration.threads for item in report.measured}))
    axes.set(xlabel="inference threads", ylabel="median inference, ms", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=2, fontsize=10)
    return figure


def _footprint(report: BenchmarkReport) -> Any:
    items, looks = _fastest_of_each(report), list_looks(report)
    figure, axes = _figure(1.3 + 0.42 * len(items), ncols=2, sharey=True)
    rows = -np.arange(len(items))
    peak = np.array([item.peak_mib or 0.0 for item in items])
    steady = np.array([item.steady_mib or 0.0 for item in items])
    axes[0].barh(rows, peak, color=_ORANGE, height=0.7, label="peak")
    axes[0].barh(rows, steady, color=_BLUE, height=0.42, label="steady")
    axes[0].set(xlabel="memory of the process, MiB")
    axes[1].barh(rows, [item.size_bytes / 1e6 for item in items], color="#3a9d5d", height=0.7, label="file")
    axes[1].set(xlabel="size on disk, MB")
    axes[0].set_yticks(rows, [looks[item.configuration.file_and_backend].name for item in items])
    for part in axes:
        part.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3, fontsize=10)
    return figure


def _confusion(report: BenchmarkReport) -> Any:
    labels = [plot_text(label, _MOST_LETTERS) for label in report.labels]
    longest = max(_LEAST_LETTERS, *map(len, labels))
    fitting = int(_WIDTH / (_LETTER * longest * (len(labels) + 1)))  # matrices, with labels on two sides
    columns = min(3, max(2, len(report.accuracy)), max(1, fitting))
    rows = -(-len(report.accuracy) // columns)
    room = _TITLE if fitting else _TITLE + _LETTER * longest
    figure, grid = _figure(rows * (_WIDTH / columns + room) + _TITLE, nrows=rows, ncols=columns, squeeze=False)
    looks = list_looks(report)
    for axes in list(grid.flat)[len(report.accuracy) :]:
        axes.set_axis_off()
    for axes, item in zip(grid.flat, report.accuracy, strict=False):
        _draw_matrix(axes, np.array(item.confusion))
        middle = np.arange(len(labels)) + 0.5
        axes.set_xticks(middle, labels, rotation=0 if fitting else 90)
        axes.set_yticks(middle, labels[::-1])
        axes.set_title(looks[item.file_and_backend].name, fontsize=10)
    figure.supylabel("true label", fontsize=10)
    figure.supxlabel("label given", fontsize=10)
    return figure


def _draw_matrix(axes: Any, counts: NDArray[np.int_]) -> None:
    """Draw counts `int (labels, labels)`, the first row on top, and shade each by its share of the row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.pcolormesh(shares[::-1], cmap=_blues(), vmin=0, vmax=1, edgecolors=_LINE, linewidth=0.5)
    for (row, column), value in np.ndenumerate(counts[::-1]):
        axes.text(column + 0.5, row + 0.5, f"{value:,}", ha="center", va="center", fontsize=10)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.tick_params(length=0)


def _blues() -> Any:
    """Return a blue that grows more opaque with the share, so that letters are legible on light and dark."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blues", [(0.31, 0.53, 0.78, 0.05), (0.31, 0.53, 0.78, 0.65)])


def _plain_ticks(axes: Any) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _fastest_of_each(report: BenchmarkReport) -> list[Measured]:
    """Return each file and backend with its fastest number of threads, fastest first."""
    found: dict[tuple[str, str], Measured] = {}
    for item in report.measured:
        found.setdefault(item.configuration.file_and_backend, item)
    return list(found.values())


def _long_names(report: BenchmarkReport) -> list[str]:
    """Return the name of each configuration with its number of threads."""
    looks, whats = list_looks(report), [item.configuration for item in report.measured]
    return [f"{looks[what.file_and_backend].name}, {what.threads}" for what in whats]


def _has_accuracy(report: BenchmarkReport) -> bool:
    return any(item.accuracy is not None for item in report.accuracy)
