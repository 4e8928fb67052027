"""Write the figures of the last runs of `make fuzz` into the page of the documentation, between its two marks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_runtime.markdown import table

BEGIN, END = "<!-- figures: make fuzz -->", "<!-- end of figures -->"
HEADER = ("target", "seconds", "executions", "edges", "inputs kept", "lines reached", "findings")


def write_page(page: Path, folder: Path) -> None:
    """Replace the figures of a page.

    Args:
        page: a Markdown page with the two marks.
        folder: where `fuzz.py` keeps a JSON file for each target.
    """
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{figures(folder)}\n{END}{after}", encoding="utf-8")


def figures(folder: Path) -> str:
    """Return the tables of what was run."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    models = found.pop("model", None)
    parts = [table(HEADER, [_row(name, run) for name, run in found.items()])]
    if models is not None:
        rows = [(*ending.split(" ", 1), f"{count:,}") for ending, count in models["endings"].items()]
        parts.append(f"{models['executions']:,} damaged model files in {models['seconds']:,} seconds:\n")
        parts.append(table(("file", "ending", "times"), rows))
    newest = models or next(iter(found.values()))
    versions = ", ".join(f"{name} {version}" for name, version in newest["versions"].items())
    return "\n".join([*parts, f"With Python {newest['python']}, {versions}."]) + "\n"


def _row(name: str, run: dict[str, Any]) -> tuple[str, ...]:
    reached, lines = (sum(counts[place] for counts in run["lines"].values()) for place in (0, 1))
    counts = (f"{run[key]:,}" for key in ("seconds", "executions", "edges", "inputs"))
    return (name, *counts, f"{reached:,} of {lines:,}", str(len(run["findings"])))
