"""`report.md` of a finished file of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.bundle import Manifest
from edge_runtime.markdown import code, literal, table
from edge_runtime.proof.gate import GateState
from exporter.guessing import warning_lines
from exporter.own.finished import tensor_text
from exporter.own.judgement import Figures

if TYPE_CHECKING:
    from exporter.own.export import OwnRecord

_MOST_CONFUSED = 20  # labels, above which a table of confusions is too wide


def write_own_report(bundle: Manifest, record: OwnRecord) -> str:
    """Return the report as Markdown."""
    state = record.judgement.state
    parts = [
        f"# {literal(bundle.name)}: {state}\n",
        "The file was made by others. It was not converted. The edge runtime ran it on "
        f"{len(record.targets):,} test pictures and compared its answers with their true labels.\n",
        _verdict(record),
        "## Accuracy\n",
        _accuracy(record),
        _confusions(record),
        "## The file\n",
        _file(record),
        "## Provenance\n",
        _provenance(bundle),
    ]
    return "\n".join(part for part in parts if part)


def _verdict(record: OwnRecord) -> str:
    judgement = record.judgement
    least = f"{judgement.min_accuracy:.2%}"
    what = {
        GateState.PASSED: f"The interval begins above {least}.",
        GateState.INCONCLUSIVE: f"{least} is inside the interval or above it. More test pictures may decide.",
        GateState.FAILED: f"The interval ends below {least}, so no bundle was written.",
    }[judgement.state]
    warnings = "".join(f"> {literal(line)}\n\n" for line in warning_lines(record.guessing, record.model.labels))
    return f"**{judgement.state}**: accuracy {_share(judgement.whole)}. {what}\n\n{warnings}"


def _accuracy(record: OwnRecord) -> str:
    rows = [("all", record.judgement.whole), *record.judgement.by_class.items()]
    cells = [(label, f"{figures.pictures:,}", _share(figures)) for label, figures in rows]
    return table(("class", "pictures", "accuracy with 95 % interval"), cells)


def _confusions(record: OwnRecord) -> str:
    labels = record.model.labels
    if len(labels) > _MOST_CONFUSED:
        return ""
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (record.targets, record.scores.argmax(axis=1)), 1)
    rows = [(label, *map(str, row)) for label, row in zip(labels, counts.tolist(), strict=True)]
    return "Rows are true labels, columns are answers.\n\n" + table(("label", *labels), rows)


def _file(record: OwnRecord) -> str:
    entry, interface = record.entry, record.entry.interface
    assert interface is not None
    means, deviations = (
        ", ".join(f"{value:g}" for value in values) for values in (interface.mean, interface.deviation)
    )
    rows = [
        ("file", code(entry.path)),
        ("size", f"{entry.size_bytes / 1e6:.2f} MB"),
        ("number format", str(entry.precision)),
        ("SHA-256", code(entry.sha256)),
        ("input", f"{tensor_text(entry.input)}, {interface.layout}"),
        ("output", tensor_text(entry.output)),
        ("mean taken from pixels 0-255", means),
        ("deviation that divides the rest", deviations),
        ("what makes scores of its outputs", str(interface.activation)),
    ]
    notes = "".join(f"- {literal(note)}\n" for note in record.model.notes)
    return table(("what", "value"), rows) + (f"\n{notes}" if notes else "")


def _provenance(bundle: Manifest) -> str:
    training = bundle.training
    versions = ", ".join(f"{name} {number}" for name, number in training["export_versions"].items())
    name, data = literal(training["name"]), literal(training["data_sha256"][:16])
    return f"Model file {name}, data {data}. Made with {versions}.\n"


def _share(figures: Figures) -> str:
    low, high = figures.interval
    return f"{figures.accuracy:.2%} [{low:.2%}, {high:.2%}]"
