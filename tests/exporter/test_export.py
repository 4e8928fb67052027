"""A whole export of a small trained network, through the command line as a user would."""

import json
import os
import re
import shutil

import numpy as np
import pytest

from edge_runtime import Classifier, read_bundle
from exporter.errors import ConversionError, SourceError
from exporter.export import export
from exporter.network.confidence import choose_threshold, temper
from exporter.network.model import keras_scores, load_keras_model
from exporter.plan import ExportPlan
from exporter.source import load_split_pictures
from tests.exporter.conftest import CALIBRATION_COUNT, FILES, Stages, run_export, target
from tests.exporter.formats.test_operators import network

STAGES = ("reading", "scoring", "converting", "checking", "second calibration", "writing")


@pytest.fixture(scope="session")
def lenient(run_folder, tmp_path_factory):
    """The export of `exported` with a limit that 32 pictures can show to hold, in another process and folder."""
    cwd = tmp_path_factory.mktemp("lenient")
    options = ("--quantize", "all", "--calibration-count", CALIBRATION_COUNT, "--max-drop", 0.5)
    return run_export("--run", run_folder, *options, cwd=cwd), cwd


def test_too_few_pictures_are_exit_code_4(exported):
    """32 test pictures cannot prove 1 %: every file is written, none has failed, and the exit code says unsure."""
    done, _ = exported
    assert done.returncode == 4, done.stderr
    *lines, last = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == FILES
    assert {line.split()[-1] for line in lines} == {"inconclusive"}
    assert last == "bundles/small/report.md"


def test_the_report_says_how_many_pictures_would_do(exported, bundle_folder):
    """Without a flip 381 pictures show 1 % to hold, give or take the search's hundredth, and the report says so."""
    text = (bundle_folder / "report.md").read_text()
    needed = re.search(
        r"`model\.float32\.tflite`: \*\*inconclusive\*\*.*; about (\d+) test pictures would decide", text
    )
    assert 381 <= int(needed[1]) <= 386
    verdict = read_bundle(bundle_folder).files[0].drift["gate"]
    assert verdict == {"state": "inconclusive", "max_drop": 0.01, "pictures_needed": int(needed[1])}


def test_a_limit_that_is_kept_is_exit_code_0(lenient):
    """With --max-drop 0.5 every file passes."""
    done, cwd = lenient
    assert done.returncode == 0, done.stderr
    assert {line.split()[-1] for line in done.stdout.splitlines()[:-1]} == {"passed"}
    assert read_bundle(cwd / "bundles" / "small").training["gate"] == "passed"


def test_the_report_states_the_rule_of_the_gate(bundle_folder, lenient):
    """Proves that each report says in points, for the limit it was judged by, what passes and what fails."""
    for folder, limit in ((bundle_folder, "-1"), (lenient[1] / "bundles" / "small", "-50")):
        text = (folder / "report.md").read_text()
        assert f"- passed: the lower end of the interval is at least {limit} points.\n" in text
        assert f"- failed: the upper end of the interval is below {limit} points.\n" in text


def test_the_terminal_has_stages_and_no_chatter(exported):
    """Standard error has a line for each stage with its time and the next command; nothing of any converter."""
    *lines, last = exported[0].stderr.strip().splitlines()
    assert last == "next: catdog-edge classify --bundle bundles/small PICTURE"
    assert all(re.fullmatch(rf"({'|'.join(STAGES)}) .*: \d+\.\d s", line) for line in lines), lines
    assert {line.split()[0] for line in lines} == {stage.split()[0] for stage in STAGES}


def test_the_chatter_is_in_the_log(bundle_folder):
    """What TensorFlow and LiteRT wrote to the terminal's descriptors is kept in the bundle."""
    assert "TensorFlow Lite" in (bundle_folder / "conversion.log").read_text(errors="replace")


def test_the_manifest_has_the_drift_of_each_file_and_class(bundle_folder):
    """All figures of the drift, for all pictures and for those of each label, which add up."""
    for file in read_bundle(bundle_folder).files:
        assert file.drift["pictures"] == 32
        assert file.drift["by_class"].keys() == {"cat", "dog"}
        for key in ("pictures", "right_to_wrong", "wrong_to_right"):
            assert sum(found[key] for found in file.drift["by_class"].values()) == file.drift[key]
        low, high = file.drift["difference_interval"]
        assert low <= file.drift["difference"] <= high


def test_the_threshold_is_that_of_the_validation_split(source, bundle_folder):
    """The manifest's threshold is chosen on validation pictures with the temperature, and the report shows it."""
    pixels, targets = load_split_pictures(source.sides["validation"], source.preprocessing)
    bundle = read_bundle(bundle_folder)
    scores = temper(keras_scores(load_keras_model(source), pixels), bundle.training["temperature"]["value"])
    assert bundle.confidence_threshold == choose_threshold(scores, targets) >= 0.5
    assert f"### Unsure below {bundle.confidence_threshold:.3f}" in (bundle_folder / "report.md").read_text()


