"""A bundle folder: whole when the gate lets it pass, and only a report beside the old one when not."""

import hashlib
import html
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.bundle.keras_scores import read_keras_scores
from exporter.bundle_folder import describe_file, log_kept, provenance, write_bundle, write_failure
from exporter.errors import ConversionError, SourceError
from exporter.formats.conversion import Converted
from exporter.formats.layer_error import LayerError
from tests.contract.conftest import OLDEST, TFLITE_RUNTIME
from tests.exporter.conftest import CALIBRATION_COUNT, FILES, target
from tests.exporter.records import GRAPH, KERAS, LABELS, REASON, TURNED, file_of, manifest_of, record_of

REPORTS = {"report.md", "report.html", "calibration.json", "operators.json", "differences.png", "reliability.png"}


@pytest.fixture
def record(tflite_float32):
    """The record of an export of one real file."""
    file = file_of("float32", KERAS, max_drop=0.5)
    converted = Converted(target("tflite", "float32"), tflite_float32, GRAPH)
    entry = replace(describe_file(converted), drift=file.entry.drift)
    return record_of(replace(file, converted=converted, entry=entry), max_drop=0.5)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder that is to become the bundle `b`, with an old bundle of that name beside it."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("old")
    (tmp_path / "b" / "manifest.json").write_text("the old one")
    made = tmp_path / ".b.partial"
    made.mkdir()
    return made


def test_a_bundle_is_whole(record, folder):
    """Proves that a bundle has these files and no others, that it is opened, and that the old one is gone."""
    target_folder = folder.with_name("b")
    folder.with_name("b.failed").mkdir()
    (folder.with_name("b.failed") / "conversion.log").write_text("of an earlier failure")
    written = write_bundle(folder, target_folder, manifest_of(record, confidence_threshold=0.6), record)
    assert {path.name for path in target_folder.parent.iterdir()} == {"b"}
    others = {"manifest.json", "keras_scores.csv", "MODEL_CARD.md", "selftest"}
    assert {path.name for path in target_folder.iterdir()} == REPORTS | others | {"model.float32.tflite"}
    bundle = read_bundle(target_folder)
    assert bundle.manifest == written
    assert bundle.confidence_threshold == 0.6
    classifier = Classifier.open(target_folder)
    picture = written.selftest[0]
    scores = classifier.classify(target_folder / picture.path).scores
    assert list(scores.values()) == pytest.approx(picture.scores["model.float32.tflite"], abs=1e-6)


def test_the_scores_of_keras_are_those_of_the_test_pictures(record, folder):
    """Proves that each test picture is found by its hash, with its label and its row of the baseline."""
    write_bundle(folder, folder.with_name("b"), manifest_of(record), record)
    stored = read_keras_scores(folder.with_name("b"), LABELS)
    for row, picture in enumerate(record.source.sides["test"]):
        assert stored[picture.sha256].label == picture.label
        np.testing.assert_allclose(stored[picture.sha256].scores, KERAS[row], atol=1e-7)


def test_a_failure_leaves_the_old_bundle(folder):
    """Proves that reports, flips and layer errors go beside the old bundle, and no model file does."""
    file = file_of("int8", TURNED)
    errors = (LayerError("last", "Gemm", -3.0), LayerError("dead", "Conv", float("inf")))
    record = replace(record_of(file_of("float32", KERAS), file), layer_errors={file.name: errors})
    failed = write_failure(folder, folder.with_name("b"), manifest_of(record), record)
    assert failed == folder.with_name("b.failed")
    assert {path.name for path in failed.iterdir()} == REPORTS | {"layer_errors.json", "flips.int8.tflite.png"}
    assert (folder.with_name("b") / "old").read_text() == "old"
    assert not folder.exists()
    assert json.loads((failed / "layer_errors.json").read_text()) == {
        "model.int8.tflite": [
            {"name": "last", "kind": "Gemm", "signal_to_noise_db": -3.0},
            {"name": "dead", "kind": "Conv", "signal_to_noise_db": None},
        ]
    }


def test_names_that_are_no_text_are_written(record, folder):
    """Proves that a folder whose name is not UTF-8 does not end an export after all its work."""
    odd = Path(os.fsdecode(b"/shots\xff"))
    record = replace(record, plan=replace(record.plan, calibration=odd))
    write_bundle(folder, folder.with_name("b"), manifest_of(record), record)
    for name in ("report.md", "report.html"):
        text = html.unescape((folder.with_name("b") / name).read_text(encoding="utf-8"))
        assert "12 pictures of <code>/shots\\udcff</code> set" in text
    assert read_bundle(folder.with_name("b")).training["calibration"]["folder"] == "shots\\udcff"


def test_calibration_and_operators_are_json_beside_the_report(record, folder):
    """Proves that both files are whole JSON: hashes with labels, and operators by file."""
    write_bundle(folder, folder.with_name("b"), manifest_of(record), record)
    calibration = json.loads((folder.with_name("b") / "calibration.json").read_text())
    assert calibration["seed"] == 5
    assert calibration["pictures"][0] == {"sha256": f"{100:064x}", "label": "cat"}
    operators = json.loads((folder.with_name("b") / "operators.json").read_text())
    assert operators == {"model.float32.tflite": GRAPH.to_dict()}


