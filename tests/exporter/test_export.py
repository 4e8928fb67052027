"""A whole export of a small trained network, through the command line as a user would."""

import hashlib
import html.parser
import json
import os
import re
import shutil

import numpy as np
import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.bundle.keras_scores import read_keras_scores
from edge_runtime.picture.preprocessing import load_picture
from edge_runtime.proof.drift import brier_score, calibration_error
from exporter.cli import wanted_targets
from exporter.errors import ConversionError, SourceError
from exporter.export import export
from exporter.network.confidence import choose_threshold, temper
from exporter.network.model import keras_scores, load_keras_model
from exporter.plan import ExportPlan
from exporter.preparation import MAX_FOLDING_DIFFERENCE
from exporter.source import load_split_pictures
from tests.contract.conftest import OLDEST, TFLITE_RUNTIME
from tests.exporter.conftest import CALIBRATION_COUNT, Stages, run_export, target
from tests.exporter.formats.test_operators import network

FILES = [
    "model.float32.tflite",
    "model.float16.tflite",
    "model.dynamic.tflite",
    "model.int8.tflite",
    "model.float32.onnx",
    "model.float16.onnx",
    "model.int8.onnx",
]
STAGES = ("reading", "scoring", "converting", "checking", "second calibration", "writing")


@pytest.fixture(scope="session")
def lenient(run_folder, tmp_path_factory):
    """The export of `exported` with a limit that 32 pictures can show to hold, in another process and folder."""
    cwd = tmp_path_factory.mktemp("lenient")
    options = ("--quantize", "all", "--calibration-count", CALIBRATION_COUNT, "--max-drop", 0.5)
    return run_export("--run", run_folder, *options, cwd=cwd), cwd


@pytest.fixture(scope="session")
def tempered(source, bundle_folder):
    """The Keras model's scores of the test pictures with the temperature of the manifest, worked out apart."""
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    value = read_bundle(bundle_folder).training["temperature"]["value"]
    return temper(keras_scores(load_keras_model(source), pixels), value)


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


