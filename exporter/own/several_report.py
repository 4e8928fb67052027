"""`report.md` of a model whose pictures may show several labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_runtime.markdown import code, literal, table
from exporter.own.several import label_rows

if TYPE_CHECKING:
    from exporter.own.several_export import SeveralOutcome


def write_several_report(outcome: SeveralOutcome) -> str:
    """Return the report as Markdown."""
    parts = [
        f"# Export of {literal(outcome.model.path.stem)}: {outcome.state}\n",
        "A picture may show several labels or none. A label is shown if its score reaches its threshold. "
        f"The edge runtime ran each file on {len(outcome.model.test.truth):,} test pictures.\n",
        _warning(outcome),
        "## All labels of a picture right\n",
        _files(outcome),
        "Intervals are of 95 %, by Wilson's method; that of the difference by Tango's, for paired answers.\n",
        "## Each label\n",
        _thresholds(outcome),
        *(f"{code(file.entry.path)}:\n\n{_labels(outcome, row)}" for row, file in enumerate(outcome.files)),
        "".join(f"- {literal(note)}\n" for note in outcome.model.notes),
    ]
    return "\n".join(part for part in parts if part)


def _warning(outcome: SeveralOutcome) -> str:
    if not outcome.is_guessing:
        return ""
    return (
        f"> The model is no better than guessing: {outcome.whole.accuracy:.2%} of the pictures are wholly right, "
        "and "
        f"without looking {outcome.guess:.2%}.\n"
    )


def _files(outcome: SeveralOutcome) -> str:
    rows = []
    for file in outcome.files:
        drift = file.entry.drift
        low, high = drift["interval"]
        compared = "difference" in drift
        spread = drift["difference_interval"] if compared else (0, 0)
        rows.append(
            (
                code(file.entry.path),
                f"{drift['accuracy']:.2%} [{low:.2%}, {high:.2%}]",
                f"{drift['keras_accuracy']:.2%}" if compared else "none",
                f"{drift['difference']:+.2%} [{spread[0]:+.2%}, {spread[1]:+.2%}]" if compared else "none",
                str(file.state),
            )
        )
    return table(("file", "all labels right", "Keras", "difference", "gate"), rows)


def _thresholds(outcome: SeveralOutcome) -> str:
    if outcome.model.validation is None:
        return "No --validation was given, so each threshold is 0.5.\n"
    count = len(outcome.model.validation.truth)
    return f"The thresholds have the best F1 on {count:,} validation pictures.\n"


def _labels(outcome: SeveralOutcome, row: int) -> str:
    scores = outcome.files[row].scores
    rows = label_rows(scores, outcome.model.test.truth, outcome.thresholds, outcome.model.labels)
    return table(("label", "threshold", "pictures that show it", "accuracy", "precision", "recall"), rows)
