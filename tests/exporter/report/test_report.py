"""report.md: every figure is one of the record, and every sentence is true of it."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.markdown import SAMPLE_WARNING
from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.proof.drift import brier_score, calibration_error
from edge_runtime.proof.gate import GateState, Verdict
from exporter.network.confidence import Temperature, temper
from exporter.network.model import keras_scores, load_keras_model
from exporter.network.proof import MAX_DIFFERENCE
from exporter.preparation import Baseline, Confidence
from exporter.report.report import needed, write_report
from exporter.source import Origin, load_split_pictures
from exporter.verification import Stability
from tests.exporter.conftest import FILES
from tests.exporter.records import (
    CLOSE,
    KERAS,
    REASON,
    TARGETS,
    TURNED,
    file_of,
    manifest_of,
    of_truth,
    record_of,
)


def written(record) -> str:
    return write_report(manifest_of(record), record)


def cells(text: str, header: str) -> dict[str, list[str]]:
    """Return the rows of the table that begins so, by the first column."""
    lines = text[text.index(f"| {header}") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def test_the_verdict_comes_first():
    """Proves that title and list of files say what the gate says, with each difference and its interval."""
    text = written(record_of(file_of("float32", KERAS), file_of("int8", TURNED), max_drop=0.015))
    assert text.startswith("# Export of small: failed\n")
    assert "- `model.int8.tflite`: **failed**, -75.00% [" in text
    assert "- `model.float32.tflite`: **inconclusive**, +0.00% [" in text
    assert "the lower end of the interval is at least -1.5 points." in text


def test_the_drift_table_is_the_drift():
    """Proves that two pictures lost and one won of eight are these numbers, worked out by hand."""
    row = cells(written(record_of(file_of("int8", CLOSE))), "file | size")["`model.int8.tflite`"]
    assert row[0] == "1.50 MB"
    assert row[1] == "75.00% [40.93%, 92.85%]"
    assert row[2].startswith("87.50% [52.91%, 97.76%]")
    assert row[3].startswith("-12.50% [-")
    assert row[4:] == ["62.50%", "2", "1", "1", "0.1", "0.4"]  # agreement, flips, p, mean, largest


def test_each_class_has_its_flips():
    """Proves that lost and won are those of the class, not of the whole split."""
    lines = [line for line in written(record_of(file_of("int8", CLOSE))).splitlines() if "lost" in line]
    assert [line.split(" | ")[1] for line in lines] == ["cat", "dog"]
    assert [line.split(" | ")[-1] for line in lines] == ["1 lost, 1 won |", "1 lost, 0 won |"]


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (Verdict(GateState.INCONCLUSIVE, 0.01, 12345), "; about 12,345 test pictures would decide"),
        (Verdict(GateState.INCONCLUSIVE, 0.01, 0), "; the drop is so near the limit that no practical number"),
        (Verdict(GateState.PASSED, 0.01), ""),
        (Verdict(GateState.FAILED, 0.01), ""),
    ],
)
def test_what_would_decide_is_told(verdict, text):
    """Proves that a number of pictures is named only while undecided, and never the number 0."""
    assert needed(verdict).startswith(text)
    assert bool(needed(verdict)) == bool(text)


def test_only_failed_files_show_their_flips():
    """Proves that the section of flips is there for each failed file and absent without one."""
    text = written(record_of(file_of("float32", KERAS), file_of("int8", TURNED)))
    assert "![Flips of model.int8.tflite](flips.int8.tflite.png)" in text
    assert "flips.float32" not in text
    assert "### Flipped pictures" not in written(record_of(file_of("int8", CLOSE)))


def test_without_a_temperature_the_reason_is_told():
    """Proves that scores have one calibration error and one Brier score each, and why not two."""
    text = written(record_of(file_of("int8", CLOSE)))
    assert f"No temperature was fitted: {REASON}." in text
    rows = cells(text, "scores of")
    assert rows["`model.int8.tflite`"] == ["0.1250", f"{2 * np.mean((1 - truth(CLOSE)) ** 2):.4f}"]
    assert rows["Keras"][1] == f"{2 * np.mean((1 - truth(KERAS)) ** 2):.4f}"


def truth(scores: np.ndarray) -> np.ndarray:
    return scores[np.arange(len(TARGETS)), TARGETS]


def test_a_temperature_has_before_and_after():
    """Proves that Keras is shown as it was trained, and files with the temperature taken back."""
    trained = of_truth([0.99, 0.95, 0.9, 0.2, 0.99, 0.95, 0.9, 0.7])
    record = record_of(file_of("float32", temper(trained, 2.0)))
    record = replace(
        record,
        confidence=Confidence(Temperature(2.0, 1234), 0.0),
        baseline=Baseline(trained, temper(trained, 2.0)),
    )
    text = written(record)
    assert "divided by a temperature of 2.000. It was fitted on 1,234 validation pictures" in text
    rows = cells(text, "scores of")
    assert rows["Keras"] == rows["`model.float32.tflite`"]
    assert rows["Keras"][2] == f"{2 * np.mean((1 - truth(trained)) ** 2):.4f}"
    assert rows["Keras"][3] == f"{2 * np.mean((1 - truth(temper(trained, 2.0))) ** 2):.4f}"


def test_the_threshold_has_its_table_or_its_sentence():
    """Proves that the answers at the threshold are there where there is one, and no table of unsure without."""
    record = record_of(file_of("int8", KERAS))
    assert "No confidence threshold was set, so no answer is unsure." in written(record)
    text = written(replace(record, confidence=replace(record.confidence, threshold=0.7)))
    assert "### Unsure below 0.700\n" in text
    assert "99% of the right answers reach this confidence threshold" in text
    rows = [line for line in text.splitlines() if line.startswith("| `model.int8.tflite` | cat | 4 | 75.00%")]
    assert len(rows) == 2  # of the drift and of the answers


def test_the_calibration_is_told():
    """Proves that number, seed and origin are the plan's, and a second draw is compared where there was one."""
    record = record_of(file_of("int8", KERAS))
    text = written(record)
    assert "12 pictures of the training split set the integer ranges. They were drawn with seed 5;" in text
    assert "No int8 file was quantised a second time" in text
    stability = {"model.int8.tflite": Stability(1000, 0.985, 0.0123, 0.25)}
    text = written(replace(record, stability=stability))
    assert "| `model.int8.tflite` | 1,000 | 98.50% | 0.012 | 0.25 |" in text


