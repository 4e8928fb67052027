"""`MODEL_CARD.md` of a bundle: what the model is for, how good it is, and its limits."""

from __future__ import annotations

from edge_runtime.bundle import Manifest, Precision
from edge_runtime.bundle.labels import NEITHER
from edge_runtime.markdown import SAMPLE_WARNING, code, literal, table
from exporter.report.record import ExportRecord


def write_model_card(bundle: Manifest, record: ExportRecord) -> str:
    """Return the card as Markdown. Source: M. Mitchell et al., "Model Cards for Model Reporting", 2019."""
    int8 = [file for file in record.files if file.entry.precision is Precision.INT8]
    best = min(int8 or record.files, key=lambda file: file.entry.size_bytes)
    drift = best.check.drift
    low, high = drift.interval
    sides = {side: len(found) for side, found in record.source.sides.items()}
    classes = table(
        ("class", "pictures", "accuracy"),
        [
            (
                literal(label),
                f"{found.pictures:,}",
                f"{found.accuracy:.2%} [{found.interval[0]:.2%}, {found.interval[1]:.2%}]",
            )
            for label, found in best.check.by_class.items()
        ],
    )
    parts = [
        f"# Model card: {literal(bundle.name)}\n",
        SAMPLE_WARNING if record.source.is_sample else "",
        "## What it does\n",
        f"Says which of {len(bundle.labels)} labels a picture shows: {', '.join(map(literal, bundle.labels))}. "
        f"{_anything_else(bundle)}\n",
        "## Data\n",
        f"{sides['train']:,} training, {sides['validation']:,} validation and {sides['test']:,} test pictures. No "
        f"picture has a copy or near-copy on another side. Hash of all: "
        f"{literal(bundle.training['data_sha256'])}.\n",
        "## Figures\n",
        f"{code(best.name)} on the test pictures: accuracy {drift.accuracy:.2%} [{low:.2%}, {high:.2%}], expected "
        f"calibration error {drift.calibration_error:.3f}. The drift gate says: {record.state}. "
        "More in report.md.\n",
        classes,
        "## Limits\n",
        "- It was measured on pictures like those it was trained on. With another camera, light or framing it may "
        "do worse.\n"
        "- Not for decisions about people, safety or money.\n",
        "## How to run\n",
        "In this folder:\n\n    catdog-edge classify --bundle . PICTURE\n",
    ]
    return "\n".join(part for part in parts if part)


def _anything_else(bundle: Manifest) -> str:
    unsure = f"An answer of less than {bundle.confidence_threshold:.3f} confidence is `unsure`."
    other = (
        f"`{NEITHER}` was learnt from some kinds of pictures and tested on others. report.md says how well it does."
        if NEITHER in bundle.labels
        else "It knows nothing else: any other picture gets one of these labels too, often with confidence."
    )
    return f"{other} {unsure}" if bundle.confidence_threshold else other
