"""Put a finished TFLite or ONNX file of others into a bundle, with a gate, a self-test and a report."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.atomic_folder import partial_folder, remove_folder, replace_folder, require_replaceable
from edge_runtime.bundle import MANIFEST, Manifest, ModelFile
from edge_runtime.native_output import native_output_to
from edge_runtime.proof.gate import GateState
from edge_runtime.visible_text import visible
from exporter.bundle_folder import LOG, failed_folder
from exporter.formats.operators import Graph
from exporter.formats.table import format_named
from exporter.guessing import Guessing, compare_with_guessing
from exporter.network.confidence import choose_threshold
from exporter.own.finished import FinishedModel
from exporter.own.judgement import Judgement, judge
from exporter.progress import ExportObserver
from exporter.report.page import write_html
from exporter.selftest import write_selftest
from exporter.source import load_split_pictures
from exporter.verification import open_content, run_file

_PACKAGES = ("catdog-edge", "numpy", "pillow")


@dataclass(frozen=True)
class OwnRecord:
    """What was found out about a finished file.

    Args:
        model: the file with its labels and pictures.
        entry: its entry in the manifest.
        graph: what it computes.
        targets: true label of each test picture, `int (N,)`.
        scores: its scores of them, `float64 (N, labels)`.
        judgement: the figures and the verdict.
        guessing: how it compares with guessing.
        threshold: confidence below which an answer is unsure, 0-1.
    """

    model: FinishedModel
    entry: ModelFile
    graph: Graph
    targets: NDArray[np.intp]
    scores: NDArray[np.float64]
    judgement: Judgement
    guessing: Guessing
    threshold: float


@dataclass(frozen=True)
class OwnOutcome:
    """How it ended.

    Args:
        folder: the bundle; if the gate failed, the folder of the report.
        record: what was found out.
    """

    folder: Path
    record: OwnRecord

    @property
    def state(self) -> GateState:
        """The gate's verdict."""
        return self.record.judgement.state


def export_finished(
    model: FinishedModel, target: Path, *, min_accuracy: float | None, observer: ExportObserver
) -> OwnOutcome:
    """Write the bundle folder `target`, whole or not at all.

    Args:
        model: the file with its labels and pictures.
        target: the bundle folder. An old one is replaced once the new one is whole, unless the gate failed.
        min_accuracy: smallest accuracy that passes, 0-1; None if it has to be better than guessing.
        observer: watches the progress.

    Returns:
        How it ended. If the gate failed, there is only a report, in `<target>.failed`.

    Raises:
        SourceError: the pictures cannot be used.
        OutputError: `target` or `<target>.failed` holds something that is not ours.
    """
    from exporter.own.report import write_own_report

    require_replaceable(failed_folder(target), LOG)
    with partial_folder(target, marker=MANIFEST) as folder, native_output_to(folder / LOG):
        record = _examined(model, min_accuracy, observer)
        observer.on_stage("writing the bundle")
        bundle = Manifest(
            target.name,
            model.labels,
            model.preprocessing,
            (record.entry,),
            _provenance(record),
            confidence_threshold=record.threshold,
        )
        written = Written({record.entry.path: model.facts.content}, {record.entry.path: record.graph})
        text = write_own_report(bundle, record)
        return OwnOutcome(write_folder(folder, target, bundle, written, text), record)


@dataclass(frozen=True)
class Written:
    """What is written into a bundle besides its manifest and report.

    Args:
        contents: the bytes of each model file by its name.
        graphs: what each computes.
    """

    contents: dict[str, bytes]
    graphs: dict[str, Graph]