def test_a_folder_that_is_no_text_can_be_written(tmp_path):
    """Proves that the name of a calibration folder, whatever its bytes, is in the report."""
    record = record_of(file_of("int8", KERAS))
    odd = Path(os.fsdecode(b"shots\xff"))
    assert "12 pictures of <code>shots&#92;udcff</code> set" in written(
        replace(record, plan=replace(record.plan, calibration=odd))
    )


def test_folding_tells_what_stayed():
    """Proves that layers folded, the difference made and the layers left, with the reason, are listed."""
    record = record_of(file_of("int8", KERAS))
    left = (("norm2", "comes after tanh"), ("norm3", "a scale is not positive"))
    text = written(replace(record, folding=replace(record.folding, left=left)))
    assert "Folded into the weights before conversion: rescaling, norm." in text
    assert "no score of 12 pictures of the training split by more than 3e-07." in text
    assert "- Not folded: norm2, comes after tanh.\n- Not folded: norm3, a scale is not positive.\n" in text
    assert "The channels were evened out too. Together this changed" in text
    none = replace(record, folding=replace(record.folding, folded=()))
    assert "before conversion: nothing." in written(none)


def test_folding_tells_what_was_left_out():
    """Proves that what could not be proved is listed with the reason, and silent layers too."""
    record = record_of(file_of("int8", KERAS))
    folding = replace(
        record.folding,
        difference=2e-5,
        exact=3e-12,
        rounding=1.5e-5,
        evened=False,
        skipped=(("evening out the channels", "it ended in KeyError: 'a|b'"),),
        silent=("asleep",),
    )
    text = written(replace(record, folding=folding, not_rounded=("rounding together, because of x",)))
    assert "norm. This changed no score of 12 pictures of the training split by more than 2e-05." in text
    assert (
        " In float64 no score changes by more than 3e-12. The network's own rounding in float32 is 1.5e-05." in text
    )
    assert "- Left out: evening out the channels, because it ended in KeyError: 'a&#124;b'.\n" in text
    assert "- Left out: rounding together, because of x.\n" in text
    assert "- Silent: asleep gives one and the same number for all calibration pictures.\n" in text


def test_the_provenance_is_that_of_the_origin():
    """Proves that a run is named with its network and seed, and a model of one's own without what is not known."""
    record = record_of(file_of("int8", KERAS))
    assert "\nRun small, architecture report, seed 3, data " in written(record)
    own = replace(record, source=replace(record.source, origin=Origin.KERAS))
    assert "\nKeras model small, data " in written(own)


