"""What the record of an export says of its files."""

import pytest

from tests.exporter.records import CLOSE, KERAS, TURNED, file_of, record_of


@pytest.mark.parametrize(
    ("scores", "max_drop", "state"),
    [(KERAS, 0.5, "passed"), (CLOSE, 0.01, "inconclusive"), (TURNED, 0.01, "failed")],
)
def test_a_file_has_failed_only_where_the_gate_says_so(scores, max_drop, state):
    """Proves that an inconclusive file is not called failed, as its bundle is written."""
    file = file_of("int8", scores, max_drop=max_drop)
    assert file.check.verdict.state == state
    assert file.failed == (state == "failed")


@pytest.mark.parametrize(
    ("precision", "integer"), [("int8", True), ("mixed", False), ("dynamic", False), ("float32", False)]
)
def test_only_int8_is_int8(precision, integer):
    """Proves that a mixed or dynamic file, which has integer weights, does not count as int8 throughout."""
    assert file_of(precision, KERAS).is_int8 is integer


def test_a_repaired_file_knows_the_failed_one():
    """Proves that a file is repaired exactly if it has replaced another, and is named by its own entry."""
    failed = file_of("int8", TURNED)
    repaired = file_of("mixed", KERAS, repaired_from=failed, kept_float=("conv",))
    assert (failed.is_repaired, repaired.is_repaired) == (False, True)
    assert (failed.name, repaired.name) == ("model.int8.tflite", "model.mixed.tflite")


def test_the_state_is_that_of_the_worst_file():
    """Proves that one failed file fails the export, and one inconclusive file leaves it undecided."""
    passed, unclear = file_of("float32", KERAS, max_drop=0.5), file_of("int8", CLOSE)
    failed = file_of("int8", TURNED)
    assert record_of(passed).state == "passed"
    assert record_of(passed, unclear).state == "inconclusive"
    assert record_of(failed, unclear, passed).state == "failed"
