"""Nothing of the current folder runs: a `numpy.py` in somebody's bundle, or a user's own folder `benchmarks`."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.child_process import module_command, script_command, signal_words

ROOT = Path(__file__).parents[2]
# What our processes import first, and the names of our own packages.
NAMES = ("numpy", "json", "PIL", "runpy", "sitecustomize", "benchmarks", "edge_runtime", "onnxruntime")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with a module of each name, that leaves a mark and ends its process when it is imported."""
    folder = tmp_path / "gift"
    folder.mkdir()
    mark = f"open({str(tmp_path / 'mark')!r}, 'a').write(__name__)\nraise SystemExit('ran in the current folder')\n"
    for name in NAMES[:4]:
        (folder / f"{name}.py").write_text(mark)
    for name in NAMES[4:]:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(mark)
    return folder


def run_in(folder: Path, package: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command of ours in a folder as its installed script does, whose own path has no current folder."""
    script = f"from {package}.cli import main; main()"
    command = [sys.executable, "-P", "-c", script, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)


def test_the_trap_works(trap: Path) -> None:
    """Proves that a child without the safe path would run what lies there."""
    command = [sys.executable, "-c", "import numpy"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=trap)
    assert "ran in the current folder" in done.stderr
    assert (trap.parent / "mark").exists()


@pytest.mark.parametrize("command", ["doctor", "info", "selftest"])
def test_commands_of_the_device(trap: Path, command: str) -> None:
    """Proves that the commands that start processes run nothing of the current folder, and work there."""
    done = run_in(trap, "edge_runtime", command)
    assert not (trap.parent / "mark").exists(), (trap.parent / "mark").read_text()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "current folder" not in done.stdout + done.stderr


def test_a_benchmark(trap: Path, tmp_path: Path) -> None:
    """Proves the same of catdog-bench, whose every configuration is a process, and of a user's own `benchmarks`."""
    pytest.importorskip("matplotlib", reason="catdog-bench draws")
    from edge_runtime.bundle.folder import PRETRAINED

    options = ("--bundle", PRETRAINED, "--data", PRETRAINED / "selftest", "--out", tmp_path / "report")
    done = run_in(trap, "benchmarks", "run", *options, "--rounds", 10, "--threads", 1)
    assert not (trap.parent / "mark").exists(), (trap.parent / "mark").read_text()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "report" / "report.json").exists()


def test_modules_and_scripts_get_their_arguments(trap: Path) -> None:
    """Proves that a module runs as with `python -m` and a script as with `python -c`, with their arguments."""
    done = subprocess.run(
        script_command("print(sys.argv[1:])", "a", "b c"), capture_output=True, text=True, cwd=trap
    )
    assert done.stdout == "['a', 'b c']\n", done.stderr
    echo = module_command("tests.benchmarks.echo", "exit", "3")
    assert subprocess.run(echo, capture_output=True, cwd=trap).returncode == 3
    assert signal_words(-11) == "ended by signal 11 (SIGSEGV)"
    assert signal_words(-40) == "ended by signal 40"


def test_every_process_is_started_so() -> None:
    """Proves that no other file of the four packages names this Python as a program to start."""
    for package in ("edge_runtime", "trainer", "exporter", "benchmarks"):
        for path in (ROOT / package).rglob("*.py"):
            names = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "attr")}
            found = path.relative_to(ROOT).as_posix()
            assert "sys.executable" not in names or found in ALLOWED, found


# The first makes the commands; the second offers this Python as the default of an option; the third uses `-P` too.
ALLOWED = (
    "edge_runtime/child_process.py",
    "benchmarks/commands/edge.py",
    "edge_runtime/picture/sandbox.py",
)
