"""The layers that spoil an int8 file are found, and keeping them in float repairs it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.backends import open_model
from edge_runtime.bundle import Precision
from edge_runtime.picture.preprocessing import load_picture
from exporter.export import export
from exporter.formats.conversion import Converter, plan_targets
from exporter.formats.table import format_named
from exporter.plan import ExportPlan
from exporter.report.plots import flipped
from exporter.source import load_split_pictures, read_source
from tests.exporter.conftest import (
    CALIBRATION_COUNT,
    Stages,
    environment,
    run_export,
    run_of,
    spoiled_network,
    target,
)

JUDGE = {"tflite": "litert", "onnx": "onnxruntime"}


def test_every_weighted_layer_is_measured_worst_first(converter, files, train_pixels, format_):
    """Three convolutions and two dense layers, in rising order, on a sound network all well above the noise."""
    int8 = files[f"model.int8.{format_}"].content
    errors = format_named(format_).measure_layer_errors(converter.float32(format_), int8, train_pixels[:8])
    assert len({error.name for error in errors}) == 5
    decibels = [error.signal_to_noise_db for error in errors]
    assert decibels == sorted(decibels)
    assert 10 < decibels[0] <= decibels[-1] < 70
    assert json.loads(json.dumps(errors[0].to_dict())).keys() == {"name", "kind", "signal_to_noise_db"}


def test_the_spoiled_layer_comes_first(train_pixels, format_):
    """A layer whose small weights all become 0 has an error as large as its signal; the layers before have not."""
    converter = Converter(spoiled_network(), train_pixels)
    int8 = converter.convert(target(format_, "int8")).content
    worst, *others = format_named(format_).measure_layer_errors(converter.float32(format_), int8, train_pixels[:8])
    assert "verdict" in worst.name
    assert worst.signal_to_noise_db < 10
    assert all(error.signal_to_noise_db > 25 for error in others)


def test_layer_error_is_that_of_the_values(train_pixels):
    """The figure of a TFLite file's last layer is the one worked out from its logits by hand."""
    converter = Converter(spoiled_network(), train_pixels)
    int8 = converter.convert(target("tflite", "int8")).content
    float32 = converter.float32("tflite")
    worst = format_named("tflite").measure_layer_errors(float32, int8, train_pixels[:8])[0]

    def logits(content):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
        interpreter.allocate_tensors()
        source = interpreter.get_input_details()[0]
        tensor = next(found for found in interpreter.get_tensor_details() if found["name"] == worst.name)
        scale, zero_point = tensor["quantization"]
        for picture in train_pixels[:8]:
            interpreter.set_tensor(source["index"], picture[None].astype(source["dtype"]))
            interpreter.invoke()
            value = float(interpreter.get_tensor(tensor["index"]).ravel()[0])
            yield (value - zero_point) * scale if scale else value

    exact, rough = np.array(list(logits(float32))), np.array(list(logits(int8)))
    expected = 10 * np.log10((exact**2).sum() / ((exact - rough) ** 2).sum())
    assert worst.signal_to_noise_db == pytest.approx(expected, abs=0.1)


@pytest.fixture(scope="session")
def spoiled_source(spoiled_run):
    return read_source(spoiled_run)


def plan(**options) -> ExportPlan:
    """Return a plan of float32 and int8 files that lets 20 % go."""
    targets = plan_targets(("tflite", "onnx"), (Precision.FLOAT32, Precision.INT8))
    return ExportPlan(targets, calibration_count=CALIBRATION_COUNT, max_drop=0.2, **options)


@pytest.fixture(scope="session")
def failed(spoiled_run, tmp_path_factory):
    """The command that exports the spoiled run over an old bundle, finished."""
    cwd = tmp_path_factory.mktemp("failed")
    old = cwd / "bundles" / "spoiled"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text("the old one")
    options = ("--run", spoiled_run, "--calibration-count", CALIBRATION_COUNT, "--max-drop", 0.2)
    return run_export(*options, cwd=cwd), cwd / "bundles"


def test_a_failed_gate_is_exit_code_3(failed):
    """The command says that no bundle was written, where the report is, and which files failed."""
    done, _ = failed
    assert done.returncode == 3, done.stderr
    states = {line.split()[0]: line.split()[-1] for line in done.stdout.splitlines()[:-1]}
    assert states == {
        "model.float32.tflite": "passed",
        "model.int8.tflite": "failed",
        "model.float32.onnx": "passed",
        "model.int8.onnx": "failed",
    }
    assert done.stdout.splitlines()[-1] == "bundles/spoiled.failed/report.md"
    assert done.stderr.splitlines()[-1] == "the drift gate failed: no bundle was written, only the report"


