"""A backend and a format are added by one entry in a table each; the benchmark measures, draws and names them."""

import hashlib
import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from benchmarks.report.looks import list_looks
from benchmarks.run.record import read_report
from edge_runtime.backends import BACKENDS, BackendLibrary
from edge_runtime.bundle import FORMATS, MANIFEST, ModelFile, ModelFormat, Precision, TensorInfo
from tests.benchmarks.commands.test_run import SCHEMA
from tests.benchmarks.conftest import bench, read_csv, write_bench_bundle, write_pictures

ROOT = Path(__file__).parents[2]
CONTENT = b"0.25 0.75"
IMAGE = TensorInfo("image", "uint8", (1, 16, 16, 3))
SCORES = TensorInfo("scores", "float32", (1, 2))
SPELLER = '''
"""A backend whose model file spells out the scores that it gives every picture."""
import numpy as np
from edge_runtime.bundle import TensorInfo

class Spelled:
    input = TensorInfo("image", "uint8", (1, 16, 16, 3))
    output = TensorInfo("scores", "float32", (1, 2))

    def __init__(self, content):
        self.scores = np.array(content.split(), np.float32)

    def predict(self, pixels):
        return self.scores

def open_model(content, threads):
    return Spelled(content)
'''
REGISTER = """
from edge_runtime.backends import BACKENDS, BackendLibrary
from edge_runtime.bundle import FORMATS, ModelFormat
FORMATS["spelled"] = ModelFormat("Spelled", ".spelled")
BACKENDS["speller"] = BackendLibrary("Speller", "bench_speller", "bench_speller", "spelled", "pip install speller")
"""


@pytest.fixture
def speller(tmp_path, monkeypatch):
    """Add the entries to the tables of this process and of every Python process that it starts."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "bench_speller.py").write_text(SPELLER)
    (folder / "sitecustomize.py").write_text(REGISTER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(FORMATS, "spelled", ModelFormat("Spelled", ".spelled"))
    library = BackendLibrary("Speller", "bench_speller", "bench_speller", "spelled", "pip install speller")
    monkeypatch.setitem(BACKENDS, "speller", library)
    yield
    sys.modules.pop("bench_speller", None)


@pytest.fixture
def report_folder(speller, tmp_path, tflite_int8):
    """The report of a bundle with an int8 TFLite file and one of the new format."""
    bundle = write_bench_bundle(tmp_path / "bundle", {Precision.INT8: tflite_int8})
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = ModelFile("model.spelled", "spelled", Precision.FLOAT32, len(CONTENT), digest, IMAGE, SCORES, "", {})
    (bundle / file.path).write_bytes(CONTENT)
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest["files"].append(file.to_dict())
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    data, out = write_pictures(tmp_path / "pictures", 8), tmp_path / "report"
    done = bench("run", "--bundle", bundle, "--data", data, "--out", out, "--rounds", 10, "--threads", 1)
    assert done.exit_code == 0, done.output
    return out


def test_it_is_measured_shown_and_recommended(report_folder):
    """Proves that time, accuracy, tables, plots and verdicts are there for a format that no code here knows.

    Its marker and its line are its own, and the known ones keep theirs.
    """
    report = read_report(report_folder)
    names = {item.configuration.name for item in report.measured}
    assert names == {"model.spelled speller 1", "model.int8.tflite litert 1"}
    accuracy = {item.file_and_backend: item.accuracy for item in report.accuracy}
    assert accuracy == {("model.spelled", "speller"): 0.5, ("model.int8.tflite", "litert"): 1.0}  # red every time
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads((report_folder / "report.json").read_text()))
    rows = {row["file"]: row for row in read_csv(report_folder / "report.csv")}
    assert (rows["model.spelled"]["backend"], rows["model.spelled"]["accuracy"]) == ("speller", "0.5")
    assert "| `model.spelled` | speller | 1 |" in (report_folder / "report.md").read_text()
    page = (report_folder / "report.html").read_text()
    assert page.count(">float32 spelled<") >= 4  # in the plots, whose letters are letters
    assert page.count(">int8 tflite<") >= 4
    for plot in report_folder.glob("*.png"):
        with Image.open(plot) as picture:
            assert len(picture.convert("RGB").getcolors(1_000_000)) > 20, plot.name
    assert "model.spelled" in bench("recommend", report_folder).stdout
    assert bench("compare", report_folder, report_folder).stdout.count("model.spelled speller") == 4
    looks = list_looks(report)
    new, known = looks["model.spelled", "speller"], looks["model.int8.tflite", "litert"]
    assert new.name == "float32 spelled"
    assert (known.marker, known.line) == ("o", "-")
    assert new.marker not in ("o", "s", "^")
    assert new.line not in ("-", "--")
