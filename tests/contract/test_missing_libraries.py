"""Every command line on a machine with the base install alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = (
    *("scipy", "sklearn", "matplotlib", "markdown", "tensorflow", "keras", "onnx", "tf2onnx", "onnxruntime", "av"),
    *("ai_edge_quantizer", "picamera2", "pillow_heif", "psutil"),
)
EXPORT_OF_KERAS = ["catdog-export", "--keras", "m.keras", "--test", "pictures", "--calibration", "pictures"]
SCRIPT = f"""
import json, sys
for name in {EXTRAS}:
    sys.modules[name] = None  # an import of it raises ModuleNotFoundError
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "scripts")!r}]
import click
from click.testing import CliRunner
from command_pages import PROGRAMS, load, walk

def arguments(program, name, command):
    words = name.removeprefix(program).split()
    for parameter in command.params:
        if parameter.required:
            words += [*parameter.opts[:1], "pictures"] if isinstance(parameter, click.Option) else ["pictures"]
    return words

def report(program, words):
    result = CliRunner().invoke(load(program), words)
    whole = result.exception is None or isinstance(result.exception, SystemExit)
    said = result.stderr if whole else repr(result.exception)
    print(json.dumps([[program, *words], result.exit_code, said, whole]))

for program in PROGRAMS:
    for name, command in walk(load(program), program):
        if not isinstance(command, click.Group):
            report(program, arguments(program, name, command))
report("catdog-export", {EXPORT_OF_KERAS[1:]})
report("catdog-export", ["--run", "pictures", "--max-drop", "0.05"])
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Words, exit code, stderr and whether it ended as a command line should, for every command."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "pictures").mkdir()
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]


def test_no_command_ends_in_a_traceback(results: list[Any]) -> None:
    """Proves that what is missing is an error line and not an exception, in all commands of all programs."""
    assert len(results) > 20
    assert [result for result in results if not result[3]] == []
    assert [(words, err) for words, code, err, _ in results if code == 1 and "error: " not in err] == []


@pytest.mark.parametrize(
    ("words", "extra"),
    [(["catdog-train"], "train"), (["catdog-export"], "export"), (EXPORT_OF_KERAS, "export")],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else value,
)
def test_the_extra_is_named(results: list[Any], words: list[str], extra: str) -> None:
    """Proves that a program that needs an extra says how to install it, in one line."""
    [(code, err)] = [(code, err) for ran, code, err, _ in results if ran == words]
    assert code == 1
    assert err.splitlines()[-1].endswith(f"pip install 'catdog-edge[{extra}]'")
