"""MODEL_CARD.md: the figures of the file that people will run, and what the model cannot do."""

from dataclasses import replace

import pytest

from edge_runtime import read_bundle
from edge_runtime.markdown import SAMPLE_WARNING
from exporter.report.model_card import write_model_card
from tests.exporter.records import CLOSE, KERAS, file_of, manifest_of, record_of, with_labels


def sized(precision: str, scores, size_bytes: int):
    file = file_of(precision, scores)
    return replace(file, entry=replace(file.entry, size_bytes=size_bytes))


def card(record, **options) -> str:
    return write_model_card(manifest_of(record, **options), record)


def test_the_figures_are_those_of_the_int8_file():
    """Proves that a smaller dynamic file is not the one whose figures are shown, where there is an int8 file."""
    text = card(record_of(file_of("float32", KERAS), sized("dynamic", KERAS, 10), sized("int8", CLOSE, 20)))
    assert "`model.int8.tflite` on the test pictures: accuracy 75.00% [40.93%, 92.85%]" in text  # Wilson, 6 of 8
    assert "calibration error 0.125." in text
    assert "The drift gate says: inconclusive." in text


def test_without_int8_the_smallest_file_counts():
    """Proves that an export of float files has a card too, of the smallest."""
    text = card(record_of(sized("float32", CLOSE, 40), sized("float16", KERAS, 20)))
    assert "`model.float16.tflite` on the test pictures: accuracy 87.50%" in text


def test_each_class_has_its_row():
    """Proves that pictures and accuracy of each class are those of its own pictures."""
    text = card(record_of(file_of("int8", CLOSE)))
    assert "| cat | 4 | 75.00% [" in text
    assert "| dog | 4 | 75.00% [" in text
    assert "12 training, 1 validation and 8 test pictures." in text


def test_drawings_are_called_drawings():
    """Proves that a card of the sample set warns, and that one of photographs does not."""
    record = record_of(file_of("int8", KERAS))
    assert SAMPLE_WARNING not in card(record)
    sample = replace(record, source=replace(record.source, run=record.source.run | {"data": "sample"}))
    assert SAMPLE_WARNING in card(sample)


@pytest.mark.parametrize("threshold", [0.0, 0.625])
@pytest.mark.parametrize("labels", [("cat", "dog"), ("cat", "neither")])
def test_what_it_does_not_know_is_said(labels, threshold):
    """Proves that the sentences about other pictures and about unsure answers are there where they are true."""
    text = card(with_labels(record_of(file_of("int8", KERAS)), labels), confidence_threshold=threshold)
    assert ("`neither` was learnt from some kinds of pictures" in text) == ("neither" in labels)
    assert ("It knows nothing else" in text) == ("neither" not in labels)
    assert ("An answer of less than 0.625 confidence is `unsure`." in text) == bool(threshold)


def test_a_label_with_a_bar_stays_in_its_cell():
    """Proves that no label makes a table of more columns."""
    text = card(with_labels(record_of(file_of("int8", KERAS)), ("a|b", "dog")))
    [row] = [line for line in text.splitlines() if line.startswith("| a")]
    assert row.startswith("| a&#124;b | 4 | ")
    assert row.count("|") == 4


def test_the_model_card_has_figures_and_limits(bundle_folder):
    """Proves that the card of a real export has its labels, pictures, accuracies, limits and command."""
    text = (bundle_folder / "MODEL_CARD.md").read_text()
    assert text.startswith("# Model card: small\n")
    figures = ("cat, dog", "32 test pictures", "| cat | 16 |", "`model.int8.")
    for wanted in (*figures, "## Limits", "catdog-edge classify --bundle"):
        assert wanted in text
    assert read_bundle(bundle_folder).training["data_sha256"] in text