def test_a_failed_gate_leaves_a_report_and_nothing_that_looks_finished(failed):
    """Beside the untouched old bundle is a folder with report, flipped pictures and the errors of the layers."""
    _, bundles = failed
    assert {path.name for path in bundles.iterdir()} == {"spoiled", "spoiled.failed"}
    assert (bundles / "spoiled" / "manifest.json").read_text() == "the old one"
    names = {path.name for path in (bundles / "spoiled.failed").iterdir()}
    assert names >= {"report.md", "report.html", "layer_errors.json", "conversion.log"}
    assert "manifest.json" not in names
    assert not [name for name in names if name.startswith("model")]


def test_the_failure_report_says_why(failed):
    """The report begins with the verdict, shows the drop of each file and lists the layers, the worst first."""
    folder = failed[1] / "spoiled.failed"
    text = (folder / "report.md").read_text()
    assert text.startswith("# Export of spoiled: failed\n")
    assert "- `model.int8.tflite`: **failed**, -50.00%" in text
    for format_ in JUDGE:
        table = text.split(f"### Layers of the failed `model.int8.{format_}`, worst first")[1]
        assert "verdict" in table.splitlines()[4]
    stored = json.loads((folder / "layer_errors.json").read_text())
    assert stored.keys() == {"model.int8.tflite", "model.int8.onnx"}
    for errors in stored.values():
        assert "verdict" in errors[0]["name"]
        assert len(errors) == 3


def test_the_failure_report_shows_the_flips_and_has_what_it_names(failed):
    """A picture of flips for each failed file, in the page too, and the files that the text sends readers to."""
    folder = failed[1] / "spoiled.failed"
    text = (folder / "report.md").read_text()
    for format_ in JUDGE:
        assert f"![Flips of model.int8.{format_}](flips.int8.{format_}.png)" in text
    assert text.count("](flips.") == 2
    assert (folder / "report.html").read_text().count('src="data:image/png;base64,iVBOR') == 4
    calibration = json.loads((folder / "calibration.json").read_text())
    assert len(calibration["pictures"]) == CALIBRATION_COUNT
    operators = json.loads((folder / "operators.json").read_text())
    assert operators.keys() >= {"model.int8.tflite", "model.int8.onnx"}


def test_flips_are_those_of_another_label_worst_first():
    """Right to wrong by how much the true label lost, then wrong to right, and no picture of the same label."""
    truth = np.array([0, 0, 0, 1, 1, 1])
    of_cat = np.array([[0.9, 0.8], [0.6, 0.4], [0.9, 0.1], [0.6, 0.3], [0.2, 0.9], [0.7, 0.9]])
    keras, file = (np.stack([column, 1 - column], axis=1) for column in of_cat.T)
    assert flipped(keras, file, truth).tolist() == [2, 4, 1, 3]


MIXED = """
import hashlib
import numpy as np
from exporter.formats.conversion import Converter
from exporter.formats.table import format_named
from tests.exporter.conftest import spoiled_network, target

pictures = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3)).astype(np.uint8)
converter = Converter(spoiled_network(), pictures)
for format_ in ("tflite", "onnx"):
    int8 = converter.convert(target(format_, "int8")).content
    worst = format_named(format_).measure_layer_errors(converter.float32(format_), int8, pictures)[0]
    mixed = converter.convert(target(format_, "mixed"), keep_float=(worst.name,)).content
    print("mixed", format_, worst.kind, hashlib.sha256(mixed).hexdigest())
"""


def test_a_mixed_file_is_the_same_bytes_again():
    """Made in another process from the same network, pictures and layer in float, both have the same bytes."""

    def made():
        command = [sys.executable, "-c", MIXED]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
        return [line for line in done.stdout.splitlines() if line.startswith("mixed")]

    first = made()
    assert [line.split()[1] for line in first] == ["tflite", "onnx"]
    assert made() == first


@pytest.fixture(scope="session")
def repaired(spoiled_source, tmp_path_factory):
    """The same with repair, over the report of an earlier failure."""
    bundle = tmp_path_factory.mktemp("repaired") / "spoiled"
    bundle.with_name("spoiled.failed").mkdir()
    stages = Stages([])
    return export(spoiled_source, bundle, plan(repair=True), observer=stages), stages