def test_the_manifest_has_the_stability_of_int8(bundle_folder):
    """Each int8 file is compared with one of other calibration pictures: not the same file, and not far off."""
    stability = read_bundle(bundle_folder).training["stability"]
    assert stability.keys() == {"model.int8.tflite", "model.int8.onnx"}
    for found in stability.values():
        assert found["pictures"] == 32
        assert found["agreement"] >= 0.7
        assert 0 < found["mean_difference"] <= found["largest_difference"] < 0.5


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_float32_scores_are_those_of_keras(source, bundle_folder, tempered, backend):
    """Each float32 file, run by the edge runtime, is within 1e-5 of the unfolded Keras model, tempered."""
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    classifier = Classifier.open(bundle_folder, backend, precision="float32")
    scores = np.array([classifier.scores(picture) for picture in pixels])
    np.testing.assert_allclose(scores, tempered, atol=1e-5)


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_int8_scores_are_close_to_keras(source, bundle_folder, tempered, backend):
    """Each int8 file is near the tempered Keras model, and the manifest's figure is the one measured here."""
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    classifier = Classifier.open(bundle_folder, backend, precision="int8")
    scores = np.array([classifier.scores(picture) for picture in pixels])
    difference = np.abs(scores - tempered).mean()
    assert difference < 0.05
    assert classifier.file.drift["mean_difference"] == pytest.approx(difference, abs=1e-5)


def test_operators_are_counted_per_file(bundle_folder):
    """operators.json has the table of every file; the int8 TFLite file's has no float32 in it."""
    stored = json.loads((bundle_folder / "operators.json").read_text())
    assert list(stored) == FILES
    assert "float32" not in json.dumps(stored["model.int8.tflite"])
    in_float = [row["operator"] for row in stored["model.int8.onnx"]["operators"] if "float32" in row["outputs"]]
    assert in_float == ["DequantizeLinear"]


def test_calibration_is_recorded_and_apart_from_the_test_split(source, bundle_folder):
    """calibration.json lists training pictures by hash, none of the test split."""
    record = json.loads((bundle_folder / "calibration.json").read_text())
    hashes = {picture["sha256"] for picture in record["pictures"]}
    assert len(hashes) == CALIBRATION_COUNT
    assert hashes <= {picture.sha256 for picture in source.sides["train"]}
    assert not hashes & {picture.sha256 for picture in source.sides["test"]}


def test_a_second_export_writes_the_same_bytes(bundle_folder, lenient):
    """Every model file, TFLite and ONNX, is byte-identical when another process exports the same run again."""
    again = lenient[1] / "bundles" / "small"
    different = [name for name in FILES if (again / name).read_bytes() != (bundle_folder / name).read_bytes()]
    assert different == []
    assert "All model files are the same bytes at each export" in (bundle_folder / "report.md").read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SourceError, MemoryError])
def test_an_interrupted_export_leaves_the_old_bundle(source, tmp_path, error):
    """An export that breaks off in the middle leaves the bundle that was there, and nothing else."""

    class Breaks(Stages):
        def on_stage(self, name):
            super().on_stage(name)
            if name.startswith("checking"):
                raise error

    bundle = tmp_path / "bundles" / "b"
    bundle.mkdir(parents=True)
    (bundle / "old").write_text("old")
    with pytest.raises(error):
        export(source, bundle, ExportPlan((target("tflite", "float32"),)), observer=Breaks([]))
    assert [path.name for path in bundle.parent.iterdir()] == ["b"]
    assert [path.name for path in bundle.iterdir()] == ["old"]


def test_a_failed_conversion_keeps_its_log(source, tmp_path):
    """An int8 file with a float operator ends the export; the error names the log, which holds what was printed."""

    class Prints(Stages):
        def on_stage(self, name):
            os.write(2, name.encode())

    network("elu", side=64).save(tmp_path / "elu.keras")
    source = type(source)(**vars(source) | {"model_path": tmp_path / "elu.keras"})
    bundle = tmp_path / "bundles" / "b"
    bundle.mkdir(parents=True)
    log = tmp_path / "bundles" / "b.failed" / "conversion.log"
    with pytest.raises(ConversionError, match=rf"Elu \(.*What the converters printed: {re.escape(str(log))}$"):
        export(source, bundle, ExportPlan((target("onnx", "int8"),)), observer=Prints([]))
    assert "converting model.int8.onnx" in log.read_text(errors="replace")
    assert [path.name for path in log.parent.iterdir()] == ["conversion.log"]
    assert {path.name for path in bundle.parent.iterdir()} == {"b", "b.failed"}


def test_a_folder_of_ones_own_calibrates(source, tmp_path):
    """The manifest names the folder and how many pictures were drawn from it, calibration.json has their hashes."""
    folder = tmp_path / "shots"
    folder.mkdir()
    pictures = source.sides["train"][:12]
    for picture in pictures:
        shutil.copy(picture.path, folder)
    plan = ExportPlan((target("tflite", "float32"),), calibration=folder, calibration_count=9, seed=7)
    outcome = export(source, tmp_path / "b", plan, observer=Stages([]))
    assert outcome.bundle.training["calibration"] == {"pictures": 9, "seed": 7, "folder": "shots"}
    record = json.loads((outcome.folder / "calibration.json").read_text())
    assert {found["sha256"] for found in record["pictures"]} < {picture.sha256 for picture in pictures}
    assert f"9 pictures of {folder}" in (outcome.folder / "report.md").read_text()
