"""The same bundle on an emulated Raspberry Pi 4 and 5, with our own wheel: docs/measurements/parity.md."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import Classifier, read_bundle
from tests.contract.measurements import Measurements, largest_difference
from tests.contract.pictures import write_pictures
from tests.contract.probe import probe
from tests.environments import Environment, emulated_pi

# qemu's name of each board's processor. Its default would hide instructions that a Pi does not have.
BOARDS = {"Raspberry Pi 4": "cortex-a72", "Raspberry Pi 5": "cortex-a76"}
FLOAT_PICTURES = 6  # emulated float arithmetic takes a second a picture


@dataclass(frozen=True)
class Outcome:
    """What a board made of the bundle.

    Args:
        probe: what `probe.py` found with LiteRT and ONNX Runtime.
        package: where a base install imports `edge_runtime` from.
        has_onnx: whether a base install can import ONNX Runtime.
        selftest: `catdog-edge selftest` from a base install, finished.
        classify: `catdog-edge classify` from a base install, finished.
    """

    probe: dict[str, Any]
    package: str
    has_onnx: bool
    selftest: subprocess.CompletedProcess[str]
    classify: subprocess.CompletedProcess[str]


def on(board: str, extra: str) -> Environment:
    """Return the environment of an extra on a board."""
    environment = emulated_pi(extra)
    return replace(environment, variables=environment.variables | {"QEMU_CPU": BOARDS[board]})


def run_board(board: str, bundle: Path, pictures: Path) -> Outcome:
    """Run everything that the tests look at."""
    base = on(board, "base")
    picture = sorted(pictures.glob("Cat-*.jpg"))[0]
    return Outcome(
        probe=on(board, "onnx").probe(bundle, pictures, FLOAT_PICTURES),
        package=base.run("-c", "import edge_runtime; print(edge_runtime.__file__)").stdout,
        has_onnx=base.run("-c", "import onnxruntime").returncode == 0,
        selftest=base.command("selftest", "--model", bundle, "--json", "--precision", "int8"),
        classify=base.command("classify", picture, "--model", bundle, "--json"),
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("arm") / "pictures", count_per_class=8)


@pytest.fixture(scope="module")
def here(folder: Path, pictures: Path) -> dict[str, Any]:
    """What this machine makes of the bundle."""
    return probe(folder, pictures, FLOAT_PICTURES)


@pytest.fixture(scope="module")
def outcomes(folder: Path, pictures: Path) -> dict[str, Outcome]:
    """What each board makes of it, both at a time."""
    emulated_pi("base")
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda board: run_board(board, folder, pictures), BOARDS)
        return dict(zip(BOARDS, found, strict=True))


@pytest.fixture(params=BOARDS)
def board(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def there(board: str, outcomes: dict[str, Outcome]) -> Outcome:
    """What this board made of the bundle."""
    return outcomes[board]


def test_preprocessing_is_the_same_to_the_bit(here: dict[str, Any], there: Outcome) -> None:
    """Proves that every kind of picture becomes the same tensor in aarch64 Pillow and NumPy."""
    assert there.probe["machine"] == "aarch64"
    assert len(here["hashes"]) > 20
    assert there.probe["hashes"] == here["hashes"]


def test_scores_are_those_of_x86(
    name: str, here: dict[str, Any], there: Outcome, board: str, measurements: Measurements
) -> None:
    """Proves that every file scores as here with both runtimes: int8 equal, float32 within its bound."""
    assert there.probe["errors"] == {}
    assert there.probe["scores"].keys() == here["scores"].keys()
    assert {key.split()[1] for key in here["scores"]} == {"litert", "onnxruntime"}
    for key, scores in there.probe["scores"].items():
        file, backend = key.split()
        difference = largest_difference(scores, here["scores"][key])
        measurements.check(f"arm {file.split('.')[1]}", f"{name}, {board}, {backend}", difference)


def test_base_install_proves_itself(folder: Path, there: Outcome) -> None:
    """Proves that the wheel with its base dependencies alone passes the bundle's self-test on a Pi."""
    assert ".cache/arm/base/" in there.package
    assert not there.has_onnx
    assert there.selftest.returncode == 0, there.selftest.stdout + there.selftest.stderr
    checks = [json.loads(line) for line in there.selftest.stdout.splitlines()]
    bundle = read_bundle(folder)
    named = {file.path for file in bundle.files} | {picture.path for picture in bundle.selftest}
    assert {check["name"] for check in checks} == named | {"model.int8.tflite with litert"}
    assert all(check["passed"] for check in checks)


def test_base_install_classifies(folder: Path, pictures: Path, there: Outcome) -> None:
    """Proves that `catdog-edge classify` from a base install gives the label and score of this machine."""
    assert there.classify.returncode == 0, there.classify.stderr
    answer = json.loads(there.classify.stdout)
    expected = Classifier.open(folder, "litert", precision="int8").classify(answer["path"]).to_dict()
    assert (answer["label"], answer["scores"]) == (expected["label"], expected["scores"])


def test_packaged_network_proves_itself(board: str) -> None:
    """Proves that the network in the wheel passes its self-test on a Pi, with nothing else at hand."""
    done = on(board, "base").command("selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "model.int8.tflite with litert" in done.stdout