def test_the_manifest_describes_the_files(bundle_folder):
    """Size and SHA-256 in the manifest are those of the files, and nothing else lies in the bundle."""
    bundle = read_bundle(bundle_folder)
    assert bundle.labels == ("cat", "dog")
    assert [file.path for file in bundle.files] == FILES
    for file in bundle.files:
        content = (bundle_folder / file.path).read_bytes()
        assert (file.size_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert file.path == f"model.{file.precision}.{file.format}"
    others = {"manifest.json", "calibration.json", "keras_scores.csv", "operators.json", "report.md", "report.html"}
    others |= {"MODEL_CARD.md"}
    others |= {"conversion.log", "differences.png", "reliability.png", "selftest"}
    assert {path.name for path in bundle_folder.iterdir()} == others | set(FILES)


def test_the_manifest_has_tensors_with_scales(bundle_folder):
    """Input and output of each file by name, type, shape and, for integer tensors, scale and zero point."""
    for file in read_bundle(bundle_folder).files:
        integer = file.precision == "int8"
        assert (file.input.name, file.output.name) == ("image", "scores")
        assert file.input.dtype == ("uint8" if integer else "float32")
        assert file.input.shape == (1, 64, 64, 3)
        if integer and file.format == "tflite":
            assert (file.input.scale, file.output.scale) == (1.0, 1 / 256)


def test_the_oldest_runtimes_are_those_that_are_tested(bundle_folder):
    """What the manifest claims of each file is a release in which tests/contract loads it and compares scores."""
    tested = {pin.rpartition(".")[0] for pin in (*OLDEST, TFLITE_RUNTIME[-1])}
    for file in read_bundle(bundle_folder).files:
        assert file.oldest_runtime.replace(" ", "==") in tested


def test_the_manifest_has_the_drift_of_each_file_and_class(bundle_folder):
    """All figures of the drift, for all pictures and for those of each label, which add up."""
    for file in read_bundle(bundle_folder).files:
        assert file.drift["pictures"] == 32
        assert file.drift["by_class"].keys() == {"cat", "dog"}
        for key in ("pictures", "right_to_wrong", "wrong_to_right"):
            assert sum(found[key] for found in file.drift["by_class"].values()) == file.drift[key]
        low, high = file.drift["difference_interval"]
        assert low <= file.drift["difference"] <= high


def test_the_manifest_says_where_the_model_comes_from(source, bundle_folder):
    """Run, data hash, seeds, versions, calibration, stability, temperature and folding, as the export had them."""
    training = read_bundle(bundle_folder).training
    assert training["name"] == "small"
    assert training["seed"] == 0
    assert training["calibration"] == {"pictures": CALIBRATION_COUNT, "seed": 0, "folder": None}
    assert training["export_versions"].keys() >= {"python", "tensorflow", "onnxruntime", "litert-quantizer"}
    assert training["temperature"]["validation_pictures"] == 32
    assert training["temperature"]["value"] > 0
    assert len(training["folded"]) > 5
    assert training["gate"] == "inconclusive"
    lines = [
        f"{side} {picture.label} {picture.sha256}\n" for side, found in source.sides.items() for picture in found
    ]
    assert training["data_sha256"] == hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


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
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_self_test_is_reproduced(bundle_folder, backend, precision):
    """A classifier opened from the bundle makes the expected pixels of each picture, and gives its scores."""
    classifier = Classifier.open(bundle_folder, backend, precision=precision)
    assert classifier.file.precision == precision
    pictures = classifier.bundle.selftest
    assert len(pictures) == 6
    for picture in pictures:
        pixels = load_picture(bundle_folder / picture.path, classifier.bundle.preprocessing)
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == picture.pixels_sha256
        expected = picture.scores[classifier.file.path]
        np.testing.assert_allclose(classifier.scores(pixels), expected, atol=1e-6)


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


def table_rows(text: str, header: str) -> dict[str, list[str]]:
    """Return the rows of the table that begins so in a report, by the first column."""
    lines = text[text.index(f"| {header} |") :].split("\n\n")[0].splitlines()[2:]
    return {
        line.split(" | ")[0].strip("| `"): [cell.strip(" |") for cell in line.split(" | ")[1:]] for line in lines
    }


def test_the_confidence_table_has_both_errors_before_and_after(source, bundle_folder, tempered):
    """Calibration error and Brier score of Keras and of every file, with and without the temperature."""
    pixels, targets = load_split_pictures(source.sides["test"], source.preprocessing)
    scores = {"Keras": tempered}
    for file in read_bundle(bundle_folder).files:
        backend = {"tflite": "litert", "onnx": "onnxruntime"}[file.format]
        classifier = Classifier.open(bundle_folder, backend, precision=file.precision)
        scores[file.path] = np.array([classifier.scores(picture) for picture in pixels])
    value = read_bundle(bundle_folder).training["temperature"]["value"]
    before = {name: temper(found, 1 / value) for name, found in scores.items()}
    rows = table_rows((bundle_folder / "report.md").read_text(), "scores of")
    assert list(rows) == ["Keras", *FILES]
    for name, row in rows.items():
        expected = [
            measure(found[name], targets)
            for measure in (calibration_error, brier_score)
            for found in (before, scores)
        ]
        assert [float(cell) for cell in row] == pytest.approx(expected, abs=1e-4), name
    as_trained = keras_scores(load_keras_model(source), pixels)
    assert float(rows["model.float32.onnx"][2]) == pytest.approx(brier_score(as_trained, targets), abs=1e-4)
    assert rows["Keras"][2] != rows["Keras"][3]


def test_the_report_names_what_int8_files_do_in_float(bundle_folder):
    """Nothing in TFLite; in ONNX the one operator that hands out the scores, which is counted too."""
    text = (bundle_folder / "report.md").read_text()
    assert "- In float in `model.int8.tflite`: nothing.\n" in text
    assert "- In float in `model.int8.onnx`: DequantizeLinear (`scores`).\n" in text
    counts = {name: row[3] for name, row in table_rows(text, "file | input, output").items()}
    assert counts["model.int8.tflite"].startswith("0 of ")
    assert counts["model.int8.onnx"].startswith("1 of ")


def test_the_report_says_where_the_scales_are(bundle_folder):
    """By number for the integer tensors of TFLite, in words for those of ONNX, not at all for float files."""
    text = (bundle_folder / "report.md").read_text()
    tensors = {name: row[1:] for name, row in table_rows(text, "file | SHA-256").items()}
    assert tensors["model.int8.tflite"] == [
        "image uint8 [1, 64, 64, 3], scale 1, zero point 0",
        "scores uint8 [1, 1], scale 0.00390625, zero point 0",
    ]
    assert all(tensor.endswith(", scale inside the file") for tensor in tensors["model.int8.onnx"])
    assert not any("scale" in cell for name in FILES if "int8" not in name for cell in tensors[name])


def test_the_report_says_what_folding_changed(source, bundle_folder):
    """The largest difference that it made to a score, below what would end the export, and on how many pictures."""
    text = (bundle_folder / "report.md").read_text()
    found = re.search(r"changed no score of ([\d,]+) pictures of the training split by more than (\S+)\.\n", text)
    assert int(found[1]) == len(source.sides["train"])
    assert 0 <= float(found[2]) <= MAX_FOLDING_DIFFERENCE


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


def test_the_model_card_has_figures_and_limits(bundle_folder):
    """Labels, numbers of pictures, accuracy of an int8 file and per class, limits and how to run it."""
    text = (bundle_folder / "MODEL_CARD.md").read_text()
    assert text.startswith("# Model card: small\n")
    figures = ("cat, dog", "32 test pictures", "| cat | 16 |", "`model.int8.")
    for wanted in (*figures, "## Limits", "catdog-edge classify --bundle"):
        assert wanted in text
    assert read_bundle(bundle_folder).training["data_sha256"] in text


class Page(html.parser.HTMLParser):
    """Collects what a page refers to and whether its tags are closed."""

    def __init__(self):
        super().__init__()
        self.references, self.tags = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for name, value in attributes if name in ("src", "href")]


