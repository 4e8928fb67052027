"""A new backend and a new format need one entry in a table each, and every command then knows them."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Classifier
from edge_runtime.backends import BACKENDS, BackendLibrary, installed_backends
from edge_runtime.backends.selection import candidates, fastest_first
from edge_runtime.bundle import (
    FORMATS,
    MANIFEST,
    Manifest,
    ModelFile,
    ModelFormat,
    Precision,
    TensorInfo,
    read_bundle,
)
from edge_runtime.commands.doctor import examine
from edge_runtime.commands.info import bundle_lines, describe_bundle
from edge_runtime.commands.selftest import run_selftest
from edge_runtime.errors import BundleError
from edge_runtime.picture.preprocessing import Preprocessing

ROOT = Path(__file__).parents[3]
MODULE = "tests_of_a_new_backend"
CONTENT = b"0.25 0.75"
SPELLER = """
import numpy as np
from edge_runtime.bundle import TensorInfo

class Spelled:
    input = TensorInfo("image", "uint8", (1, 16, 16, 3))
    output = TensorInfo("scores", "float32", (1, 2))

    def __init__(self, content):
        self.scores = np.array(content.split(), np.float32)

    def predict(self, pixels):
        assert pixels.shape == (16, 16, 3)
        return self.scores

def open_model(content, threads):
    return Spelled(content)
"""
# Python runs it at the start of every process that has its folder on the path.
REGISTER = f"""
from edge_runtime.backends import BACKENDS, BackendLibrary
from edge_runtime.bundle import FORMATS, ModelFormat
FORMATS["spelled"] = ModelFormat("Spelled", ".spelled")
BACKENDS["speller"] = BackendLibrary("Speller", "{MODULE}", "json", "spelled", "pip install speller")
"""
TENSOR = TensorInfo("image", "uint8", (1, 16, 16, 3))
SCORES = TensorInfo("scores", "float32", (1, 2))


@pytest.fixture
def new_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The name of a new backend for a new format. Its library is Python's `json`.

    The processes that this one starts know it too.
    """
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / f"{MODULE}.py").write_text(SPELLER)
    (folder / "sitecustomize.py").write_text(REGISTER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(FORMATS, "spelled", ModelFormat("Spelled", ".spelled"))
    library = BackendLibrary("Speller", MODULE, "json", "spelled", "pip install speller")
    monkeypatch.setitem(BACKENDS, "speller", library)
    yield "speller"
    sys.modules.pop(MODULE, None)


@pytest.fixture
def spelled_bundle(new_backend: str, tmp_path: Path) -> Path:
    """A bundle with one file of the new format."""
    return write_spelled(tmp_path / "spelled")


def write_spelled(folder: Path) -> Path:
    """Write the bundle."""
    folder.mkdir()
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = ModelFile(
        "model.spelled", "spelled", Precision.FLOAT32, len(CONTENT), digest, TENSOR, SCORES, "speller 1.0", {}
    )
    manifest = Manifest("spelled", ("blue", "red"), Preprocessing(16, 16), (file,), {})
    (folder / "model.spelled").write_bytes(CONTENT)
    (folder / MANIFEST).write_text(json.dumps(manifest.to_dict()))
    return folder


def test_it_is_selected_and_classifies(spelled_bundle: Path) -> None:
    """Proves that `auto` finds the only backend that loads the file, and that its scores are the answer."""
    assert "speller" in installed_backends()
    classifier = Classifier.open(spelled_bundle)
    assert (classifier.backend, classifier.file.path) == ("speller", "model.spelled")
    prediction = classifier.classify(np.zeros((20, 20, 3), np.uint8))
    assert (prediction.label, prediction.scores) == ("red", {"blue": 0.25, "red": 0.75})


def test_it_takes_its_place_in_the_order(spelled_bundle: Path, processor: Callable[[str], None]) -> None:
    """Proves that the order of three or more backends comes from the table, and that none is left out."""
    processor("avx2 avx512_vnni")
    assert fastest_first(reversed(BACKENDS)) == tuple(BACKENDS)
    processor("avx2")
    assert fastest_first(BACKENDS) == ("onnxruntime", "litert", "tflite-runtime", "speller")
    assert [name for _, name in candidates(read_bundle(spelled_bundle))] == ["speller"]


def test_info_shows_it(spelled_bundle: Path) -> None:
    """Proves that info shows the new file and the new backend."""
    text = "\n".join(bundle_lines(describe_bundle(spelled_bundle)))
    assert "in use with speller" in text
    assert "in use: model.spelled with speller" in text


def test_info_orders_by_title(
    new_backend: str, write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes]
) -> None:
    """Proves that the reason names each backend that can run a file, once and by its title."""
    folder = write_bundle({"float32.onnx": onnx_file("sigmoid")})
    values = json.loads((folder / MANIFEST).read_text())
    digest = hashlib.sha256(CONTENT).hexdigest()
    spelled = ModelFile("a.spelled", "spelled", Precision.FLOAT32, len(CONTENT), digest, TENSOR, SCORES, "", {})
    values["files"].append(spelled.to_dict())
    (folder / MANIFEST).write_text(json.dumps(values))
    (folder / "a.spelled").write_bytes(CONTENT)
    assert "int8 before float, ONNX Runtime before Speller on this processor" in describe_bundle(folder)["reason"]


def test_selftest_runs_it(spelled_bundle: Path) -> None:
    """Proves that the self-test runs the file with the new backend."""
    checks = {check.name: check for check in run_selftest(spelled_bundle)}
    assert checks["model.spelled with speller"].passed


def test_doctor_looks_at_it(new_backend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proves that doctor checks each backend of the table and gives the install command of a missing one."""
    found = {finding.name: finding for finding in examine()}
    assert found["speller"].state == "ok"
    (tmp_path / "modules" / f"{MODULE}.py").write_text("raise ImportError('of another kind')")
    found = {finding.name: finding for finding in examine()}
    assert found["speller"].state == "missing"
    assert found["speller"].fix == "pip install speller --force-reinstall"
    monkeypatch.setitem(BACKENDS, "speller", BACKENDS["speller"]._replace(library="no_such_library"))
    found = {finding.name: finding for finding in examine()}
    assert (found["speller"].value, found["speller"].fix) == ("not installed", "pip install speller")


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    """Proves that a file of an unknown format is refused, and that the error lists the known formats."""
    folder = write_spelled(tmp_path / "spelled")
    with pytest.raises(BundleError, match="the format 'spelled' is unknown, expected tflite or onnx"):
        read_bundle(folder)
