"""Plots of a run: learning curves, confusion matrix and the surest mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from edge_runtime.plot_fonts import letters_drawn
from edge_runtime.plot_text import plot_text
from edge_runtime.run_folder import Side
from trainer.checkpoint import FitState
from trainer.data.dataset import Dataset
from trainer.evaluation import Evaluation

_WRONG_LETTERS = 22  # of a label, beside its score
_TRAINING, _VALIDATION, _BEST = "#3b6fb6", "#d1603d", "#888888"


def plot_learning_curves(state: FitState, path: Path) -> None:
    """Draw accuracy and loss of training and validation over the epochs, and mark the kept epoch."""
    epochs = np.arange(1, len(state.history) + 1)
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        training = [getattr(epoch, quantity) for epoch in state.history]
        validation = [getattr(epoch, f"validation_{quantity}") for epoch in state.history]
        axes.plot(epochs, training, "o-", color=_TRAINING, label="training, during the epoch")
        axes.plot(epochs, validation, "o-", color=_VALIDATION, label="validation")
        axes.axvline(state.kept + 1, color=_BEST, linestyle=":", label=f"kept: epoch {state.kept + 1}")
        axes.set(xlabel="epoch", ylabel=quantity, title=quantity.capitalize())
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def plot_confusion(evaluation: Evaluation, labels: tuple[str, ...], path: Path) -> None:
    """Draw the confusion matrix. Each cell has its count and its share of the row."""
    with letters_drawn(labels):
        _confusion_figure(evaluation, labels).savefig(path, dpi=120)


def _confusion_figure(evaluation: Evaluation, labels: tuple[str, ...]) -> Figure:
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 1.1 * len(labels)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{counts[row, column]:,}\n{shares[row, column]:.1%}"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    ticks = range(len(labels))
    shown = list(map(plot_text, labels))
    crowded = max(map(len, shown)) > 12
    axes.set_xticks(ticks, shown, rotation=90 if crowded else 0)
    axes.set_yticks(ticks, shown)
    axes.set(xlabel="predicted", ylabel="true", title=f"Test split, {evaluation.pictures:,} pictures")
    return figure


def plot_mistakes(dataset: Dataset, mistakes: list[tuple[int, int, float]], path: Path) -> None:
    """Draw the test pictures that were classified wrong, the surest mistake first.

    Args:
        dataset: the pictures.
        mistakes: `(index on the test side, wrong label, its score)` of each.
        path: the PNG file to write.
    """
    named = (dataset.sides[Side.TEST][index].path for index, _, _ in mistakes)
    with letters_drawn((*dataset.labels, *named)):
        _mistakes_figure(dataset, mistakes).savefig(path, dpi=120)


def _mistakes_figure(dataset: Dataset, mistakes: list[tuple[int, int, float]]) -> Figure:
    columns = 6
    rows = max(1, -(-len(mistakes) // columns))
    figure = Figure(figsize=(columns * 1.9, rows * 2.3), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, (index, wrong, score) in zip(grid.flat, mistakes, strict=False):
        picture = dataset.sides[Side.TEST][index]
        axes.imshow(dataset.pixels[picture.row])
        shown = plot_text(picture.path, end=True)
        axes.set_title(f"{shown}\n{plot_text(dataset.labels[wrong], _WRONG_LETTERS)} {score:.1%}", fontsize=8)
    figure.suptitle("The surest mistakes" if mistakes else "No mistakes on the test split")
    return figure
