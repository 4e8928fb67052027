"""The wheel and the sdist as users get them: what each extra brings, and that nothing else comes along."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.environments import CACHE, ROOT, find_python, set_up, virtual_environment

LARGEST_BYTES = 5_000_000
COMMANDS = ("catdog-train", "catdog-export", "catdog-edge", "catdog-bench")
# Of these libraries each extra brings exactly the named; a base install brings ai_edge_litert alone.
WATCHED = ("ai_edge_litert", "av", "keras", "matplotlib", "onnx", "onnxruntime", "pillow_heif", "scipy", "sklearn",
           "tensorflow", "tf2onnx")  # fmt: skip
BRINGS = {
    "base": (),
    "onnx": ("onnxruntime",),
    "camera": ("av",),
    "heic": ("pillow_heif",),
    "bench": ("matplotlib", "onnxruntime", "scipy"),
    "train": ("keras", "matplotlib", "scipy", "sklearn", "tensorflow"),
    "export": ("keras", "matplotlib", "onnx", "onnxruntime", "scipy", "tensorflow", "tf2onnx"),
}
SERVES = {"bench": "benchmarks", "train": "trainer", "export": "exporter"}  # each besides edge_runtime
# What modules name beyond the extra that they belong to: another extra's, or none of ours.
BEYOND = {
    "benchmarks.report.browser": {"selenium"},
    "benchmarks.figures.video": {"av", "cv2"},
    "edge_runtime.backends.onnx_runtime": {"onnxruntime"},
    "edge_runtime.backends.tflite_runtime": {"tflite_runtime"},
    "edge_runtime.camera.opening": {"av"},
    "edge_runtime.camera.picamera": {"picamera2"},
    "edge_runtime.camera.video": {"av"},
    "edge_runtime.picture.heic": {"pillow_heif"},
    "edge_runtime.picture.near_duplicates": {"imagehash"},
    "edge_runtime.plot_fonts": {"matplotlib"},
}
IMPORTS = Path(__file__).with_name("imports.py")


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    set_up([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)])
    return folder


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    [found] = distributions.glob("*.whl")
    return found


@pytest.fixture(scope="module", params=BRINGS, ids=lambda name: f"extra_{name}")
def extra(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def installed(extra: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of a fresh virtual environment with the wheel and one extra."""
    folder = tmp_path_factory.mktemp(extra) / "venv"
    set_up([find_python("3.11"), "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet"]
    options = ["--no-compile", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
    set_up([*pip, *options, str(wheel) if extra == "base" else f"{wheel}[{extra}]"])
    return folder / "bin"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a command away from the checkout, so that only what is installed is found."""
    return subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=CACHE, check=False)


def test_wheel_is_small_and_holds_our_packages_alone(wheel: Path) -> None:
    """Proves that the wheel is below 5 MB and holds code, recipes and the shipped bundle, no test, data or run."""
    assert wheel.stat().st_size < LARGEST_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    packages = {"benchmarks", "edge_runtime", "exporter", "trainer"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages
    rest = [name for name in names if ".dist-info" not in name and not name.startswith("edge_runtime/pretrained/")]
    assert {Path(name).suffix for name in rest} <= {".py", ".typed", ".toml", ""}
    assert {"edge_runtime/pretrained/manifest.json", "edge_runtime/pretrained/model.int8.tflite"} <= set(names)


def test_twine_accepts_both(distributions: Path) -> None:
    """Proves that the package index would take wheel and sdist with their description."""
    twine = virtual_environment("twine", "3.11", ("twine",))
    done = twine.run("-m", "twine", "check", "--strict", *sorted(distributions.iterdir()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_extra_brings_what_it_should_and_no_more(installed: Path, extra: str) -> None:
    """Proves that TensorFlow comes with train and export alone, and every library with its own extra."""
    script = f"from importlib.util import find_spec; print(*(name for name in {WATCHED} if find_spec(name)))"
    done = run(installed / "python", "-c", script)
    assert set(done.stdout.split()) == {"ai_edge_litert", *BRINGS[extra]}, done.stderr


def test_modules_import_what_their_extra_brings(installed: Path, extra: str) -> None:
    """Proves that all a package imports, in its functions too, comes with its extra, but for the named few.

    Of those the backends alone cannot be imported without their library. And TensorFlow is in memory with train and
    export alone, whatever of the others runs.
    """
    packages = ["edge_runtime", *([SERVES[extra]] if extra in SERVES else [])]
    done = run(installed / "python", IMPORTS, *packages)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    left = {name: sorted(libraries - set(BRINGS[extra])) for name, libraries in BEYOND.items()}
    expected = {name: left[name] for name in left if left[name] and name.partition(".")[0] in packages}
    assert found["named"] == expected
    assert found["at_import"] == [name for name in expected if ".backends." in name]
    assert set(found["loaded"]) & set(WATCHED) == {"ai_edge_litert", *BRINGS[extra]}


def test_device_side_runs(installed: Path, extra: str) -> None:
    """Proves that with any extra, or none, the shipped bundle gives the scores of its export."""
    done = run(installed / "catdog-edge", "selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    runtimes = {"litert"} | ({"onnxruntime"} & set(BRINGS[extra]))
    assert {name for name in ("litert", "onnxruntime") if f" with {name}: " in done.stdout} == runtimes


def test_extra_fits_together(installed: Path, extra: str) -> None:
    """Proves that `pip check` finds no conflict and nothing missing."""
    done = run(sys.executable, "-m", "pip", "--python", installed / "python", "check")
    assert (done.returncode, done.stdout.strip()) == (0, "No broken requirements found."), done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_command_has_help(installed: Path, command: str) -> None:
    """Proves that each command says what it does, whichever extra is missing."""
    done = run(installed / command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage:")
