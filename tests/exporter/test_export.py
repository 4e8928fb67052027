"""A whole export of a small trained network, through the command line as a user would."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.backends import open_model
from edge_runtime.bundle import Precision
from edge_runtime.picture.preprocessing import load_picture
from exporter.cli import Ended, _finish
from exporter.errors import ConversionError, SourceError
from exporter.export import Outcome, explain, export
from exporter.formats.conversion import plan_targets
from exporter.network.confidence import choose_threshold, temper
from exporter.network.model import keras_scores, load_keras_model
from exporter.plan import ExportPlan
from exporter.report.record import MissingFile
from exporter.source import load_split_pictures, read_source
from tests.exporter.conftest import CALIBRATION_COUNT, FILES, Stages, run_export, run_of, spoiled_network, target
from tests.exporter.formats.test_operators import network
from tests.exporter.records import CLOSE, KERAS, file_of, manifest_of, record_of

STAGES = ("reading", "scoring", "converting", "checking", "second calibration", "writing")


@pytest.fixture(scope="session")
def lenient(run_folder, tmp_path_factory):
    """The export of `exported` with a limit that 32 pictures can show to hold, in another process and folder."""
    cwd = tmp_path_factory.mktemp("lenient")
    options = ("--quantize", "all", "--calibration-count", CALIBRATION_COUNT, "--max-drop", 0.5)
    return run_export("--run", run_folder, *options, cwd=cwd), cwd


def test_too_few_pictures_are_exit_code_4(exported):
    """Proves that 32 test pictures, which cannot show 1 %, give every file and an exit code that says unsure."""
    done, _ = exported
    assert done.returncode == 4, done.stderr
    *lines, last = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == FILES
    assert {line.split()[-1] for line in lines} == {"inconclusive"}
    assert last == "bundles/small/report.md"


def test_the_report_says_how_many_pictures_would_do(exported, bundle_folder):
    """Proves that the 381 pictures that show 1 % without a flip are named, within the search's hundredth."""
    text = (bundle_folder / "report.md").read_text()
    needed = re.search(
        r"`model\.float32\.tflite`: \*\*inconclusive\*\*.*; about (\d+) test pictures would decide", text
    )
    assert 381 <= int(needed[1]) <= 386
    verdict = read_bundle(bundle_folder).files[0].drift["gate"]
    assert verdict == {"state": "inconclusive", "max_drop": 0.01, "pictures_needed": int(needed[1])}


def test_a_limit_that_is_kept_passes_every_file(lenient):
    """Proves that every file passes with --max-drop 0.5, and that two epochs are said to be guessing."""
    done, cwd = lenient
    assert done.returncode == 4, done.stderr
    assert "no better than guessing" in done.stderr
    assert "Train longer, or with more pictures." in done.stderr
    assert {line.split()[-1] for line in done.stdout.splitlines()[:-1]} == {"passed"}
    assert read_bundle(cwd / "bundles" / "small").training["gate"] == "passed"


def test_the_report_states_the_rule_of_the_gate(bundle_folder, lenient):
    """Proves that each report says in points, for the limit it was judged by, what passes and what fails."""
    for folder, limit in ((bundle_folder, "-1"), (lenient[1] / "bundles" / "small", "-50")):
        text = (folder / "report.md").read_text()
        assert f"- passed: the lower end of the interval is at least {limit} points.\n" in text
        assert f"- failed: the upper end of the interval is below {limit} points.\n" in text


def test_the_terminal_has_stages_and_no_chatter(exported):
    """Proves that standard error has the labels, a line for each stage, the warning, and nothing of a converter."""
    first, *lines, warning, last = exported[0].stderr.strip().splitlines()
    assert first == last == "labels in the order of the outputs: 0 cat, 1 dog"
    assert warning.startswith("warning: the model is no better than guessing: accuracy ")
    assert all(re.fullmatch(rf"({'|'.join(STAGES)}) .*: \d+\.\d s", line) for line in lines), lines
    assert {line.split()[0] for line in lines} == {stage.split()[0] for stage in STAGES}


def test_the_chatter_is_in_the_log(bundle_folder):
    """Proves that what TensorFlow and LiteRT wrote to the terminal's descriptors is kept in the bundle."""
    assert "TensorFlow Lite" in (bundle_folder / "conversion.log").read_text(errors="replace")


def test_the_manifest_has_the_drift_of_each_file_and_class(bundle_folder):
    """Proves that the manifest has the drift of all pictures and of each label, and that these add up."""
    for file in read_bundle(bundle_folder).files:
        assert file.drift["pictures"] == 32
        assert file.drift["by_class"].keys() == {"cat", "dog"}
        for key in ("pictures", "right_to_wrong", "wrong_to_right"):
            assert sum(found[key] for found in file.drift["by_class"].values()) == file.drift[key]
        low, high = file.drift["difference_interval"]
        assert low <= file.drift["difference"] <= high


