"""Which package imports which: read from the source of every file, and observed in new processes."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.backends import BACKENDS, installed_backends

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge_runtime", "trainer", "exporter", "benchmarks")
MAY_IMPORT = {package: {package, "edge_runtime"} for package in PACKAGES}
SOURCES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

TENSORFLOW = {"tensorflow", "keras", "tf2onnx"}
TENSORFLOW_PLACES = {
    Path("exporter/network", f"{name}.py")
    for name in (
        "model",
        "plain_model",
        "graph_copy",
        "precision",
        "silence",
        "folding",
        "equalization",
        "confidence",
        "inputs",
        "outputs",
        "loading",
        "older_keras",
        "saved_model",
    )
}
BACKEND_OF = {
    "ai_edge_litert": Path("edge_runtime/backends/litert.py"),
    "tflite_runtime": Path("edge_runtime/backends/tflite_runtime.py"),
    "onnxruntime": Path("edge_runtime/backends/onnx_runtime.py"),
}
# What the exporter takes of these libraries besides: quantisers, and tools that look into a file.
TOOLS = {
    Path("exporter/formats/onnx/layer_error.py"): ("onnxruntime.quantization.qdq_loss_debug.",),
    Path("exporter/formats/onnx/operators.py"): ("onnxruntime",),
    Path("exporter/formats/onnx/quantization.py"): ("onnxruntime.quantization.",),
    Path("exporter/formats/onnx/rounding.py"): ("onnxruntime.InferenceSession",),
    Path("exporter/formats/tflite/facts.py"): ("ai_edge_litert.schema_py_generated",),
    Path("exporter/formats/tflite/interface.py"): (
        "ai_edge_litert.schema_py_generated",
        "ai_edge_litert.tools.flatbuffer_utils",
    ),
    Path("exporter/formats/tflite/operators.py"): ("ai_edge_litert.schema_py_generated",),
    Path("exporter/formats/tflite/rewriting.py"): ("ai_edge_litert.schema_py_generated",),
    Path("exporter/formats/tflite/rounding.py"): ("ai_edge_litert.schema_py_generated",),
    Path("exporter/formats/tflite/tensors.py"): ("ai_edge_litert.interpreter.Interpreter",),
}
HEAVY = {"numpy", "PIL", "ai_edge_litert", "tflite_runtime", "onnxruntime", "tensorflow", "keras"}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of every module that a file imports: at its top, in functions, or by a text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield ast.unparse(node.args[0]).lstrip("f").strip("'\"")


def imported_at_run_time(path: Path) -> set[str]:
    """Return the modules that a file imports when it runs. Blocks for type checkers do not count."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    return set(imported(tree))


