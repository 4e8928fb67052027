"""Draw which room imports which: docs/images/rooms.dot, and rooms.svg where Graphviz is installed.

Run it from the root of the project: python scripts/draw_rooms.py. A test, tests/contract/test_rooms.py, holds the
drawing to the code and sees that no room imports one that stands above it.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("edge_runtime", "trainer", "exporter", "benchmarks")
DRAWING = ROOT / "docs/images/rooms.dot"
# The rooms of each package, the lowest first. A room may import those before it. A module at the top of a package
# is a room of its own when it is named here; the other modules there are the room `files`.
ROOMS = {
    "edge_runtime": (
        "errors",
        "files",
        "picture",
        "run_folder",
        "bundle",
        "proof",
        "backends",
        "teaching",
        "classifier",
        "camera",
        "commands",
        "cli",
    ),
    "trainer": ("errors", "random_streams", "data", "network", "files", "training", "cli"),
    "exporter": (
        "errors",
        "moved",
        "source",
        "files",
        "network",
        "formats",
        "verification",
        "plan",
        "preparation",
        "report",
        "bundle_folder",
        "export",
        "cli",
    ),
    "benchmarks": ("errors", "run", "report", "peers", "figures", "commands", "cli"),
}


def modules() -> dict[str, Path]:
    """Return the file of every module of the four packages by its dotted name."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths)
    return dict(zip(names, paths, strict=True))


def room_of(module: str) -> str:
    """Return the room of a module, such as `edge_runtime.picture`."""
    package, _, rest = module.partition(".")
    first = rest.partition(".")[0]
    folder = (ROOT / package / first).is_dir() and first
    return f"{package}.{first if folder or first in ROOMS[package] else 'files'}"


def imported(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules of ours that a file imports, anywhere in it and for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in known else node.module for name in names if node.module in known)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)


def arrows() -> set[tuple[str, str]]:
    """Return the pairs of rooms of which the first imports the second."""
    known = modules()
    # A package's own face hands on names of its rooms and belongs to none.
    pairs = {
        (room_of(name), room_of(other))
        for name, path in known.items()
        if name not in PACKAGES
        for other in imported(path, known)
        if other not in PACKAGES
    }
    return {(first, second) for first, second in pairs if first != second}


def reduced(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the arrows without those that follow from others: what a room imports, its importers reach too."""

    def reach(room: str) -> set[str]:
        below = {second for first, second in pairs if first == room}
        return below.union(*map(reach, below))

    return {
        (first, second)
        for first, second in pairs
        if not any(second in reach(other) for start, other in pairs if start == first and other != second)
    }


def to_dot(pairs: set[tuple[str, str]]) -> str:
    """Return the drawing in Graphviz's language. It leaves out `errors`, which all import, and what follows."""
    drawn = sorted(reduced({pair for pair in pairs if not pair[1].endswith(".errors")}))
    lines = ["digraph rooms {", '  bgcolor=white; node [shape=box, fontname="sans-serif", fontsize=11];']
    for package in PACKAGES:
        lines.append(f'  subgraph "cluster_{package}" {{ label="{package}"; fontname="sans-serif";')
        for room in ROOMS[package]:
            if any(f"{package}.{room}" in pair for pair in drawn):
                lines.append(f'    "{package}.{room}" [label="{room}"];')
        lines.append("  }")
    lines += [f'  "{first}" -> "{second}";' for first, second in drawn]
    return "\n".join((*lines, "}")) + "\n"


def main() -> None:
    """Write the drawing."""
    DRAWING.write_text(to_dot(arrows()), encoding="utf-8")
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg", "-o", DRAWING.with_suffix(".svg"), DRAWING], check=True)


if __name__ == "__main__":
    main()