def test_an_entry_is_that_of_the_file(tflite_float32):
    """Proves that size, hash and tensors are read from the bytes, and the drift is still empty."""
    entry = describe_file(Converted(target("tflite", "float32"), tflite_float32, GRAPH))
    assert entry.size_bytes == len(tflite_float32)
    assert entry.sha256 == hashlib.sha256(tflite_float32).hexdigest()
    assert (entry.path, entry.format, entry.precision) == ("model.float32.tflite", "tflite", "float32")
    assert (entry.input.dtype, entry.input.shape, entry.output.shape) == ("float32", (1, 16, 16, 3), (1, 1))
    assert entry.drift == {}


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_a_file_that_no_backend_loads_is_refused(format_):
    """Proves that a converter's broken file ends the export with its name and what to do."""
    with pytest.raises(ConversionError, match=rf"model\.int8\.{format_}: .*Choose another --quantize"):
        describe_file(Converted(target(format_, "int8"), b"broken", GRAPH))


def test_provenance_tells_no_path():
    """Proves that a bundle that travels names folders without where they lay, and only repaired files."""
    failed = file_of("int8", TURNED)
    mixed = file_of("mixed", KERAS, repaired_from=failed, kept_float=("conv",))
    record = record_of(file_of("float32", KERAS), mixed)
    record = replace(record, plan=replace(record.plan, calibration=Path("/home/me/shots")))
    found = provenance(record)
    assert (found["name"], found["data"], found["seed"]) == ("small", "pets", 3)
    assert found["calibration"] == {"pictures": 12, "seed": 5, "folder": "shots"}
    assert found["kept_float"] == {"model.mixed.tflite": ["conv"]}
    assert found["temperature"] == {"value": 1.0, "validation_pictures": 0, "reason": REASON}
    assert found["folded"] == ["rescaling", "norm"]
    assert found["gate"] == "inconclusive"
    assert {"python", "tensorflow", "litert-quantizer", "onnxruntime", "tf2onnx"} <= found["export_versions"].keys()
    assert "/home" not in json.dumps(found)


def test_the_hash_of_the_data_is_of_all_that_matters():
    """Proves that it changes with a label or a side, and not with the order of the pictures or their paths."""
    record = record_of(file_of("float32", KERAS))
    sides = record.source.sides

    def hashed(**changed) -> str:
        changed_record = replace(record, source=replace(record.source, sides=sides | changed))
        return provenance(changed_record)["data_sha256"]

    first, *others = sides["test"]
    assert hashed(test=(*others, first)) == hashed()
    assert hashed(test=(replace(first, path=Path("elsewhere.jpg")), *others)) == hashed()
    assert hashed(test=(replace(first, label=1), *others)) != hashed()
    assert hashed(test=tuple(others), train=(*sides["train"], first)) != hashed()


def test_a_log_is_kept_of_a_conversion_alone(tmp_path):
    """Proves that the converters' log outlives a failed conversion, and no other error keeps a folder."""
    for error, kept in ((ConversionError("broken."), True), (SourceError("no picture."), False)):
        folder = tmp_path / f"{kept}.partial"
        folder.mkdir()
        (folder / "conversion.log").write_text("chatter")
        with pytest.raises(type(error)) as raised, log_kept(folder / "conversion.log", tmp_path / f"{kept}"):
            raise error
        log = tmp_path / f"{kept}.failed" / "conversion.log"
        assert log.exists() is kept
        assert str(raised.value) == (f"broken. What the converters printed: {log}" if kept else "no picture.")
    assert (tmp_path / "True.failed" / "conversion.log").read_text() == "chatter"


def test_the_manifest_describes_the_files(bundle_folder):
    """Proves that sizes and hashes of a real export are those of its files, and nothing else lies there."""
    bundle = read_bundle(bundle_folder)
    assert bundle.labels == ("cat", "dog")
    assert [file.path for file in bundle.files] == FILES
    for file in bundle.files:
        content = (bundle_folder / file.path).read_bytes()
        assert (file.size_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert file.path == f"model.{file.precision}.{file.format}"
    others = {"manifest.json", "calibration.json", "keras_scores.csv", "operators.json", "report.md", "report.html"}
    others |= {"MODEL_CARD.md", "features.bin"}
    others |= {"conversion.log", "differences.png", "reliability.png", "selftest"}
    assert {path.name for path in bundle_folder.iterdir()} == others | set(FILES)


def test_the_manifest_has_tensors_with_scales(bundle_folder):
    """Proves that input and output of each file have name, type and shape, and integers scale and zero point."""
    for file in read_bundle(bundle_folder).files:
        integer = file.precision == "int8"
        assert (file.input.name, file.output.name) == ("image", "scores")
        assert file.input.dtype == ("uint8" if integer else "float32")
        assert file.input.shape == (1, 64, 64, 3)
        if integer and file.format == "tflite":
            assert (file.input.scale, file.output.scale) == (1.0, 1 / 256)


def test_the_oldest_runtimes_are_those_that_are_tested(bundle_folder):
    """Proves that the release that the manifest claims of each file is one in which tests/contract runs it."""
    tested = {pin.rpartition(".")[0] for pin in (*OLDEST, TFLITE_RUNTIME[-1])}
    for file in read_bundle(bundle_folder).files:
        assert file.oldest_runtime.replace(" ", "==") in tested


def test_the_manifest_says_where_the_model_comes_from(source, bundle_folder):
    """Proves that run, data, seeds, versions, calibration, temperature and folding are those of the export."""
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


def test_the_keras_scores_travel_by_content(source, bundle_folder):
    """Proves that a device finds each test picture by its hash, with its label and the scores of Keras."""
    scored = read_keras_scores(bundle_folder, source.labels)
    assert {sha256: found.label for sha256, found in scored.items()} == {
        picture.sha256: picture.label for picture in source.sides["test"]
    }
    right = sum(int(np.argmax(found.scores)) == found.label for found in scored.values())
    assert right / len(scored) == read_bundle(bundle_folder).files[0].drift["keras_accuracy"]
