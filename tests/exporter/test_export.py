"""A whole export of a small trained network, through the command line as a user would."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.bundle import ModelFormat, Precision
from exporter.export import ExportPlan, ExportTarget, export, plan_targets
from exporter.keras_model import keras_scores, load_keras_model
from exporter.source import load_split_pictures
from tests.exporter.conftest import Stages


def run_export(*arguments, cwd):
    command = [sys.executable, "-m", "exporter.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="session")
def exported(run_folder, tmp_path_factory):
    """The finished command and the folder it ran in."""
    cwd = tmp_path_factory.mktemp("cwd")
    return run_export("--run", run_folder, "--quantize", "int8", cwd=cwd), cwd


@pytest.fixture(scope="session")
def bundle_folder(exported):
    return exported[1] / "bundles" / "small"


def test_the_command_succeeds_and_says_what_comes_next(exported):
    """Exit code 0; results alone on stdout; no converter chatter; the last line names the next command."""
    done, _ = exported
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "model.float32.tflite",
        "model.int8.tflite",
        "model.float32.onnx",
        "model.int8.onnx",
        "bundles/small/report.md",
    ]
    lines = done.stderr.strip().splitlines()
    assert lines[-1] == "next: catdog-edge classify --model bundles/small PICTURE"
    assert all(line.startswith(("reading", "scoring", "converting", "checking", "next:")) for line in lines)


def test_the_manifest_describes_the_files(bundle_folder):
    """Size and SHA-256 in the manifest are those of the files; drift is there for each."""
    bundle = read_bundle(bundle_folder)
    assert bundle.labels == ("cat", "dog")
    for file in bundle.files:
        content = (bundle_folder / file.path).read_bytes()
        assert (file.size_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert file.drift["pictures"] == 24


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_float32_scores_are_those_of_keras(source, bundle_folder, backend):
    """Each float32 file, run by the edge runtime, is within 1e-5 of the unfolded Keras model."""
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    classifier = Classifier.open(bundle_folder, backend, precision="float32")
    scores = np.array([classifier.scores(picture) for picture in pixels])
    np.testing.assert_allclose(scores, keras_scores(load_keras_model(source), pixels), atol=1e-5)


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_int8_scores_are_close_to_keras(source, bundle_folder, backend):
    """Each int8 file is near the Keras model: mean difference below 0.05 on a network trained for 12 steps."""
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    classifier = Classifier.open(bundle_folder, backend, precision="int8")
    scores = np.array([classifier.scores(picture) for picture in pixels])
    assert np.abs(scores - keras_scores(load_keras_model(source), pixels)).mean() < 0.05


def test_int8_tflite_is_integer_from_end_to_end(bundle_folder):
    """Pictures go in as uint8, scores come out as uint8, and no tensor in between is floating point."""
    from ai_edge_litert.interpreter import Interpreter

    content = (bundle_folder / "model.int8.tflite").read_bytes()
    interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    assert interpreter.get_input_details()[0]["dtype"] is np.uint8
    assert interpreter.get_output_details()[0]["dtype"] is np.uint8
    floats = [tensor["name"] for tensor in interpreter.get_tensor_details() if tensor["dtype"] is np.float32]
    assert floats == []


def test_int8_onnx_quantises_every_weighted_layer(bundle_folder):
    """Every convolution and matrix product of the int8 ONNX file reads dequantised 8-bit tensors."""
    import onnx

    graph = onnx.load(bundle_folder / "model.int8.onnx").graph
    made_by = {output: node for node in graph.node for output in node.output}
    weighted = [node for node in graph.node if node.op_type in ("Conv", "MatMul", "Gemm")]
    assert len(weighted) == 5
    for node in weighted:
        assert all(made_by[name].op_type == "DequantizeLinear" for name in node.input[:2]), node.name


def test_calibration_is_recorded_and_apart_from_the_test_split(source, bundle_folder):
    """calibration.json lists training pictures by hash, none of the test split."""
    record = json.loads((bundle_folder / "calibration.json").read_text())
    hashes = {picture["sha256"] for picture in record["pictures"]}
    assert len(hashes) == 48
    assert hashes <= {picture.sha256 for picture in source.sides["train"]}
    assert not hashes & {picture.sha256 for picture in source.sides["test"]}


def test_a_failed_export_leaves_the_old_bundle(source, tmp_path):
    """An export that breaks off in the middle leaves the bundle that was there, and nothing else."""

    class Breaks(Stages):
        def on_stage(self, name):
            super().on_stage(name)
            if name.startswith("checking"):
                raise KeyboardInterrupt

    target = tmp_path / "bundles" / "b"
    target.mkdir(parents=True)
    (target / "old").write_text("old")
    plan = ExportPlan((ExportTarget(ModelFormat.TFLITE, Precision.FLOAT32),))
    with pytest.raises(KeyboardInterrupt):
        export(source, target, plan, observer=Breaks([]))
    assert [path.name for path in target.parent.iterdir()] == ["b"]
    assert [path.name for path in target.iterdir()] == ["old"]


def test_same_inputs_and_seed_give_the_same_tflite_files(source, tmp_path):
    """Two exports in one process write byte-identical TFLite files."""
    plan = ExportPlan(plan_targets((ModelFormat.TFLITE,), (Precision.FLOAT32, Precision.INT8)))
    first, second = (export(source, tmp_path / name, plan, observer=Stages([])) for name in ("a", "b"))
    assert [file.sha256 for file in first.files] == [file.sha256 for file in second.files]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "no finished run in runs/"), (("--run", "nowhere"), "nowhere: no finished run there")],
)
def test_a_missing_run_is_one_clear_line(tmp_path, arguments, message):
    """Exit code 1 and one line that names the command to type."""
    done = run_export(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert "catdog-train" in done.stderr
    assert len(done.stderr.splitlines()) == 1