def test_the_threshold_is_that_of_the_validation_split(source, bundle_folder):
    """Proves that the threshold is chosen on validation pictures with the temperature, and is in the report."""
    pixels, targets = load_split_pictures(source.sides["validation"], source.preprocessing)
    bundle = read_bundle(bundle_folder)
    scores = temper(keras_scores(load_keras_model(source), pixels), bundle.training["temperature"]["value"])
    assert bundle.confidence_threshold == choose_threshold(scores, targets) >= 0.5
    assert f"### Unsure below {bundle.confidence_threshold:.3f}" in (bundle_folder / "report.md").read_text()


def test_the_manifest_has_the_stability_of_int8(bundle_folder):
    """Proves that each int8 file is compared with another, of other calibration pictures and not far off."""
    stability = read_bundle(bundle_folder).training["stability"]
    assert stability.keys() == {"model.int8.tflite", "model.int8.onnx"}
    for found in stability.values():
        assert found["pictures"] == 32
        assert found["agreement"] >= 0.7
        assert 0 < found["mean_difference"] <= found["largest_difference"] < 0.5


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_float32_scores_are_those_of_keras(source, bundle_folder, tempered, backend):
    """Proves that each float32 file is within 1e-5 of the unfolded Keras model with the temperature."""
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    classifier = Classifier.open(bundle_folder, backend, precision="float32")
    scores = np.array([classifier.scores(picture) for picture in pixels])
    np.testing.assert_allclose(scores, tempered, atol=1e-5)


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_int8_scores_are_close_to_keras(source, bundle_folder, tempered, backend):
    """Proves that each int8 file is near the Keras model, by the manifest's figure, measured here again."""
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    classifier = Classifier.open(bundle_folder, backend, precision="int8")
    scores = np.array([classifier.scores(picture) for picture in pixels])
    difference = np.abs(scores - tempered).mean()
    assert difference < 0.05
    assert classifier.file.drift["mean_difference"] == pytest.approx(difference, abs=1e-5)


def test_operators_are_counted_per_file(bundle_folder):
    """Proves that operators.json has the table of every file, and that of int8 TFLite no float32 in it."""
    stored = json.loads((bundle_folder / "operators.json").read_text())
    assert list(stored) == FILES
    assert "float32" not in json.dumps(stored["model.int8.tflite"])
    in_float = [row["operator"] for row in stored["model.int8.onnx"]["operators"] if "float32" in row["outputs"]]
    assert in_float == ["DequantizeLinear"]


def test_calibration_is_recorded_and_apart_from_the_test_split(source, bundle_folder):
    """Proves that calibration.json lists training pictures by hash, and none of the test split."""
    record = json.loads((bundle_folder / "calibration.json").read_text())
    hashes = {picture["sha256"] for picture in record["pictures"]}
    assert len(hashes) == CALIBRATION_COUNT
    assert hashes <= {picture.sha256 for picture in source.sides["train"]}
    assert not hashes & {picture.sha256 for picture in source.sides["test"]}


def test_a_second_export_writes_the_same_bytes(bundle_folder, lenient):
    """Proves that every model file is byte for byte the same when another process exports the run again."""
    again = lenient[1] / "bundles" / "small"
    different = [name for name in FILES if (again / name).read_bytes() != (bundle_folder / name).read_bytes()]
    assert different == []
    assert "All model files are the same bytes at each export" in (bundle_folder / "report.md").read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SourceError, MemoryError])
def test_an_interrupted_export_leaves_the_old_bundle(source, tmp_path, error):
    """Proves that an export that breaks off in the middle leaves the bundle that was there, and nothing else."""

    class Breaks(Stages):
        def on_stage(self, name):
            super().on_stage(name)
            if name.startswith("checking"):
                raise error

    bundle = tmp_path / "bundles" / "b"
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_text("old")
    with pytest.raises(error):
        export(source, bundle, ExportPlan((target("tflite", "float32"),)), observer=Breaks([]))
    assert [path.name for path in bundle.parent.iterdir()] == ["b"]
    assert [path.name for path in bundle.iterdir()] == ["manifest.json"]
    assert (bundle / "manifest.json").read_text() == "old"


@pytest.fixture(scope="session")
def elu_source(source, tmp_path_factory):
    """The run with a network whose activation has no integer form in either format."""
    path = tmp_path_factory.mktemp("elu") / "elu.keras"
    network("elu", side=64).save(path)
    return replace(source, model_path=path)


