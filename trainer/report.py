"""`report.md` of a run: what was trained on what, and how well it does."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from edge_runtime.markdown import SAMPLE_WARNING, table
from trainer.checkpoint import FitState
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset, Side
from trainer.evaluation import Evaluation


def write_report(name: str, config: TrainConfig, dataset: Dataset, state: FitState, evaluation: Evaluation) -> str:
    """Return the report as Markdown; it shows the plots beside it."""
    low, high = evaluation.accuracy_interval
    parts = [
        f"# Run {name}\n",
        SAMPLE_WARNING if config.data == "sample" else "",
        f"**Test accuracy {evaluation.accuracy:.2%}** (95 % interval {low:.2%} to {high:.2%}, "
        f"{evaluation.pictures:,} pictures never used in training), epoch {state.kept + 1} of "
        f"{len(state.history)}, {'that of the lowest validation loss' if state.keep_best else 'the last'}.\n",
        "## Per class\n",
        _class_table(evaluation),
        "## Confusion matrix\n",
        _confusion_table(evaluation, dataset.labels),
        "![Confusion matrix](confusion.png)\n",
        "## Learning curves\n",
        _epoch_table(state),
        "![Learning curves](learning_curves.png)\n",
        "## Most confidently wrong\n",
        "![Mistakes](mistakes.png)\n",
        "## Data\n",
        _data_table(dataset),
        _left_out_list(dataset),
        _suspect_list(dataset, state),
        _kinds(dataset),
        "## Options\n",
        "\n".join(f"- {key}: {value}" for key, value in config.to_dict().items()) + "\n",
    ]
    return "\n".join(part for part in parts if part)


def _class_table(evaluation: Evaluation) -> str:
    rows = [
        (name, *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1-score")), f"{row['support']:,.0f}")
        for name, row in evaluation.per_class.items()
    ]
    return table(("class", "precision", "recall", "F1", "support"), rows)


def _confusion_table(evaluation: Evaluation, labels: tuple[str, ...]) -> str:
    rows = [
        (f"true {label}", *(f"{count:,}" for count in counts))
        for label, counts in zip(labels, evaluation.confusion, strict=True)
    ]
    return table(("", *(f"predicted {label}" for label in labels)), rows)


def _epoch_table(state: FitState) -> str:
    rows = [
        (
            str(number),
            f"{epoch.loss:.4f}",
            f"{epoch.accuracy:.2%}",
            f"{epoch.validation_loss:.4f}",
            f"{epoch.validation_accuracy:.2%}",
            f"{epoch.seconds:.1f}",
            f"{epoch.waiting_share:.2%}",
        )
        for number, epoch in enumerate(state.history, 1)
    ]
    header = ("epoch", "loss", "accuracy", "validation loss", "validation accuracy", "seconds", "waiting")
    seconds = median(epoch.seconds for epoch in state.history)
    return table(header, rows) + f"\nMedian {seconds:.1f} s an epoch; waiting is the share spent on input.\n"


def _data_table(dataset: Dataset) -> str:
    rows = []
    for side in Side:
        pictures = dataset.sides[side]
        counts = [sum(picture.label == index for picture in pictures) for index in range(len(dataset.labels))]
        rows.append((side.value, *(f"{count:,}" for count in (*counts, len(pictures)))))
    return f"`{dataset.folder}`\n\n" + table(("side", *dataset.labels, "all"), rows)


def _left_out_list(dataset: Dataset) -> str:
    """List the files left out, except those that only undersampling left over, which are counted."""
    named = [(path, reason) for path, reason in dataset.left_out if not reason.startswith("over the number")]
    surplus = len(dataset.left_out) - len(named)
    lines = [f"Left out: {len(named):,} files, and {surplus:,} over the number of pictures per class.\n"]
    lines += [f"- `{path}`: {reason}" for path, reason in named[:100]]
    if len(named) > 100:
        lines.append(f"- and {len(named) - 100:,} more in splits.json")
    return "\n".join(lines) + "\n"


def _suspect_list(dataset: Dataset, state: FitState) -> str:
    """List the training pictures that the network itself held to be wrongly labelled."""
    suspects = [picture for picture in dataset.sides[Side.TRAIN] if picture.row in set(state.suspects)]
    if not suspects:
        return ""
    lines = [f"Not trained on any more once the network doubted their label: {len(suspects):,} pictures.\n"]
    lines += [f"- `{picture.path}`, filed as {dataset.labels[picture.label]}" for picture in suspects]
    return "\n".join(lines) + "\n"


def _kinds(dataset: Dataset) -> str:
    """Name the kinds of negatives that were kept for validation and test."""
    if not dataset.has_negatives:
        return ""
    last = len(dataset.labels) - 1
    return "".join(
        f"Kinds of `{dataset.labels[last]}` only in {side}: "
        f"{', '.join(sorted({Path(p.path).parent.name for p in dataset.sides[side] if p.label == last}))}.\n\n"
        for side in (Side.VALIDATION, Side.TEST)
    )
