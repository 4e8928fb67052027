"""The part of the report about the files: what each computes in, what a repair cost, which layers int8 spoils."""

from __future__ import annotations

import math

from edge_runtime.markdown import code, literal, table
from exporter.report.record import ExportRecord, FileRecord


def describe_files(record: ExportRecord) -> str:
    """Return the section as Markdown."""
    integer = [file for file in record.files if file.is_quantised]
    parts = (
        _precision_table(record),
        "".join(map(_float_operators, integer)),
        "".join(map(_operators, integer)),
        _layer_errors(record),
    )
    return "\n".join(part for part in parts if part)


def _precision_table(record: ExportRecord) -> str:
    rows = [
        (
            code(file.name),
            f"{file.entry.input.dtype}, {file.entry.output.dtype}",
            _counts(file.converted.graph.tensors),
            ", ".join(f"{size:,} {name}" for name, size in file.converted.graph.weight_bytes.items()),
            f"{len(file.converted.graph.float_operators())} of {len(file.converted.graph.operators)}",
            file.entry.oldest_runtime or "not known",
        )
        for file in record.files
    ]
    header = ("file", "input, output", "tensors", "weight bytes", "operators in float", "oldest backend")
    return table(header, rows)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _float_operators(file: FileRecord) -> str:
    """Return which operators of an int8 or mixed file compute in float."""
    operators = file.converted.graph.float_operators()
    named = ", ".join(f"{literal(operator.kind)} ({code(operator.name)})" for operator in operators)
    return f"- In float in {code(file.name)}: {named or 'nothing'}.\n"


def _operators(file: FileRecord) -> str:
    rows = [
        (row["operator"], row["inputs"], row["outputs"], str(row["count"]))
        for row in file.converted.graph.to_dict()["operators"]
    ]
    return (
        f"### Operators of {code(file.name)}\n\n" + table(("operator", "in", "out", "count"), rows) + _repair(file)
    )


def _repair(file: FileRecord) -> str:
    before = file.repaired_from
    if before is None:
        return "\n"
    kept = "".join(f"- {code(name)}\n" for name in file.kept_float)
    return (
        f"\nThe gate failed {code(before.name)} at a difference of {before.check.drift.difference:+.2%}. The "
        f"repaired file keeps these operators in float:\n\n{kept}\n"
        f"Size {file.entry.size_bytes / before.entry.size_bytes:.2f} times that of the failed file. "
        f"Time {file.time_ratio:.2f} times.\n\n"
    )


def _layer_errors(record: ExportRecord) -> str:
    parts = []
    for name, errors in record.layer_errors.items():
        rows = [(code(error.name), error.kind, _decibels(error.signal_to_noise_db)) for error in errors]
        title = f"### Layers of the failed {code(name)}, worst first\n\n"
        parts.append(title + table(("layer", "kind", "signal to noise"), rows))
    return "\n".join(parts)


def _decibels(ratio: float) -> str:
    return "no error" if math.isinf(ratio) else f"{ratio:.1f} dB"
