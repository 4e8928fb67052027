"""`report.md` and `report.html` of an export, for people."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import ONNX, Manifest, ModelFile, Precision, TensorInfo
from edge_runtime.markdown import SAMPLE_WARNING, table
from edge_runtime.proof.drift import brier_score, calibration_error
from edge_runtime.proof.gate import GateState, Verdict
from exporter.network.confidence import temper
from exporter.report.answers import KEPT, answer_rows
from exporter.report.plots import flips_name
from exporter.report.record import ExportRecord, FileRecord

_UNITS = "Expected calibration error 0-1, Brier score 0-2; less is better."
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1c1c; background: #fff; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 0.9rem; }
th, td { border: 1px solid #ccc; padding: 0.25rem 0.6rem; text-align: left; white-space: nowrap; }
code { font-size: 0.9em; } img { max-width: 100%; background: #fff; }
blockquote { border-left: 4px solid #b7791f; margin: 0; padding-left: 1rem; }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #16181c; } th, td { border-color: #444; } }
"""


def write_report(bundle: Manifest, record: ExportRecord) -> str:
    """Return the report as Markdown; it shows the plots beside it."""
    parts = [
        f"# Export of {bundle.name}: {record.state}\n",
        SAMPLE_WARNING if record.source.run["data"] == "sample" else "",
        _verdicts(record),
        "## Drift from Keras\n",
        f"Each file run by the edge runtime itself on the {len(record.test[1]):,} test pictures.\n",
        _drift_table(record),
        "![Differences](differences.png)\n",
        "Intervals of 95 %: of an accuracy by Wilson, of the difference by Tango for paired answers. "
        "Agreement: same label as Keras. p: exact McNemar test of the flips. Mean and largest: absolute difference "
        "of the scores.\n",
        "### Per class\n",
        _class_table(record),
        _flips(record),
        "## Confidence\n",
        _confidence(record),
        "![Reliability](reliability.png)\n",
        _answers(record),
        "## What the files compute in\n",
        _precision_table(record),
        _float_operators(record),
        "".join(_operators(file) for file in record.files if file.is_int8 or file.kept_float),
        _layer_errors(record),
        "## Calibration of int8\n",
        _calibration(record),
        "## Folding\n",
        f"Folded into the weights before conversion: {', '.join(record.folded) or 'nothing'}. With channels evened "
        f"out, that changed no score of {record.folding_pictures:,} pictures of {_origin(record)} by more than "
        f"{record.folding_difference:.2g}.\n",
        "".join(f"- Not folded: {name}, {reason}.\n" for name, reason in record.not_folded),
        "## Provenance\n",
        _provenance(bundle),
    ]
    return "\n".join(part for part in parts if part)


