"""`report.md` of a run: what was trained, on which pictures, and how good it is."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from edge_runtime.markdown import SAMPLE_WARNING, bold, code, literal, table
from edge_runtime.picture.left_out import Cause
from edge_runtime.run_folder import Side
from trainer.checkpoint import FitState
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset
from trainer.evaluation import Evaluation
from trainer.largest_class import no_better_than_one_answer

_PAIRS = 20  # pairs of near copies that are named
_LISTED = 100  # files left out that are named, the others are counted


def write_report(name: str, config: TrainConfig, dataset: Dataset, state: FitState, evaluation: Evaluation) -> str:
    """Return the report as Markdown. It shows the plots that lie beside it."""
    low, high = evaluation.accuracy_interval
    parts = [
        f"# Run {literal(name)}\n",
        SAMPLE_WARNING if config.is_sample else "",
        f"**Test accuracy {evaluation.accuracy:.2%}** (95 % interval {low:.2%} to {high:.2%}), measured on "
        f"{evaluation.pictures:,} pictures that training never used.\n",
        _warnings(evaluation, state),
        f"The network is that of epoch {state.kept + 1} of {len(state.history)}, the "
        f"{'epoch with the lowest validation loss' if state.keep_best else 'last epoch'}.\n",
        "## Per class\n",
        _class_table(evaluation),
        "## Confusion matrix\n",
        _confusion_table(evaluation, dataset.labels),
        "![Confusion matrix](confusion.png)\n",
        "## Learning curves\n",
        _epoch_table(state),
        "![Learning curves](learning_curves.png)\n",
        "## The surest mistakes\n",
        "![Mistakes](mistakes.png)\n",
        "## Data\n",
        _data_table(dataset),
        _split_notes(dataset),
        _left_out_list(dataset),
        _suspect_list(dataset, state),
        _kinds(dataset),
        "## Options\n",
        "\n".join(f"- {key}: {literal(str(value))}" for key, value in config.to_dict().items()) + "\n",
    ]
    return "\n".join(part for part in parts if part)


def _warnings(evaluation: Evaluation, state: FitState) -> str:
    """Say what went wrong in the training, if anything did."""
    found = (state.diverged, no_better_than_one_answer(evaluation))
    return "\n".join(f"> {bold(text)}\n" for text in found if text)


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
    return table(header, rows) + (
        f"\nMedian time of an epoch: {seconds:.1f} s. Waiting is the share of it spent waiting for pictures.\n"
    )


def _data_table(dataset: Dataset) -> str:
    rows = []
    for side in Side:
        pictures = dataset.sides[side]
        counts = [sum(picture.label == index for picture in pictures) for index in range(len(dataset.labels))]
        rows.append((side.value, *(f"{count:,}" for count in (*counts, len(pictures)))))
    return f"{code(str(dataset.folder))}\n\n" + table(("side", *dataset.labels, "all"), rows)


def _left_out_list(dataset: Dataset) -> str:
    """List what was left out for a fault. Litter, and pictures over the number per class, are only counted."""
    named = dataset.faulty
    surplus = sum(file.cause is Cause.SURPLUS for file in dataset.left_out)
    litter = len(dataset.left_out) - len(named) - surplus
    lines = [
        f"Left out: {len(named):,} files, and {surplus:,} more over the number of pictures per class. {litter:,} "
        "hidden files and files of systems and programs do not count.\n"
    ]
    lines += [f"- {code(file.path)}: {literal(file.reason)}" for file in named[:_LISTED]]
    if len(named) > _LISTED:
        lines.append(f"- and {len(named) - _LISTED:,} more, see splits.json")
    return "\n".join(lines) + "\n"


def _split_notes(dataset: Dataset) -> str:
    """Tell what is odd about the split, and name the near copies that should not be."""
    lines = [f"{literal(sentence)}\n" for sentence in (*dataset.notes, *dataset.alike.sentences())]
    for title, pairs in (
        ("Near copies under two classes", dataset.alike.two_classes),
        ("Near copies on two sides", dataset.alike.two_sides),
    ):
        if pairs.count:
            lines.append(f"{title}, {pairs.count:,} in all, see splits.json:\n")
            lines += [f"- {code(one)} and {code(two)}" for one, two in pairs.first[:_PAIRS]]
            lines.append("")
    return "\n".join(lines)


def _suspect_list(dataset: Dataset, state: FitState) -> str:
    """List the training pictures that were left out because the network doubted their label."""
    suspects = [picture for picture in dataset.sides[Side.TRAIN] if picture.row in set(state.suspects)]
    if not suspects:
        return ""
    lines = [
        f"Left out during the training, because the network doubted their label: {len(suspects):,} pictures.\n"
    ]
    lines += [f"- {code(picture.path)}, labelled {literal(dataset.labels[picture.label])}" for picture in suspects]
    return "\n".join(lines) + "\n"


def _kinds(dataset: Dataset) -> str:
    """Name the kinds of negatives that training has not seen."""
    neither = dataset.neither
    if neither is None:
        return ""
    return "".join(
        f"Kinds of {code(dataset.labels[neither])} that are only in {side}: "
        f"{', '.join(map(literal, _kinds_on(dataset, side)))}.\n\n"
        for side in (Side.VALIDATION, Side.TEST)
    )


def _kinds_on(dataset: Dataset, side: Side) -> list[str]:
    """Return the kinds of negatives on a side: the names of their folders."""
    return sorted({Path(p.path).parent.name for p in dataset.sides[side] if p.label == dataset.neither})
