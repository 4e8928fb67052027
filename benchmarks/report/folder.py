"""A report's folder: `report.json`, `report.md` with its plots, `report.csv` and `report.html`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report.page import write_page
from benchmarks.report.plots import write_png
from benchmarks.report.report import write_csv, write_report
from benchmarks.run.record import REPORT, BenchmarkReport, to_json
from edge_runtime.atomic_folder import whole_folder
from edge_runtime.picture.preprocessing import Preprocessing


def write_folder(
    target: Path, report: BenchmarkReport, *, photographs: Path | None, preprocessing: Preprocessing
) -> None:
    """Write the folder whole or not at all; an old one is replaced.

    Args:
        target: the folder.
        report: what to write.
        photographs: the folder of the pictures to show; None leaves them out.
        preprocessing: how the models see them.
    """
    with whole_folder(target, marker=REPORT) as partial:
        (partial / REPORT).write_text(to_json(report), encoding="utf-8")
        (partial / "report.md").write_text(write_report(report), encoding="utf-8")
        (partial / "report.csv").write_text(write_csv(report), encoding="utf-8")
        write_png(report, partial)
        page = write_page(report, data=photographs, preprocessing=preprocessing)
        (partial / "report.html").write_text(page, encoding="utf-8")