def test_a_failed_conversion_keeps_its_log(elu_source, tmp_path):
    """Proves that an export of which no file can be made is an error, which names the kept log."""

    class Prints(Stages):
        def on_stage(self, name):
            os.write(2, name.encode())

    bundle = tmp_path / "bundles" / "b"
    bundle.mkdir(parents=True)
    log = tmp_path / "bundles" / "b.failed" / "conversion.log"
    with pytest.raises(ConversionError, match=rf"Elu \(.*What the converters printed: {re.escape(str(log))}$"):
        export(elu_source, bundle, ExportPlan((target("onnx", "int8"),)), observer=Prints([]))
    assert "converting model.int8.onnx" in log.read_text(errors="replace")
    assert [path.name for path in log.parent.iterdir()] == ["conversion.log"]
    assert {path.name for path in bundle.parent.iterdir()} == {"b", "b.failed"}


def quantised_too(**options) -> ExportPlan:
    targets = plan_targets(("tflite", "onnx"), (Precision.FLOAT32, Precision.INT8))
    return ExportPlan(targets, calibration_count=CALIBRATION_COUNT, max_drop=1.0, **options)


def test_every_file_that_works_is_written(elu_source, tmp_path):
    """Proves that int8 files with a float operator are named with it everywhere, and the float32 ones are there."""
    outcome = export(elu_source, tmp_path / "b", quantised_too(), observer=Stages([]))
    bundle = read_bundle(outcome.folder)
    assert [file.path for file in bundle.files] == ["model.float32.tflite", "model.float32.onnx"]
    reasons = json.loads((outcome.folder / "manifest.json").read_text())["extra"]["not_written"]
    assert list(reasons) == ["model.int8.tflite", "model.int8.onnx"]
    text, lines = (outcome.folder / "report.md").read_text(), explain(outcome)[2:]
    for (name, reason), kind, line in zip(reasons.items(), ("ELU", "Elu"), lines, strict=True):
        assert re.match(rf"expected integer .* 1 operator computes in float: {kind} \(.*--repair", reason)
        assert f"- `{name}`: **not written**. expected integer" in text
        assert re.fullmatch(rf"{name} +not written: {re.escape(reason)}", line)


def test_repair_writes_them_as_mixed(elu_source, tmp_path):
    """Proves that what has no integer form stays in float, in judged files that are called mixed."""
    outcome = export(elu_source, tmp_path / "b", quantised_too(repair=True), observer=Stages([]))
    bundle = read_bundle(outcome.folder)
    assert [file.path for file in bundle.files[1::2]] == ["model.mixed.tflite", "model.mixed.onnx"]
    assert json.loads((outcome.folder / "manifest.json").read_text())["extra"] == {}
    assert outcome.record.missing == ()
    kept = bundle.training["kept_float"]
    assert [len(kept[file.path]) for file in bundle.files[1::2]] == [1, 1]
    assert all("Elu" in name for names in kept.values() for name in names)
    assert kept.keys() == bundle.training["stability"].keys()
    assert all(file.drift["mean_difference"] < 0.05 for file in bundle.files)
    text = (outcome.folder / "report.md").read_text()
    assert text.count("; some operators have no integer form, see below") == 2
    assert "In float in `model.mixed.onnx`: " in text


@pytest.mark.parametrize(("missing", "code"), [((), 0), ((MissingFile("model.int8.onnx", "No."),), 3)])
def test_a_file_that_is_not_there_is_exit_code_3(capsys, missing, code):
    """Proves that the command says on standard error that a file is missing, and exits as for a failure."""
    record = replace(record_of(file_of("float32", KERAS, max_drop=1.0), max_drop=1.0), missing=missing)
    outcome = Outcome(Path("b"), manifest_of(record), record)
    end = Ended(outcome.folder, explain(outcome), outcome.state, False, [], missing=bool(missing))
    with pytest.raises(SystemExit) as ended:
        _finish(end)
    assert ended.value.code == code
    printed = capsys.readouterr()
    assert ("model.int8.onnx        not written: No.\n" in printed.out) is bool(missing)
    assert ("a file could not be made" in printed.err) is bool(missing)


def test_files_of_one_reason_share_a_line():
    """Proves that a format that cannot be converted is told once."""
    files = tuple(MissingFile(f"model.{precision}.onnx", "No operator.") for precision in ("float32", "int8"))
    record = replace(record_of(file_of("float32", KERAS)), missing=files)
    assert explain(Outcome(Path("b"), manifest_of(record), record))[1:] == [
        "model.float32.onnx, model.int8.onnx not written: No operator."
    ]


