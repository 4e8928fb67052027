"""Name the folders that results go to by default, and find the newest result."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import OutputError

RUNS = Path("runs")
BUNDLES = Path("bundles")
REPORTS = Path("reports")
RUN = "run.json"  # a folder with this file is a run


def newest_folder(parent: Path, marker: str) -> Path | None:
    """Return the newest sub-folder of `parent`, or None when there is none.

    Args:
        parent: the folder to look in. It may be missing.
        marker: the name of a file. Only sub-folders with this file count, and its time decides which is newest.
            Hidden sub-folders do not count.

    Raises:
        OutputError: the file is in `parent` itself, so a result was copied to the wrong place.
    """
    if (parent / marker).is_file():
        raise OutputError(
            f"{parent / marker}: is not in a folder of its own, such as {parent / 'demo'}. It was copied to the "
            f"wrong place: move everything that belongs to it to {parent / 'demo'}."
        )
    if not parent.is_dir():
        return None
    found = [path for path in parent.glob(f"*/{marker}") if path.is_file() and path.parent.name[0] != "."]
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent if found else None
