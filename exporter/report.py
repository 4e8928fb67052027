"""`report.md` of a bundle: how far each file is from the Keras model, for people."""

from __future__ import annotations

from edge_runtime.bundle import Bundle, ModelFile
from exporter.folding import Folding

SAMPLE_WARNING = (
    "> Trained and checked on the generated sample set: drawings made by catdog itself. "
    "No figure here says anything about accuracy on photographs.\n"
)
_HEADER = (
    "file",
    "size",
    "accuracy",
    "Keras",
    "agreement",
    "right to wrong",
    "wrong to right",
    "p",
    "mean",
    "largest",
)


def write_report(bundle: Bundle, folding: Folding, calibration_count: int) -> str:
    """Return the report as Markdown."""
    pictures = bundle.files[0].drift["pictures"]
    lines = [_HEADER, ("---",) + ("---:",) * (len(_HEADER) - 1), *map(_row, bundle.files)]
    parts = [
        f"# Bundle {bundle.name}\n",
        SAMPLE_WARNING if bundle.training["data"] == "sample" else "",
        f"Each file run by the edge runtime on the {pictures:,} test pictures, against the Keras model:\n",
        "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n",
        "Accuracy with its 95 % interval (Wilson). Agreement: same label as Keras. p: exact McNemar test of the "
        "flips. Mean and largest: absolute difference of the scores.\n",
        f"int8 ranges come from {calibration_count:,} pictures of the training split, listed in "
        "calibration.json by hash; none of them is a test picture.\n",
        f"Folded into the weights before conversion: {', '.join(folding.folded) or 'nothing'}.\n",
        "".join(f"Not folded: {name}, {reason}.\n" for name, reason in folding.left),
    ]
    return "\n".join(part for part in parts if part)


def _row(file: ModelFile) -> tuple[str, ...]:
    drift = file.drift
    return (
        f"`{file.path}`",
        f"{file.size_bytes / 1e6:.2f} MB",
        _share(drift["accuracy"], drift["interval"]),
        _share(drift["keras_accuracy"], drift["keras_interval"]),
        f"{drift['agreement']:.2%}",
        f"{drift['right_to_wrong']:,}",
        f"{drift['wrong_to_right']:,}",
        f"{drift['mcnemar_p']:.3g}",
        f"{drift['mean_difference']:.2g}",
        f"{drift['largest_difference']:.2g}",
    )


def _share(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.2%} [{interval[0]:.2%}, {interval[1]:.2%}]"