@pytest.mark.parametrize(
    ("precision", "format_", "scale"),
    [
        ("int8", "tflite", ", scale 1, zero point 0"),
        ("mixed", "onnx", ", scale 1, zero point 0"),
        ("float16", "onnx", ""),
    ],
)
def test_tensors_have_their_scales(precision, format_, scale):
    """Proves that a scale is told by number where it is known, and not at all of a float file."""
    record = record_of(file_of(precision, KERAS, format_=format_))
    row = cells(written(record), "file | SHA-256")[f"`model.{precision}.{format_}`"]
    assert row[0] == f"`{'0f' * 8}`"
    assert row[1].removeprefix("image ").split(" ", 1)[1] == f"[1, 16, 16, 3]{scale}"


@pytest.mark.parametrize(
    ("precision", "format_", "inside"),
    [("int8", "onnx", True), ("mixed", "onnx", True), ("float32", "onnx", False), ("int8", "tflite", False)],
)
def test_scales_that_no_backend_shows_are_inside(precision, format_, inside):
    """Proves that integer files of ONNX are said to hold their scales, and no others are."""
    file = file_of(precision, KERAS, format_=format_)
    plain = replace(file.entry.input, scale=0.0)
    record = record_of(replace(file, entry=replace(file.entry, input=plain, output=replace(plain, name="scores"))))
    assert written(record).count(", scale inside the file") == (2 if inside else 0)


def test_drawings_are_called_drawings():
    """Proves that a report of the sample set warns below its title, and one of other pictures does not."""
    record = record_of(file_of("int8", KERAS))
    sample = replace(record, source=replace(record.source, run=record.source.run | {"data": "sample"}))
    assert written(sample).index(SAMPLE_WARNING) < written(sample).index("## Drift")
    assert SAMPLE_WARNING not in written(record)


def table_rows(text: str, header: str) -> dict[str, list[str]]:
    """Return the rows of the table that begins so in a report, by the first column."""
    lines = text[text.index(f"| {header} |") :].split("\n\n")[0].splitlines()[2:]
    return {
        line.split(" | ")[0].strip("| `"): [cell.strip(" |") for cell in line.split(" | ")[1:]] for line in lines
    }


def test_the_confidence_table_has_both_errors_before_and_after(source, bundle_folder, tempered):
    """Proves that both errors of Keras and of every file are right, with and without the temperature."""
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


def test_the_report_says_where_the_scales_are(bundle_folder):
    """Proves that scales are told by number in TFLite, in words in ONNX, and not at all of float files."""
    text = (bundle_folder / "report.md").read_text()
    tensors = {name: row[1:] for name, row in table_rows(text, "file | SHA-256").items()}
    assert tensors["model.int8.tflite"] == [
        "image uint8 [1, 64, 64, 3], scale 1, zero point 0",
        "scores uint8 [1, 1], scale 0.00390625, zero point 0",
    ]
    assert all(tensor.endswith(", scale inside the file") for tensor in tensors["model.int8.onnx"])
    assert not any("scale" in cell for name in FILES if "int8" not in name for cell in tensors[name])


def test_the_report_names_what_int8_files_do_in_float(bundle_folder):
    """Proves that this is nothing in TFLite, and in ONNX the one operator that hands out the scores."""
    text = (bundle_folder / "report.md").read_text()
    assert "- In float in `model.int8.tflite`: nothing.\n" in text
    assert "- In float in `model.int8.onnx`: DequantizeLinear (`scores`).\n" in text
    counts = {name: row[3] for name, row in table_rows(text, "file | input, output").items()}
    assert counts["model.int8.tflite"].startswith("0 of ")
    assert counts["model.int8.onnx"].startswith("1 of ")


def test_the_report_says_what_folding_changed(source, bundle_folder):
    """Proves that the largest change of a score is told, below what would end the export, and on how many."""
    text = (bundle_folder / "report.md").read_text()
    found = re.search(r"changed no score of ([\d,]+) pictures of the training split by more than (\S+)\.\n", text)
    assert int(found[1]) == len(source.sides["train"])
    assert 0 <= float(found[2]) <= MAX_DIFFERENCE


def test_what_was_left_out_is_listed():
    """Proves that every file that is not used is in the report with its reason, and why near copies were used."""
    record = record_of(file_of("float32", KERAS))
    left_out = (LeftOut("a|b.jpg", Cause.TEST_PICTURE, "is the test picture 3.jpg"),)
    record = replace(
        record,
        source=replace(record.source, left_out=(LeftOut("x.txt", Cause.NO_PICTURE, "is no picture"),)),
        pictures=replace(record.pictures, left_out=left_out, note="All are nearly the same."),
    )
    text = written(record)
    assert "Left out of the folder of test pictures: 1 files and folders.\n\n- `x.txt`: is no picture" in text
    assert "- <code>a&#124;b.jpg</code>: is the test picture 3.jpg" in text
    assert "lists their hashes. All are nearly the same." in text
