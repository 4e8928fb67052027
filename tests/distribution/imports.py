"""Print what the modules of installed packages load, and which libraries they name that are not there.

imports.py PACKAGE... imports every module and runs every import statement, those inside functions too. The last
line is JSON: `loaded`, the libraries in memory at the end; `named`, the libraries that are missing, by module;
`at_import`, the modules that cannot be imported without.
"""

import ast
import json
import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

PEERS = "benchmarks.peers."  # programs as a user would write them, that run when imported, with any library


def look(packages: list[str]) -> dict[str, object]:
    """Import everything of these packages."""
    named: dict[str, list[str]] = {}
    at_import = []
    for name in modules(packages):
        missing = {absent(statement) for statement in statements(name)} - {""}
        if missing:
            named[name] = sorted(missing)
        if absent(f"import {name}"):
            at_import.append(name)
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    return {"loaded": loaded, "named": named, "at_import": at_import}


def modules(packages: list[str]) -> Iterator[str]:
    """Yield the dotted name of every module."""
    for package in packages:
        yield package
        found = pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
        yield from (module.name for module in found if not module.name.startswith(PEERS))


def statements(name: str) -> Iterator[str]:
    """Yield every import statement of a module, at its top and in its functions, but those for type checkers."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    yield from (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def absent(statement: str) -> str:
    """Run an import statement and return the library that is missing, or nothing."""
    try:
        exec(statement, {})
    except ModuleNotFoundError as error:
        return (error.name or "").partition(".")[0]
    return ""


if __name__ == "__main__":
    print("\n" + json.dumps(look(sys.argv[1:])))