def test_a_folder_of_ones_own_calibrates(source, tmp_path):
    """Proves that the manifest names the folder and the number drawn from it, and the record their hashes."""
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
    assert f"9 pictures of `{folder}`" in (outcome.folder / "report.md").read_text()


JUDGE = {"tflite": "litert", "onnx": "onnxruntime"}


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
    """Proves that the command says that no bundle was written, where the report is, and which files failed."""
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
    """Proves that the old bundle is untouched, and beside it is a folder with the report and no model file."""
    _, bundles = failed
    assert {path.name for path in bundles.iterdir()} == {"spoiled", "spoiled.failed"}
    assert (bundles / "spoiled" / "manifest.json").read_text() == "the old one"
    names = {path.name for path in (bundles / "spoiled.failed").iterdir()}
    assert names >= {"report.md", "report.html", "layer_errors.json", "conversion.log"}
    assert "manifest.json" not in names
    assert not [name for name in names if name.startswith("model")]


def test_the_failure_report_says_why(failed):
    """Proves that the report begins with the verdict, and shows each drop and the layers, the worst first."""
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
    """Proves that each failed file has its picture of flips, and that the files that the text names are there."""
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


@pytest.fixture(scope="session")
def repaired(spoiled_source, tmp_path_factory):
    """The same with repair, over the report of an earlier failure."""
    bundle = tmp_path_factory.mktemp("repaired") / "spoiled"
    bundle.with_name("spoiled.failed").mkdir()
    (bundle.with_name("spoiled.failed") / "conversion.log").write_text("of an earlier failure")
    stages = Stages([])
    return export(spoiled_source, bundle, plan(repair=True), observer=stages), stages


def test_repair_passes_the_gate(repaired):
    """Proves that a mixed file takes the place of each int8 file and passes, and the old failure is gone."""
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
    """Proves that one try is enough in each format, as the guilty layer is the worst."""
    tries = [name for name in repaired[1].names if name.startswith("repairing")]
    assert tries == [f"repairing model.int8.{format_}, 1 of 3 layers in float" for format_ in JUDGE]


def test_two_spoiled_layers_are_kept_one_at_a_time(run_folder, tmp_path):
    """Proves that the next worst layer joins where one is not enough, and the manifest names both."""
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
    """Proves that the layer in float is named, and how much larger and slower the file has become."""
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
    """Proves that each mixed file, run from its bytes, gives the test pictures the label of the Keras model."""
    pixels, targets = load_split_pictures(spoiled_source.sides["test"], spoiled_source.preprocessing)
    for format_, backend in JUDGE.items():
        model = open_model(backend, (repaired[0].folder / f"model.mixed.{format_}").read_bytes(), 1)
        assert model.input.dtype == "uint8"
        answers = np.array([model.predict(picture)[0] > 0.5 for picture in pixels])
        assert (answers == targets).mean() >= 0.95


@pytest.mark.parametrize("backend", JUDGE.values())
def test_a_mixed_file_can_be_asked_for(repaired, backend):
    """Proves that the edge runtime opens the repaired file and gives the scores of the self-test."""
    folder = repaired[0].folder
    classifier = Classifier.open(folder, backend, precision="mixed")
    for picture in classifier.bundle.selftest:
        scores = classifier.scores(load_picture(folder / picture.path, classifier.bundle.preprocessing))
        np.testing.assert_allclose(scores, picture.scores[classifier.file.path], atol=1e-5)


def test_without_repair_a_tiny_limit_keeps_int8(spoiled_source, tmp_path):
    """Proves that the verdict is the user's limit alone: one that lets all go passes a spoiled file too."""
    wanted = ExportPlan((target("tflite", "int8"),), calibration_count=CALIBRATION_COUNT, max_drop=1.0)
    assert export(spoiled_source, tmp_path / "b", wanted, observer=Stages([])).state == "passed"


def test_a_file_is_explained_in_one_line():
    """Proves that the line on standard output has each figure of the file, worked out by hand."""
    record = record_of(file_of("float32", KERAS, max_drop=0.5), file_of("int8", CLOSE))
    first, second = explain(Outcome(Path("b"), manifest_of(record), record))
    low, high = record.files[1].check.drift.difference_interval
    assert second == (
        "model.int8.tflite        1.50 MB  accuracy 75.00% of 8, Keras 87.50%, difference -12.50% "
        f"[{low:+.2%}, {high:+.2%}]  agreement 62.50%  inconclusive"
    )
    assert first.startswith("model.float32.tflite     1.50 MB  accuracy 87.50% of 8,")
    assert first.endswith("agreement 100.00%  passed")