def test_the_html_report_stands_alone(bundle_folder):
    """Both plots are embedded, there is no script, and nothing is fetched from anywhere."""
    text = (bundle_folder / "report.html").read_text()
    page = Page()
    page.feed(text)
    icon, *plots = page.references
    assert (icon, len(plots)) == ("data:,", 2)
    assert all(reference.startswith("data:image/png;base64,iVBOR") for reference in plots)
    assert not {"script", "iframe"} & set(page.tags)
    assert "://" not in text
    assert page.tags.count("table") >= 5
    assert "<title>Export of small: inconclusive</title>" in text


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


@pytest.mark.parametrize(
    ("quantize", "format_", "names"),
    [
        ("none", "all", ["float32.tflite", "float32.onnx"]),
        ("float16", "all", ["float32.tflite", "float16.tflite", "float32.onnx", "float16.onnx"]),
        ("dynamic", "all", ["float32.tflite", "dynamic.tflite", "float32.onnx"]),
        ("int8", "onnx", ["float32.onnx", "int8.onnx"]),
        ("all", "tflite", ["float32.tflite", "float16.tflite", "dynamic.tflite", "int8.tflite"]),
    ],
)
def test_the_files_of_each_choice(quantize, format_, names):
    """--quantize and --format ask for these files."""
    assert [wanted.file_name for wanted in wanted_targets(quantize, format_)] == [f"model.{name}" for name in names]


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
    assert f"9 pictures of `{folder}`" in (outcome.folder / "report.md").read_text()


def test_few_validation_pictures_fit_no_temperature(source, tmp_path):
    """Below 30 validation pictures the scores stay as trained, and manifest and report say why."""
    few = {"validation": source.sides["validation"][:29]}
    source = type(source)(**vars(source) | {"sides": source.sides | few})
    outcome = export(source, tmp_path / "b", ExportPlan((target("tflite", "float32"),)), observer=Stages([]))
    reason = "only 29 validation pictures, 30 are needed"
    assert outcome.bundle.training["temperature"] == {"value": 1.0, "validation_pictures": 0, "reason": reason}
    assert f"No temperature was fitted: {reason}." in (outcome.folder / "report.md").read_text()


def test_an_empty_test_split_is_an_error(source, tmp_path):
    """Without test pictures nothing can be proven, so nothing is exported."""
    source = type(source)(**vars(source) | {"sides": source.sides | {"test": ()}})
    with pytest.raises(SourceError, match="test split is empty"):
        export(source, tmp_path / "b", ExportPlan((target("tflite", "float32"),)), observer=Stages([]))
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize(
    "arguments",
    [
        ("--max-drop", "2"),
        ("--test", "x"),
        ("--keras", "m.keras"),
        ("--quantize", "int4"),
        ("--quantize", "dynamic", "--format", "onnx"),
        ("--calibration", "none"),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, arguments):
    """A value out of range, options that do not go together, an unknown choice, a folder that is not there."""
    done = run_export(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_the_keras_scores_travel_by_content(source, bundle_folder):
    """A device finds each test picture by its hash, with its label and what Keras scored with the temperature."""
    scored = read_keras_scores(bundle_folder, source.labels)
    assert {sha256: found.label for sha256, found in scored.items()} == {
        picture.sha256: picture.label for picture in source.sides["test"]
    }
    right = sum(int(np.argmax(found.scores)) == found.label for found in scored.values())
    assert right / len(scored) == read_bundle(bundle_folder).files[0].drift["keras_accuracy"]
