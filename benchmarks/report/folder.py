"""Write a report's folder: `report.json`, `report.md` with its plots, `report.csv` and `report.html`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report.page import write_page
from benchmarks.report.plots import write_png
from benchmarks.report.report import write_csv, write_report
from benchmarks.run.record import REPORT, BenchmarkReport, to_json
from edge_runtime.atomic_folder import partial_folder, whole_folder
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.visible_text import exact_bytes


def try_folder(target: Path) -> None:
    """See that a report can be written, before anything is measured for it.

    Args:
        target: the folder to write.

    Raises:
        OutputError: the target is a file, or a folder with other things than a report.
        OSError: nothing can be written there.
    """
    with partial_folder(target, marker=REPORT) as partial:
        (partial / REPORT).touch()


def write_folder(
    target: Path, report: BenchmarkReport, *, photographs: Path | None, preprocessing: Preprocessing
) -> None:
    """Write the folder whole or not at all. It replaces an older report.

    Args:
        target: the folder.
        report: what to write.
        photographs: the folder of the pictures that the page shows; None shows none.
        preprocessing: how a picture becomes the models' input.
    """
    with whole_folder(target, marker=REPORT) as partial:
        (partial / REPORT).write_text(to_json(report), encoding="utf-8")
        (partial / "report.md").write_text(write_report(report), encoding="utf-8")
        (partial / "report.csv").write_bytes(exact_bytes(write_csv(report)))
        write_png(report, partial)
        page = write_page(report, data=photographs, preprocessing=preprocessing)
        (partial / "report.html").write_text(page, encoding="utf-8")
