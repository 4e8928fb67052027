"""Write the answer for a picture as a line of text for people, or as JSON or CSV for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from edge_runtime.bundle.labels import UNSURE
from edge_runtime.errors import PictureError
from edge_runtime.visible_text import cells, padded, visible

if TYPE_CHECKING:
    from edge_runtime.classifier import Prediction

TIMES = ("decode_ms", "preprocess_ms", "inference_ms")
COLUMNS = ("path", "label", "confidence", "confident", "error", *TIMES)  # before those of the labels


class ResultFormat(Protocol):
    """A way to write results."""

    def header(self) -> str:
        """Return the first line, or nothing if the format has none."""

    def line(self, path: str, result: Prediction | PictureError) -> str:
        """Return the line of one picture."""


class TableFormat:
    """Lines of text with aligned columns: path, label or `unsure`, confidence, time."""

    def __init__(self, paths: Iterable[str], labels: tuple[str, ...], top_k: int = 1) -> None:
        """Set the widths of the columns.

        Args:
            paths: the pictures, one or more. The longest sets the width of the first column, up to 60 characters.
            labels: the labels of the bundle.
            top_k: number of labels to show, the best first, 1 or more. Default 1.
        """
        self._path_width = min(60, max(cells(visible(path)) for path in paths))
        self._label_width = max(cells(visible(label)) for label in (*labels, UNSURE))
        self._top_k = top_k

    def header(self) -> str:
        """Return nothing: the columns explain themselves."""
        return ""

    def line(self, path: str, result: Prediction | PictureError) -> str:
        """Return the picture's line, or its error."""
        if isinstance(result, PictureError):
            return f"error: {path}: {result.reason}"
        time_ms = result.decode_ms + result.preprocess_ms + result.inference_ms
        width = self._label_width
        shown = best(result, self._top_k).items()
        scores = "  ".join(f"{padded(visible(label), width)} {score:6.1%}" for label, score in shown)
        if not result.confident:
            scores = f"{UNSURE:{width}} {result.confidence:6.1%}" if self._top_k == 1 else f"{UNSURE}: {scores}"
        return f"{padded(visible(path), self._path_width)}  {scores}  {time_ms:6.1f} ms"


class JsonFormat:
    """One JSON object a line. docs/reference/output.md explains every key."""

    def __init__(self, top_k: int | None = None) -> None:
        """Choose the scores to write.

        Args:
            top_k: number of scores, the best first, 1 or more. Default all, in the order of the labels.
        """
        self._top_k = top_k

    def header(self) -> str:
        """Return nothing: JSON lines have no header."""
        return ""

    def line(self, path: str, result: Prediction | PictureError) -> str:
        """Return the picture's object."""
        import json

        if isinstance(result, PictureError):
            return json.dumps({"path": path, "error": result.reason})
        values: dict[str, Any] = {"path": path} | result.to_dict()
        if self._top_k:
            values["scores"] = {label: values["scores"][label] for label in best(result, self._top_k)}
        return json.dumps(values)


class CsvFormat:
    """Rows of CSV, quoted as RFC 4180 says. docs/reference/output.md explains every column."""

    def __init__(self, labels: tuple[str, ...], top_k: int | None = None) -> None:
        """Choose the scores to write.

        Args:
            labels: the labels of the bundle. Each has a column.
            top_k: number of scores, the best ones, 1 or more. The other cells stay empty. Default all.
        """
        self._labels = labels
        self._top_k = top_k or len(labels)

    def header(self) -> str:
        """Return the names of the columns."""
        from edge_runtime.csv_row import label_columns

        return _row([*COLUMNS, *label_columns(self._labels, COLUMNS)])

    def line(self, path: str, result: Prediction | PictureError) -> str:
        """Return the picture's row."""
        if isinstance(result, PictureError):
            return _row([path, "", "", "", result.reason, *[""] * (len(TIMES) + len(self._labels))])
        values = result.to_dict()
        shown = best(result, self._top_k)
        scores = [values["scores"][label] if label in shown else "" for label in self._labels]
        confident = str(result.confident).lower()
        times = [values[key] for key in TIMES]
        return _row([path, result.label, values["confidence"], confident, "", *times, *scores])


def best(prediction: Prediction, count: int) -> dict[str, float]:
    """Return the `count` highest scores by label, the best first."""
    ordered = sorted(prediction.scores.items(), key=lambda item: -item[1])
    return dict(ordered[:count])


def _row(values: list[Any]) -> str:
    from edge_runtime.csv_row import csv_row  # here, because text must come fast and does not need it

    return csv_row(values)
