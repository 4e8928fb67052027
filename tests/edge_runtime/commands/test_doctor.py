"""`catdog-edge doctor` says what is true of this machine, and how to install what is missing."""

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_runtime.camera import devices
from edge_runtime.cli import main
from edge_runtime.commands import doctor
from edge_runtime.commands.doctor import Finding, examine


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    """The findings of the doctor about this machine, by name."""
    return {finding.name: finding for finding in examine()}


def test_versions_are_those_of_this_process(findings: dict[str, Finding]) -> None:
    """Proves that Python, NumPy, Pillow and the installed backend are found with their versions."""
    assert findings["Python"].value == platform.python_version()
    assert findings["numpy"] == Finding("numpy", "ok", version("numpy"))
    assert findings["pillow"] == Finding("pillow", "ok", version("pillow"))
    if findings["litert"].state == "ok":
        assert findings["litert"].value == version("ai-edge-litert")


def test_everything_missing_has_a_line_to_type(findings: dict[str, Finding]) -> None:
    """Proves that each finding has a fix if something is missing, and none if it is ok."""
    assert all(bool(finding.fix) == (finding.state != "ok") for finding in findings.values())


def test_command_prints_the_same(findings: dict[str, Finding]) -> None:
    """Proves that the command prints the findings as text and as JSON, and that a bad one decides the exit code."""
    result = CliRunner().invoke(main, ["doctor", "--json"])
    names = [json.loads(line)["name"] for line in result.stdout.splitlines()]
    assert names == list(findings)
    bad = any(finding.state == "bad" for finding in findings.values())
    assert result.exit_code == int(bad)
    text = CliRunner().invoke(main, ["doctor"]).stdout
    assert all(f"fix: {finding.fix}" in text for finding in findings.values() if finding.fix)


def test_runtime_that_dies_on_import_is_survived(tmp_path: Path) -> None:
    """Proves that a library that crashes its process is reported as built for another processor."""
    package = tmp_path / "ai_edge_litert"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "interpreter.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)")
    script = (
        "from edge_runtime.commands.doctor import examine\n"
        "for f in examine(): print(f.name, f.state, f.value, f.fix)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(doctor.__file__).parents[2]}"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("litert ")]
    assert line.startswith("litert missing cannot be imported: ended by signal 4 (SIGILL), so it was built")
    assert "pip install ai-edge-litert" in line


@pytest.mark.parametrize("broken", [["onnxruntime"], ["ai_edge_litert", "tflite_runtime", "onnxruntime"]])
def test_broken_backend_is_bad_only_when_none_works(tmp_path: Path, broken: list[str]) -> None:
    """Proves that a broken backend comes with its fix, and ends with exit code 1 only if no other works."""
    pytest.importorskip("ai_edge_litert", reason="one backend has to work beside the broken one")
    for name in broken:
        (tmp_path / f"{name}.py").write_text("raise ImportError('built for something else')")
    script = "from edge_runtime.cli import run; run()"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(doctor.__file__).parents[2]}"}
    command = [sys.executable, "-c", script, "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    found = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    last = len(broken) > 1
    assert done.returncode == int(last), done.stdout
    assert found["onnxruntime"]["state"] == ("bad" if last else "missing")
    assert found["onnxruntime"]["value"] == "cannot be imported: ImportError: built for something else"
    assert found["onnxruntime"]["fix"] == "pip install 'catdog-edge[onnx]' --force-reinstall"
    assert ("backends" in found) is last


def test_camera_that_may_not_be_opened_names_the_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proves that a camera without permission is reported differently from no camera."""
    monkeypatch.setattr(devices, "glob", lambda pattern: [])
    [none] = doctor._cameras()
    assert none.value == "no /dev/video*"
    with monkeypatch.context() as context:
        context.setattr(devices, "glob", lambda pattern: ["/dev/video10", "/dev/video11"])
        context.setattr(devices, "may_be_camera", lambda device: False)
        [codecs] = doctor._cameras()
    assert codecs.value == "none of the 2 /dev/video* is a camera"
    monkeypatch.setattr(devices, "glob", lambda pattern: [str(tmp_path / "video0")])
    [closed] = doctor._cameras()  # a path that is not there cannot be opened either
    assert (closed.state, "usermod -aG video" in closed.fix) == ("missing", True)


@pytest.mark.parametrize(
    ("package", "error", "fix"),
    [
        ("numpy", "libopenblas.so.0: cannot open shared object file", "sudo apt install libopenblas0"),
        ("PIL", "libopenjp2.so.7: cannot open shared object file", "sudo apt install libopenjp2-7"),
        ("av", "built for something else", "pip install --force-reinstall av"),
        ("picamera2", "numpy.dtype size changed", "pip install 'numpy<2'"),
    ],
)
def test_library_that_does_not_load_comes_with_what_it_lacks(
    tmp_path: Path, package: str, error: str, fix: str
) -> None:
    """Proves that a package that does not load is bad, and that the fix names the system package that it lacks."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(f"raise ImportError({error!r})")
    script = "from edge_runtime.commands.doctor import examine\nfor f in examine(): print(f.state, f.value, f.fix)"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(doctor.__file__).parents[2]}"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.endswith(f" {fix}")]
    assert line.startswith("missing " if package == "picamera2" else "bad ")
    assert f"does not load: ImportError: {error}" in line