def write_html(markdown_text: str, folder: Path) -> str:
    """Return the report as one page that needs nothing beside it.

    Args:
        markdown_text: what `write_report` returned.
        folder: where its pictures are.
    """
    import markdown

    body = markdown.markdown(markdown_text, extensions=["tables"])

    def embedded(found: re.Match[str]) -> str:
        content = base64.b64encode((folder / found[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{content}"'

    body = re.sub(r'src="([\w.-]+\.png)"', embedded, body)
    title = markdown_text.splitlines()[0].removeprefix("# ")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n{body}\n</html>\n"
    )


def _verdicts(record: ExportRecord) -> str:
    lines = [f"- `{file.name}`: **{file.check.verdict.state}**{_reason(file)}\n" for file in record.files]
    text = (
        f"The gate passes a file when its accuracy is surely, by the bad end of the 95 % interval, no more than "
        f"{record.max_drop:.1%} below that of the Keras model.\n\n"
    )
    return text + "".join(lines)


def _reason(file: FileRecord) -> str:
    low, high = file.check.drift.difference_interval
    text = f", {file.check.drift.difference:+.2%} [{low:+.2%}, {high:+.2%}]"
    return text + needed(file.check.verdict) + ("; repaired, see below" if file.kept_float else "")


def needed(verdict: Verdict) -> str:
    """Return how many pictures would decide, or nothing when it is decided."""
    if verdict.state is not GateState.INCONCLUSIVE:
        return ""
    if not verdict.pictures_needed:
        return "; the drop is so near the limit that no number of pictures in reach would decide"
    return f"; about {verdict.pictures_needed:,} test pictures would decide"


def _drift_table(record: ExportRecord) -> str:
    header = ("file", "size", "accuracy", "Keras", "difference", "agreement", "right to wrong", "wrong to right")
    return table((*header, "p", "mean", "largest"), map(_drift_row, record.files))


def _drift_row(file: FileRecord) -> tuple[str, ...]:
    drift = file.check.drift
    return (
        f"`{file.name}`",
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
            f"`{file.name}`",
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
    images = [f"![Flips of {file.name}]({flips_name(file)})\n" for file in record.files if file.failed]
    if not images:
        return ""
    text = "Pictures to which a failed file gives another label than Keras, with the score of the true label.\n"
    return "\n".join(("### Flipped pictures\n", text, *images))


def _confidence(record: ExportRecord) -> str:
    targets, temperature = record.test[1], record.temperature
    after = {"Keras": record.baseline} | {f"`{file.name}`": file.check.scores for file in record.files}
    if not temperature.pictures:
        plain = [(name, *_figures(scores, targets)) for name, scores in after.items()]
        figures = table(("scores of", "calibration error", "Brier score"), plain)
        return f"No temperature was fitted: {temperature.reason}.\n\n{figures}\n{_UNITS}\n"
    before = {name: temper(scores, 1 / temperature.value) for name, scores in after.items()}
    before["Keras"] = record.untempered
    rows = []
    for name, scores in after.items():
        error, brier = _figures(scores, targets)
        old_error, old_brier = _figures(before[name], targets)
        rows.append((name, old_error, error, old_brier, brier))
    header = ("scores of", "calibration error, before", "after", "Brier score, before", "after")
    return (
        f"The logits are divided by {temperature.value:.3f}, fitted on {temperature.pictures:,} validation "
        "pictures and folded into the last layer, so that every runtime gives calibrated scores. It changes no "
        f"label.\n\n{table(header, rows)}\n{_UNITS} Before: as trained, without the temperature. It is in the "
        "files, so it is taken out of their scores again, which is rough where scores are rounded: to 0 and 1, and "
        "in int8 files to 256 steps.\n"
    )


def _figures(scores: NDArray[np.float64], targets: NDArray[np.intp]) -> tuple[str, str]:
    return f"{calibration_error(scores, targets):.4f}", f"{brier_score(scores, targets):.4f}"


def _answers(record: ExportRecord) -> str:
    if not record.threshold:
        return "No confidence threshold was set, so no answer is unsure.\n"
    header = ("file", "class", "pictures", "label right", "right and sure", "right or unsure", "wrong and sure")
    return (
        f"### Unsure below {record.threshold:.3f}\n\n"
        f"Chosen on the validation split so that {KEPT:.0%} of the right answers stay. On the test pictures:\n\n"
        f"{table(header, answer_rows(record))}"
    )


def _precision_table(record: ExportRecord) -> str:
    rows = [
        (
            f"`{file.name}`",
            f"{file.entry.input.dtype}, {file.entry.output.dtype}",
            _counts(file.converted.graph.tensors),
            ", ".join(f"{size:,} {name}" for name, size in file.converted.graph.weight_bytes.items()),
            f"{len(file.converted.graph.float_operators())} of {len(file.converted.graph.operators)}",
            file.entry.oldest_runtime or "not known",
        )
        for file in record.files
    ]
    header = ("file", "input, output", "tensors", "weight bytes", "operators in float", "oldest runtime")
    return table(header, rows)


def _float_operators(record: ExportRecord) -> str:
    """Return which operators of the int8 and mixed files compute in float."""
    lines = []
    for file in record.files:
        if not (file.is_int8 or file.kept_float):
            continue
        operators = file.converted.graph.float_operators()
        named = ", ".join(f"{operator.kind} (`{operator.name}`)" for operator in operators)
        lines.append(f"- In float in `{file.name}`: {named or 'nothing'}.\n")
    return "".join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _operators(file: FileRecord) -> str:
    rows = [
        (row["operator"], row["inputs"], row["outputs"], str(row["count"]))
        for row in file.converted.graph.to_dict()["operators"]
    ]
    return f"### Operators of `{file.name}`\n\n" + table(("operator", "in", "out", "count"), rows) + _repair(file)


def _repair(file: FileRecord) -> str:
    if file.repaired_from is None:
        return "\n"
    before = file.repaired_from
    growth = file.entry.size_bytes / before.entry.size_bytes
    kept = "".join(f"- `{name}`\n" for name in file.kept_float)
    return (
        f"\nRepaired from `{before.name}`, which the gate failed at {before.check.drift.difference:+.2%}, by "
        f"keeping these in float:\n\n{kept}\nSize {growth:.2f} times that of the int8 file.{_time(file)}\n\n"
    )


def _time(file: FileRecord) -> str:
    return f" Time {file.time_ratio:.2f} times." if file.time_ratio else ""


def _layer_errors(record: ExportRecord) -> str:
    parts = []
    for name, errors in record.layer_errors.items():
        rows = [(f"`{error.name}`", error.kind, f"{error.signal_to_noise_db:.1f} dB") for error in errors]
        parts.append(
            f"### Layers of the failed `{name}`, worst first\n\n"
            + table(("layer", "kind", "signal to noise"), rows)
        )
    return "\n".join(parts)


def _calibration(record: ExportRecord) -> str:
    text = (
        f"Ranges come from {len(record.calibration):,} pictures of {_origin(record)}, drawn with seed "
        f"{record.seed}, listed in calibration.json by content. None of them is a test picture, or nearly one.\n\n"
    )
    if not record.stability:
        return text + "Too few pictures for a second draw, so its stability was not measured.\n"
    rows = [
        (
            f"`{name}`",
            f"{found.pictures:,}",
            f"{found.agreement:.2%}",
            f"{found.mean_difference:.2g}",
            f"{found.largest_difference:.2g}",
        )
        for name, found in record.stability.items()
    ]
    header = ("file", "test pictures", "agreement", "mean", "largest")
    return text + "Against a file quantised with as many other pictures:\n\n" + table(header, rows)


def _origin(record: ExportRecord) -> str:
    return str(record.calibration_folder or "the training split")


def _provenance(bundle: Manifest) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in bundle.training["export_versions"].items())
    files = table(
        ("file", "SHA-256", "input", "output"),
        [
            (f"`{file.path}`", f"`{file.sha256[:16]}`", _tensor(file.input, file), _tensor(file.output, file))
            for file in bundle.files
        ],
    )
    return (
        f"Run {bundle.training['name']}, architecture {bundle.training['architecture']}, seed "
        f"{bundle.training['seed']}, data {bundle.training['data_sha256'][:16]}. Exported with "
        f"{versions}.\n\n"
        "All model files are the same bytes at each export with the same inputs, seed and package versions on the "
        f"same machine.\n\n{files}"
    )


def _tensor(info: TensorInfo, file: ModelFile) -> str:
    if info.scale:
        quantised = f", scale {info.scale:.6g}, zero point {info.zero_point}"
    else:
        inside = file.format == ONNX and file.precision in (Precision.INT8, Precision.MIXED)
        quantised = ", scale inside the file" if inside else ""
    return f"{info.name} {info.dtype} {list(info.shape)}{quantised}"


def _share(value: float, interval: tuple[float, float], sign: str = "") -> str:
    low, high = interval
    return f"{value:{sign}.2%} [{low:{sign}.2%}, {high:{sign}.2%}]"