def write_folder(folder: Path, target: Path, bundle: Manifest, written: Written, report: str) -> Path:
    """Fill `folder` and rename it to the bundle, or to the folder of a failed export; return which.

    Args:
        folder: a temporary folder.
        target: the bundle.
        bundle: the manifest, without self-test.
        written: what is written besides.
        report: the text of `report.md`.
    """
    graphs = {name: graph.to_dict() for name, graph in written.graphs.items()}
    (folder / "operators.json").write_text(_json(graphs), encoding="utf-8")
    (folder / "report.md").write_text(report, encoding="utf-8")
    (folder / "report.html").write_text(write_html(report, folder), encoding="utf-8")
    if bundle.training["gate"] == GateState.FAILED:
        replace_folder(folder, failed_folder(target), marker=LOG)
        return failed_folder(target)
    opened = {}
    for file in bundle.files:
        (folder / file.path).write_bytes(written.contents[file.path])
        opened[file.path] = open_content(bundle.labels, file, written.contents[file.path])
    bundle = replace(bundle, selftest=write_selftest(folder, bundle.preprocessing, opened))
    (folder / MANIFEST).write_text(_json(bundle.to_dict()), encoding="utf-8")
    replace_folder(folder, target, marker=MANIFEST)
    remove_folder(failed_folder(target), marker=LOG)
    return target


def _examined(model: FinishedModel, min_accuracy: float | None, observer: ExportObserver) -> OwnRecord:
    """Run the file on the test pictures and judge it."""
    observer.on_stage("reading test pictures")
    pixels, targets = load_split_pictures(model.test, model.preprocessing, report=observer.on_progress)
    observer.on_stage(f"checking {model.entry.path}")
    scores = scores_of(model, pixels, report=observer.on_progress)
    guessing = compare_with_guessing(scores, targets, model.labels)
    judgement = judge(scores, targets, model.labels, guess=guessing.guess, min_accuracy=min_accuracy)
    entry = replace(model.entry, drift=judgement.to_dict())
    threshold = 0.0
    if model.validation:
        shots, known = load_split_pictures(model.validation, model.preprocessing)
        threshold = choose_threshold(scores_of(model, shots), known)
    return OwnRecord(model, entry, model.graph, targets, scores, judgement, guessing, threshold)


def scores_of(
    model: FinishedModel,
    pixels: Any,
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """Return the scores that the file gives pictures through the runtime of the device, `float64 (N, labels)`."""
    return run_file(model.labels, model.entry, model.facts.content, pixels, report=report)


def _provenance(record: OwnRecord) -> dict[str, Any]:
    """Return where the file comes from, with the keys that a training of ours has."""
    model = record.model
    packages = (*_PACKAGES, *format_named(record.entry.format).packages)
    lines = sorted(f"test {picture.label} {picture.sha256}\n" for picture in model.test)
    lines += sorted(f"validation {picture.label} {picture.sha256}\n" for picture in model.validation)
    return own_provenance(model.path, model.test_folder, lines, packages, record.judgement.state)


def own_provenance(
    path: Path, test: Path, lines: list[str], packages: tuple[str, ...], state: GateState
) -> dict[str, Any]:
    """Return where a model comes from that was not fitted further, with the keys that a training of ours has.

    Args:
        path: the model.
        test: the folder of test pictures.
        lines: `side label sha256` and a line feed for each picture, sorted.
        packages: packages whose versions matter.
        state: the gate's verdict.
    """
    return {
        "name": visible(path.stem),
        "architecture": "",
        "data": visible(test.name),
        "seed": None,
        "versions": {},
        "data_sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
        "export_versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "calibration": {"pictures": 0, "seed": 0, "folder": None},
        "stability": {},
        "temperature": {"value": 1.0, "validation_pictures": 0, "reason": "nothing of the model was changed"},
        "folded": [],
        "kept_float": {},
        "gate": state,
    }


def _json(values: Any) -> str:
    return json.dumps(values, indent=1, allow_nan=False) + "\n"


def explain_finished(outcome: OwnOutcome) -> str:
    """Return a line for the file: what it is, how many pictures it has right, and what the gate says."""
    entry, whole = outcome.record.entry, outcome.record.judgement.whole
    low, high = whole.interval
    return (
        f"{entry.path:22} {entry.size_bytes / 1e6:6.2f} MB  accuracy {whole.accuracy:.2%} [{low:.2%}, {high:.2%}] "
        "of "
        f"{whole.pictures:,}  {outcome.state}"
    )
