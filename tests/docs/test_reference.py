"""The reference pages on exit codes, Python API and errors leave nothing out."""

import re
from importlib import import_module

import edge_runtime
from edge_runtime.errors import CatdogError
from edge_runtime.terminal import ExitCode
from tests.docs.examples import ROOT

REFERENCE = ROOT / "docs/reference"
PACKAGES = ("edge_runtime", "trainer", "exporter", "benchmarks")
WRONG_USE = 2  # Click's own


def test_every_exit_code_is_on_the_page() -> None:
    """Proves that the table of exit codes has those of the code, Click's own, and no other."""
    general, particular = (REFERENCE / "exit-codes.md").read_text().split("\n## ", 1)
    codes = {*map(int, ExitCode), WRONG_USE}
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", general, re.MULTILINE)] == sorted(codes)
    assert set(map(int, re.findall(r"^\| `[^`]+` \| (\d+) \|", particular, re.MULTILINE))) <= codes


def test_every_public_name_is_on_a_page() -> None:
    """Proves that what `from edge_runtime import` offers stands on the page of the API or on that of the errors."""
    page = (REFERENCE / "python-api.md").read_text()
    shown = set(re.findall(r"^::: edge_runtime\.(\w+)$", page, re.MULTILINE))
    errors = {name for name in edge_runtime.__all__ if name.endswith("Error")}
    assert shown == set(edge_runtime.__all__) - errors
    assert all(hasattr(import_module("edge_runtime.errors"), name) for name in errors)


def test_every_error_is_on_the_page() -> None:
    """Proves that the page of errors shows the module of every `CatdogError` there is, and the tree names each."""
    page = (REFERENCE / "errors.md").read_text()
    shown = set(re.findall(r"^::: ([\w.]+)$", page, re.MULTILINE))
    assert shown == {f"{package}.errors" for package in PACKAGES}
    for module in shown:
        import_module(module)
    tree = import_module("edge_runtime.errors").__doc__ or ""
    found = [CatdogError]
    for error in found:
        found += error.__subclasses__()
        own = error.__module__.startswith(PACKAGES)
        assert not own or (error.__module__ in shown and re.search(rf"\b{error.__name__}\b", tree)), error