def test_repair_passes_the_gate(repaired):
    """A mixed file takes the place of each int8 file, passes, and the earlier failure's report is gone."""
    outcome, _ = repaired
    assert outcome.state == "passed"
    assert [path.name for path in outcome.folder.parent.iterdir()] == ["spoiled"]
    assert [file.path for file in read_bundle(outcome.folder).files] == [
        "model.float32.tflite",
        "model.mixed.tflite",
        "model.float32.onnx",
        "model.mixed.onnx",
    ]
    assert not list(outcome.folder.glob("*int8*"))


def test_repair_keeps_one_layer_at_a_time(repaired):
    """The guilty layer is the worst, so one try is enough in each format."""
    tries = [name for name in repaired[1].names if name.startswith("repairing")]
    assert tries == [f"repairing model.int8.{format_}, 1 of 3 layers in float" for format_ in JUDGE]


def test_two_spoiled_layers_are_kept_one_at_a_time(run_folder, tmp_path):
    """Where one layer in float is not enough, the next worst joins it, and the manifest names both."""
    source = read_source(run_of(spoiled_network(layers_spoiled=2), run_folder, tmp_path / "spoiled"))
    wanted = (target("tflite", "int8"),)
    wanted = ExportPlan(wanted, calibration_count=CALIBRATION_COUNT, max_drop=0.2, repair=True)
    stages = Stages([])
    outcome = export(source, tmp_path / "b", wanted, observer=stages)
    assert outcome.state == "passed"
    tries = [name for name in stages.names if name.startswith("repairing")]
    assert tries == [f"repairing model.int8.tflite, {count} of 4 layers in float" for count in (1, 2)]
    kept = outcome.bundle.training["kept_float"]["model.mixed.tflite"]
    assert sorted(name in " ".join(kept) for name in ("spoiled1", "verdict")) == [True, True]
    assert len(kept) == 2


def test_the_report_says_what_the_repair_costs(repaired):
    """Which layer stays in float, how much larger the file is and how much longer it takes."""
    text = (repaired[0].folder / "report.md").read_text()
    for format_ in JUDGE:
        part = text.split(f"The gate failed `model.int8.{format_}` at a difference of -50.00%.")[1]
        kept = [line for line in part.split("\nSize")[0].splitlines() if line.startswith("- `")]
        assert len(kept) == 1
        assert "verdict" in kept[0]
        size, duration = part.split("Size ")[1].split(" times")[0], part.split("Time ")[1].split(" times")[0]
        assert 0.8 < float(size) < 1.5
        assert 0.1 < float(duration) < 10
    assert text.count("; repaired, see below") == 2


def test_repaired_files_are_right_where_int8_was_not(repaired, spoiled_source):
    """Run from the bundle's bytes, each mixed file gives every test picture the Keras model's label."""
    pixels, targets = load_split_pictures(spoiled_source.sides["test"], spoiled_source.preprocessing)
    for format_, backend in JUDGE.items():
        model = open_model(backend, (repaired[0].folder / f"model.mixed.{format_}").read_bytes(), 1)
        assert model.input.dtype == "uint8"
        answers = np.array([model.predict(picture)[0] > 0.5 for picture in pixels])
        assert (answers == targets).mean() >= 0.95


@pytest.mark.parametrize("backend", JUDGE.values())
def test_a_mixed_file_can_be_asked_for(repaired, backend):
    """The edge runtime opens the repaired file and gives the self-test's scores."""
    folder = repaired[0].folder
    classifier = Classifier.open(folder, backend, precision="mixed")
    for picture in classifier.bundle.selftest:
        scores = classifier.scores(load_picture(folder / picture.path, classifier.bundle.preprocessing))
        np.testing.assert_allclose(scores, picture.scores[classifier.file.path], atol=1e-5)


def test_without_repair_a_tiny_limit_keeps_int8(spoiled_source, tmp_path):
    """A gate that lets everything go passes the spoiled file too: the verdict is the user's limit, nothing else."""
    wanted = ExportPlan((target("tflite", "int8"),), calibration_count=CALIBRATION_COUNT, max_drop=1.0)
    assert export(spoiled_source, tmp_path / "b", wanted, observer=Stages([])).state == "passed"
