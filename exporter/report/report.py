"""`report.md` of an export, for people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import Manifest, ModelFile, Precision, TensorInfo
from edge_runtime.markdown import SAMPLE_WARNING, Markdown, code, literal, table
from edge_runtime.picture.left_out import LeftOut
from edge_runtime.proof.drift import brier_score, calibration_error
from edge_runtime.proof.gate import GateState, Verdict
from exporter.formats.table import format_named
from exporter.network.confidence import KEPT, temper
from exporter.preparation import FoldingProof
from exporter.report.answers import answer_rows
from exporter.report.files import describe_files
from exporter.report.plots import flips_name
from exporter.report.record import ExportRecord, FileRecord
from exporter.source import Origin

_UNITS = "Expected calibration error is 0-1, Brier score is 0-2. Less is better for both."


def write_report(bundle: Manifest, record: ExportRecord) -> str:
    """Return the report as Markdown; it shows the plots beside it."""
    parts = [
        f"# Export of {literal(bundle.name)}: {record.state}\n",
        SAMPLE_WARNING if record.source.is_sample else "",
        _verdicts(record),
        "## Drift from Keras\n",
        f"The edge runtime ran each file on the {len(record.pictures.test):,} test pictures.\n",
        _drift_table(record),
        "![Differences](differences.png)\n",
        "- Intervals are of 95 %: Wilson's for an accuracy, Tango's for a difference of paired answers.\n"
        "- Agreement: share of the pictures that get the same label as from Keras.\n"
        "- p: exact McNemar test of the flips.\n"
        "- Mean and largest: absolute difference of the scores.\n",
        "### Per class\n",
        _class_table(record),
        _flips(record),
        "## Confidence\n",
        _confidence(record),
        "![Reliability](reliability.png)\n",
        _answers(record),
        "## What the files compute in\n",
        describe_files(record),
        "## Calibration of int8\n",
        _calibration(record),
        _left_out("test", record.source.left_out),
        _left_out("calibration", record.pictures.left_out),
        "## Folding\n",
        _folding(record),
        "## Provenance\n",
        _provenance(bundle, record.source.origin),
    ]
    return "\n".join(part for part in parts if part)


def _verdicts(record: ExportRecord) -> str:
    lines = [f"- {code(file.name)}: **{file.check.verdict.state}**{_reason(file)}\n" for file in record.files]
    lines += [f"- {code(file.name)}: **not written**. {literal(file.reason)}\n" for file in record.missing]
    limit = f"{-100 * record.plan.max_drop:g}"
    text = (
        "The gate compares each file's accuracy with that of the Keras model, by the 95 % interval of the "
        "difference:\n\n"
        f"- passed: the lower end of the interval is at least {limit} points.\n"
        f"- failed: the upper end of the interval is below {limit} points.\n"
        "- inconclusive: neither. More test pictures would decide.\n\n"
        "The files:\n\n"
    )
    return text + "".join(lines)


def _reason(file: FileRecord) -> str:
    text = f", {_share(file.check.drift.difference, file.check.drift.difference_interval, '+')}"
    text += needed(file.check.verdict)
    if file.is_repaired:
        return text + "; repaired, see below"
    return text + ("; some operators have no integer form, see below" if file.kept_float else "")


def needed(verdict: Verdict) -> str:
    """Return how many pictures would decide, or nothing when it is decided."""
    if verdict.state is not GateState.INCONCLUSIVE:
        return ""
    if not verdict.pictures_needed:
        return "; the drop is so near the limit that no practical number of pictures would decide"
    return f"; about {verdict.pictures_needed:,} test pictures would decide"


def _drift_table(record: ExportRecord) -> str:
    header = ("file", "size", "accuracy", "Keras", "difference", "agreement", "right to wrong", "wrong to right")
    return table((*header, "p", "mean", "largest"), map(_drift_row, record.files))


def _drift_row(file: FileRecord) -> tuple[str, ...]:
    drift = file.check.drift
    return (
        code(file.name),
        f"{file.entry.size_bytes / 1e6:.2f} MB",
        _share(drift.accuracy, drift.interval),
        _share(drift.keras_accuracy, drift.keras_interval),
        _share(drift.difference, drift.difference_interval, "+"),
        f"{drift.agreement:.2%}",
        f"{drift.right_to_wrong:,}",
        f"{drift.wrong_to_right:,}",
        f"{drift.mcnemar_p:.3g}",
        f"{drift.mean_difference:.2g}",
        f"{drift.largest_difference:.2g}",
    )


def _class_table(record: ExportRecord) -> str:
    header = ("file", "class", "pictures", "accuracy", "Keras", "difference", "agreement", "flips")
    rows = [
        (
            code(file.name),
            label,
            f"{drift.pictures:,}",
            _share(drift.accuracy, drift.interval),
            f"{drift.keras_accuracy:.2%}",
            _share(drift.difference, drift.difference_interval, "+"),
            f"{drift.agreement:.2%}",
            f"{drift.right_to_wrong} lost, {drift.wrong_to_right} won",
        )
        for file in record.files
        for label, drift in file.check.by_class.items()
    ]
    return table(header, rows)


def _flips(record: ExportRecord) -> str:
    images = [f"![Flips of {literal(file.name)}]({flips_name(file)})\n" for file in record.files if file.failed]
    if not images:
        return ""
    text = "A failed file gives these pictures another label than Keras. Shown is the score of the true label.\n"
    return "\n".join(("### Flipped pictures\n", text, *images))


def _confidence(record: ExportRecord) -> str:
    targets, temperature = record.pictures.targets, record.confidence.temperature
    baseline = record.baseline
    after = {"Keras": baseline.scores} | {code(file.name): file.check.scores for file in record.files}
    if not temperature.fitted:
        plain = [(name, *_figures(scores, targets)) for name, scores in after.items()]
        figures = table(("scores of", "calibration error", "Brier score"), plain)
        return f"No temperature was fitted: {temperature.reason}.\n\n{figures}\n{_UNITS}\n"
    before = {name: temper(scores, 1 / temperature.value) for name, scores in after.items()}
    before["Keras"] = baseline.as_trained
    rows = []
    for name, scores in after.items():
        error, brier = _figures(scores, targets)
        old_error, old_brier = _figures(before[name], targets)
        rows.append((name, old_error, error, old_brier, brier))
    header = ("scores of", "calibration error, before", "after", "Brier score, before", "after")
    return (
        f"The logits are divided by a temperature of {temperature.value:.3f}. It was fitted on "
        f"{temperature.pictures:,} validation pictures and is part of the last layer, so the scores of every "
        f"backend are calibrated. It changes no label.\n\n{table(header, rows)}\n{_UNITS} Before: without the "
        "temperature. It is part of the files, so their scores before are computed back from those after. That is "
        "rough where scores are rounded: to 0 and 1, and in int8 files to 256 steps.\n"
    )


def _figures(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> tuple[str, str]:
    return f"{calibration_error(scores, targets):.4f}", f"{brier_score(scores, targets):.4f}"


def _answers(record: ExportRecord) -> str:
    threshold = record.confidence.threshold
    if not threshold:
        return "No confidence threshold was set, so no answer is unsure.\n"
    header = ("file", "class", "pictures", "label right", "right and sure", "right or unsure", "wrong and sure")
    return (
        f"### Unsure below {threshold:.3f}\n\n"
        f"An answer of less confidence is unsure. On the validation split, {KEPT:.0%} of the right answers reach "
        f"this confidence threshold. On the test pictures:\n\n{table(header, answer_rows(record))}"
    )


def _calibration(record: ExportRecord) -> str:
    text = (
        f"{len(record.pictures.calibration):,} pictures of {_origin(record)} set the integer ranges. "
        f"They were drawn with seed {record.plan.seed}; calibration.json lists their hashes. "
        f"{record.pictures.note or 'None of them is a test picture or nearly one.'}\n\n"
    )
    if not record.stability:
        return text + "No int8 file was quantised a second time with other pictures.\n"
    rows = [
        (
            code(name),
            f"{found.pictures:,}",
            f"{found.agreement:.2%}",
            f"{found.mean_difference:.2g}",
            f"{found.largest_difference:.2g}",
        )
        for name, found in record.stability.items()
    ]
    header = ("file", "test pictures", "agreement", "mean", "largest")
    return text + "Each file compared with one quantised with as many other pictures:\n\n" + table(header, rows)


def _left_out(what: str, left_out: tuple[LeftOut, ...]) -> str:
    """List all that is not used of a folder of pictures."""
    if not left_out:
        return ""
    lines = [f"Left out of the folder of {what} pictures: {len(left_out):,} files and folders.\n"]
    lines += [f"- {code(item.path)}: {literal(item.reason)}" for item in left_out]
    return "\n".join(lines) + "\n"


def _origin(record: ExportRecord) -> str:
    folder = record.plan.calibration
    return code(str(folder)) if folder else "the training split"


def _folding(record: ExportRecord) -> str:
    proof = record.folding
    left = "".join(f"- Not folded: {literal(name)}, {literal(reason)}.\n" for name, reason in proof.left)
    left += "".join(f"- Left out: {what}, because {literal(reason)}.\n" for what, reason in proof.skipped)
    left += "".join(f"- Left out: {literal(reason)}.\n" for reason in record.not_rounded)
    left += "".join(
        f"- Silent: {literal(name)} gives one and the same number for all calibration pictures.\n"
        for name in proof.silent
    )
    folded = ", ".join(map(literal, proof.folded)) or "nothing"
    evened = "The channels were evened out too. Together this" if proof.evened else "This"
    return (
        f"Folded into the weights before conversion: {folded}. {evened} "
        f"changed no score of {proof.pictures:,} pictures of {_origin(record)} by "
        f"more than {proof.difference:.2g}.{_exactly(proof)}\n" + (f"\n{left}" if left else "")
    )


def _exactly(proof: FoldingProof) -> str:
    """Return what the proof needed besides, where a network rounds more than a shallow one."""
    if proof.rounding is None:
        return ""
    exact = "" if proof.exact is None else f" In float64 no score changes by more than {proof.exact:.2g}."
    return f"{exact} The network's own rounding in float32 is {proof.rounding:.2g}."


def _provenance(bundle: Manifest, origin: Origin) -> str:
    training = bundle.training
    versions = ", ".join(f"{name} {number}" for name, number in training["export_versions"].items())
    name, architecture, seed = (literal(str(training[key])) for key in ("name", "architecture", "seed"))
    run = f"Run {name}, architecture {architecture}, seed {seed}"
    model = {Origin.RUN: run, Origin.KERAS: f"Keras model {name}"}[origin]
    files = table(
        ("file", "SHA-256", "input", "output"),
        [
            (code(file.path), code(file.sha256[:16]), _tensor(file.input, file), _tensor(file.output, file))
            for file in bundle.files
        ],
    )
    return (
        f"{model}, data {literal(training['data_sha256'][:16])}. Exported with {versions}.\n\n"
        "All model files are the same bytes at each export with the same inputs, seed and package versions on the "
        f"same machine.\n\n{files}"
    )


def _tensor(info: TensorInfo, file: ModelFile) -> Markdown:
    if info.scale:
        quantised = f", scale {info.scale:.6g}, zero point {info.zero_point}"
    else:
        integer = file.precision in (Precision.INT8, Precision.MIXED)
        quantised = ", scale inside the file" if integer and format_named(file.format).scales_inside else ""
    return Markdown(f"{literal(info.name)} {literal(info.dtype)} {list(info.shape)}{quantised}")


def _share(value: float, interval: tuple[float, float], sign: str = "") -> str:
    low, high = interval
    return f"{value:{sign}.2%} [{low:{sign}.2%}, {high:{sign}.2%}]"
