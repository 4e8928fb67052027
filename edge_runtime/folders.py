"""Where results go by default, and which is the newest."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")
BUNDLES = Path("bundles")
REPORTS = Path("reports")
RUN = "run.json"  # what makes a folder a run


def newest_folder(parent: Path, marker: str) -> Path | None:
    """Return the sub-folder of `parent` whose file `marker` was written last, or None."""
    found = [path for path in parent.glob(f"*/{marker}") if path.is_file() and path.parent.name[0] != "."]
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent if found else None
