"""Plots of an export's report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edge_runtime.plot_fonts import letters_drawn
from edge_runtime.plot_text import plot_text
from edge_runtime.proof.gate import GateState
from edge_runtime.proof.shares import wilson_interval
from exporter.report.record import ExportRecord, FileRecord

_COLOURS = {GateState.PASSED: "#2a7f4f", GateState.INCONCLUSIVE: "#b7791f", GateState.FAILED: "#c0392b"}
_BEFORE, _AFTER, _WORST = "#d1603d", "#3b6fb6", "#7a5aa8"
_BINS = 10
_MOST_FLIPS = 24


def plot_differences(record: ExportRecord, path: Path) -> None:
    """Draw how far each file's accuracy is from that of Keras, with its interval, and the largest drop allowed."""
    figure = Figure(figsize=(8, 1.2 + 0.42 * len(record.files)), layout="constrained")
    axes = figure.subplots()
    for row, file in enumerate(reversed(record.files)):
        low, high = (100 * end for end in file.check.drift.difference_interval)
        colour = _COLOURS[file.check.verdict.state]
        axes.plot([low, high], [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot(100 * file.check.drift.difference, row, "o", color=colour)
    axes.axvline(0, color="#888888", linewidth=1)
    axes.axvline(-100 * record.plan.max_drop, color="#c0392b", linestyle="--", label="largest drop allowed")
    axes.set_yticks(range(len(record.files)), [plot_text(file.name) for file in reversed(record.files)])
    axes.set(xlabel="accuracy difference from Keras, points, with 95 % interval")
    axes.margins(y=0.15)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="best")
    figure.savefig(path, dpi=120)


def plot_reliability(record: ExportRecord, path: Path) -> None:
    """Draw the share of right answers at each confidence, for Keras before and after, and for the worst file."""
    figure = Figure(figsize=(4.6, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#888888", linestyle=":", label="perfectly calibrated")
    worst = max(record.files, key=lambda file: file.check.drift.calibration_error)
    temperature, baseline = record.confidence.temperature, record.baseline
    series = [("Keras as trained", baseline.as_trained, _BEFORE)]
    if temperature.fitted:
        series.append((f"Keras with temperature {temperature.value:.2f}", baseline.scores, _AFTER))
    series.append((f"{plot_text(worst.name)}, the worst file", worst.check.scores, _WORST))
    for label, scores, colour in series:
        confidence, share, errors = _reliability(scores, record.pictures.targets)
        axes.errorbar(confidence, share, errors, fmt="o-", color=colour, label=label, linewidth=1.2, markersize=4)
    lowest = 1 / len(record.source.labels)
    axes.set(
        xlabel="confidence", ylabel="share right, with 95 % interval", xlim=(lowest - 0.02, 1.02), ylim=(0, 1.02)
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    figure.savefig(path, dpi=120)


def flips_name(file: FileRecord) -> str:
    """Return the name of the plot that `plot_flips` draws of a file, such as `flips.int8.tflite.png`."""
    return f"flips.{file.entry.precision}.{file.entry.format}.png"


def flipped(keras: NDArray[np.float64], scores: NDArray[np.float64], targets: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows of scores `(N, labels)` in which a file gives another label than Keras.

    The rows in which the true label lost most of its score come first: right to wrong before wrong to right.
    """
    rows = np.flatnonzero(keras.argmax(axis=1) != scores.argmax(axis=1))
    lost = keras[rows, targets[rows]] - scores[rows, targets[rows]]
    return rows[np.argsort(-lost, kind="stable")]


def plot_flips(record: ExportRecord, file: FileRecord, path: Path) -> None:
    """Draw up to 24 of the pictures that a file has `flipped`, with the scores of every file."""
    with letters_drawn(record.source.labels):
        _flips_figure(record, file).savefig(path, dpi=100)


def _flips_figure(record: ExportRecord, file: FileRecord) -> Figure:
    pictures, baseline = record.pictures, record.baseline
    pixels, targets = pictures.test, pictures.targets
    found = flipped(baseline.scores, file.check.scores, targets)
    rows = found[:_MOST_FLIPS]
    columns = 4
    height = max(1, -(-len(rows) // columns))
    figure = Figure(figsize=(columns * 2.6, height * (2.4 + 0.16 * len(record.files))), layout="constrained")
    title = f"{len(rows)} of {len(found):,} flips of {plot_text(file.name)}: score of the true label"
    figure.suptitle(title)
    for axes, row in zip(figure.subplots(height, columns, squeeze=False).flat, rows, strict=False):
        axes.imshow(pixels[row])
        axes.set_title(_scores(record, int(row), int(targets[row])), fontsize=7, loc="left")
    for axes in figure.axes:
        axes.axis("off")
    return figure


def _scores(record: ExportRecord, row: int, label: int) -> str:
    name = plot_text(record.source.labels[label])
    lines = [f"{name}: Keras {record.baseline.scores[row, label]:.3f}"]
    lines += [f"{plot_text(file.name)} {file.check.scores[row, label]:.3f}" for file in record.files]
    return "\n".join(lines)


def _reliability(
    scores: NDArray[np.float64], targets: NDArray[np.intp]
) -> tuple[list[float], list[float], NDArray[np.float64]]:
    """Return for each filled bin: mean confidence, share right, and distance to both ends of its interval."""
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == targets
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    members = [bins == number for number in np.unique(bins)]
    shares = [float(right[chosen].mean()) for chosen in members]
    intervals = [wilson_interval(int(right[chosen].sum()), int(chosen.sum())) for chosen in members]
    errors = [(share - low, high - share) for share, (low, high) in zip(shares, intervals, strict=True)]
    return [float(confidence[chosen].mean()) for chosen in members], shares, np.clip(np.array(errors).T, 0, 1)