def imported_in(path: Path) -> set[str]:
    """Return all modules that a file imports. Blocks for type checkers count too."""
    return set(imported(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


def python(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a new process inside a folder."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_arrows_between_packages(path: Path) -> None:
    """Proves that edge_runtime imports no other package of ours, and that the others import only edge_runtime."""
    ours = {name.partition(".")[0] for name in imported_in(path)} & {*PACKAGES, "tests"}
    assert ours <= MAY_IMPORT[path.parts[0]]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_tensorflow_stays_where_it_is_needed(path: Path) -> None:
    """Proves that only training, conversion and the peers import TensorFlow."""
    allowed = (
        path.parts[0] == "trainer"
        or path in TENSORFLOW_PLACES
        or (path.parts[:2] == ("exporter", "formats") and path.stem == "conversion")
        or path.parts[:2] == ("benchmarks", "peers")
    )
    assert allowed or not {name.partition(".")[0] for name in imported_at_run_time(path)} & TENSORFLOW


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_each_inference_library_has_one_module(path: Path) -> None:
    """Proves that each inference library can be replaced by a change in one file.

    The exporter may import what the table says, to quantise a file or to look into it. Every score still comes from
    a backend. The peers are written as a user would write them, and may import anything.
    """
    if path.parts[:2] == ("benchmarks", "peers"):
        return
    for name in imported_at_run_time(path):
        library = name.partition(".")[0]
        if library in BACKEND_OF and not any(allows(tool, name) for tool in TOOLS.get(path, ())):
            assert path == BACKEND_OF[library], name


@pytest.mark.parametrize("path", TOOLS, ids=str)
def test_the_table_of_tools_allows_nothing_unused(path: Path) -> None:
    """Proves that the code needs each exception to the rule above."""
    names = imported_at_run_time(path)
    assert [tool for tool in TOOLS[path] if not any(allows(tool, name) for name in names)] == []


def allows(tool: str, name: str) -> bool:
    """Say whether a name is the tool, or is inside it when the tool ends in a dot."""
    return name == tool or (tool.endswith(".") and name.startswith(tool))


def test_each_inference_library_is_imported() -> None:
    """Proves that the table of this test names the right modules."""
    for library, path in BACKEND_OF.items():
        assert library in {name.partition(".")[0] for name in imported_at_run_time(path)}


@pytest.mark.parametrize("package", PACKAGES)
def test_command_lines_import_nothing_heavy_at_their_top(package: str) -> None:
    """Proves that the top of a command line imports no NumPy, no TensorFlow and no inference library."""
    path = Path(package, "cli.py")
    if not (ROOT / path).exists():
        pytest.skip(f"{path} is not written yet")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    top = {name.partition(".")[0] for node in tree.body for name in imported_top(node)}
    assert not top & HEAVY


def imported_top(node: ast.stmt) -> list[str]:
    """Return the modules that a statement at the top of a file imports."""
    return list(imported(node)) if isinstance(node, ast.Import | ast.ImportFrom) else []


def test_help_of_catdog_edge_loads_no_library(tmp_path: Path) -> None:
    """Proves that `catdog-edge --help` and `--version` load nothing heavy."""
    for arguments in (["--help"], ["classify", "--help"], ["--version"]):
        script = (
            "from edge_runtime.cli import main\n"
            f"main({arguments!r}, standalone_mode=False)\n"
            f"print('loaded:', sorted({HEAVY!r} & set(sys.modules)))"
        )
        done = python(script, tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "loaded: []"


def test_importing_any_module_does_nothing(tmp_path: Path) -> None:
    """Proves that importing any module of edge_runtime or any command prints nothing and writes nothing."""
    modules = [".".join(path.with_suffix("").parts) for path in SOURCES if path.parts[0] == "edge_runtime"]
    missing = {BACKENDS[name].module for name in BACKENDS.keys() - set(installed_backends())}
    modules = [name.removesuffix(".__init__") for name in modules if name not in missing]
    modules += [f"{package}.{name}" for package in PACKAGES for name in ("errors", "cli")]
    existing = [name for name in modules if Path(ROOT, *name.split(".")).is_dir() or module_file(name).exists()]
    script = "\n".join(f"import {name}" for name in existing)
    done = python(f"{script}\nprint({TENSORFLOW!r} & set(sys.modules))", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "set()\n", "")
    assert list(tmp_path.iterdir()) == []


def module_file(name: str) -> Path:
    """Return the file of a module by its dotted name."""
    return ROOT.joinpath(*name.split(".")).with_suffix(".py")


def test_error_tree_in_the_docstring_is_the_real_one() -> None:
    """Proves that each of our errors derives from CatdogError and is drawn in edge_runtime/errors.py."""
    drawn = ast.get_docstring(ast.parse((ROOT / "edge_runtime/errors.py").read_text(encoding="utf-8"))) or ""
    found = set()
    for package in PACKAGES:
        tree = ast.parse((ROOT / package / "errors.py").read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found.add(node.name if package == "edge_runtime" else f"{package}.errors.{node.name}")
                assert [ast.unparse(base) for base in node.bases] in (
                    ["CatdogError"],
                    ["ConversionError"],
                    ["Exception"],
                )
    names = {line.strip("│├└─ ").partition(" ")[0] for line in drawn.splitlines() if line.startswith(" ")}
    assert found == names


def test_public_names_of_the_package(tmp_path: Path) -> None:
    """Proves that each public name of the package can be imported and has a docstring, and that others fail."""
    script = (
        "import edge_runtime\n"
        "from edge_runtime import *\n"
        "assert all(getattr(edge_runtime, name).__doc__ for name in edge_runtime.__all__)\n"
        "assert edge_runtime.__all__ == sorted(edge_runtime.__all__)\n"
        "try:\n"
        "    edge_runtime.nothing\n"
        "except AttributeError as error:\n"
        "    print(error)\n"
    )
    done = python(script, tmp_path)
    assert (done.returncode, done.stdout) == (0, "module 'edge_runtime' has no attribute 'nothing'\n"), done.stderr
