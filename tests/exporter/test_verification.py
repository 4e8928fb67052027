"""Files are run as a device runs them, in order and in turns, and compared by numbers worked out by hand."""

import sys
import time
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from edge_runtime.backends import BACKENDS, BackendLibrary
from edge_runtime.bundle import ModelFile, Precision, TensorInfo
from edge_runtime.errors import BackendError
from exporter.formats.table import FORMATS, TFLITE_FILES
from exporter.verification import Stability, check, compare_draws, open_content, run_file, time_ratio
from tests.exporter.records import CLOSE, KERAS, LABELS, TARGETS

TENSOR = TensorInfo("any", "uint8", (1,))
ENTRY = ModelFile("model.float32.tflite", "tflite", Precision.FLOAT32, 1, "", TENSOR, TENSOR, "", {})


def colours(count: int) -> np.ndarray:
    """Return plain pictures, redder and redder, `uint8 (count, 16, 16, 3)`."""
    pictures = np.zeros((count, 16, 16, 3), np.uint8)
    pictures[..., 0] = np.linspace(0, 200, count).astype(np.uint8)[:, None, None]
    pictures[..., 2] = 60
    return pictures


def expected(pictures: np.ndarray) -> np.ndarray:
    """Return the scores of a file whose score says how much more red than blue there is."""
    second = expit((pictures[:, 0, 0, 0].astype(float) - pictures[:, 0, 0, 2]) / 32)
    return np.stack([1 - second, second], axis=1)


@pytest.mark.parametrize("count", [1, 2, 37])
def test_each_row_is_of_its_picture(tflite_float32, count):
    """Proves that scores stand in the order of the pictures however the threads share them out."""
    pictures = colours(count)
    np.testing.assert_allclose(run_file(LABELS, ENTRY, tflite_float32, pictures), expected(pictures), atol=1e-5)


def test_an_opened_file_is_a_classifier(tflite_float32):
    """Proves that bytes that lie in no folder yet give labels in their order, on one thread."""
    classifier = open_content(("blue", "red"), ENTRY, tflite_float32)
    scores = classifier.scores(colours(2)[1])
    assert classifier.bundle.labels == ("blue", "red")
    np.testing.assert_allclose(scores, expected(colours(2))[1], atol=1e-5)


def test_progress_counts_up_one_at_a_time(tflite_float32):
    """Proves that an observer hears 1, 2, 3 and so on, and never two threads at once, if it is slow too."""
    heard, inside = [], []

    def report(done: int, total: int) -> None:
        inside.append(done)
        time.sleep(0.002 * (done % 3))
        assert len(inside) == 1
        inside.remove(done)
        heard.append((done, total))

    run_file(LABELS, ENTRY, tflite_float32, colours(24), report=report)
    assert heard == [(done, 24) for done in range(1, 25)]


def test_what_an_observer_raises_ends_the_run(tflite_float32):
    """Proves that Ctrl-C that is noticed while pictures are scored in threads reaches the export."""

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_file(LABELS, ENTRY, tflite_float32, colours(4), report=stop)


def test_a_damaged_file_is_no_silence():
    """Proves that a file that its backend cannot load raises in the caller, not only in a thread."""
    with pytest.raises(BackendError):
        run_file(LABELS, ENTRY, b"no model", colours(2))


@pytest.fixture
def slow(monkeypatch) -> list[str]:
    """A format whose content is the seconds that a picture takes; the contents in the order of their runs."""
    ran: list[str] = []

    class Sleeps:
        input = TENSOR
        output = replace(TENSOR, dtype="float32")

        def __init__(self, content: bytes) -> None:
            self._content = content.decode()

        def predict(self, pixels):
            ran.append(self._content)
            time.sleep(float(self._content))
            return np.array([0.5], np.float32)

    module = ModuleType("tests_of_a_slow_format")
    module.open_model = lambda content, threads: Sleeps(content)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(BACKENDS, "slow", BackendLibrary("Slow", module.__name__, "json", "slow", "pip"))
    monkeypatch.setitem(FORMATS, "slow", replace(TFLITE_FILES, name="slow", backend="slow"))
    return ran


def test_time_is_the_first_over_the_second_in_turns(slow):
    """Proves that the ratio of 80 ms to 20 ms is near four, and that the files take turns picture by picture."""
    file = replace(ENTRY, format="slow")
    ratio = time_ratio(LABELS, ((file, b"0.08"), (file, b"0.02")), colours(5))
    assert slow == ["0.08", "0.02"] * 5
    assert 2 < ratio < 4.5


def test_a_file_is_as_fast_as_itself(slow):
    """Proves that neither place in a turn has an advantage."""
    file = replace(ENTRY, format="slow")
    assert time_ratio(LABELS, ((file, b"0.02"), (file, b"0.02")), colours(7)) == pytest.approx(1, abs=0.4)


def test_draws_are_compared_by_hand():
    """Proves that agreement counts labels, and the differences are over all scores of all pictures."""
    found = compare_draws(KERAS, CLOSE)
    assert found.pictures == 8
    assert found.agreement == 5 / 8
    assert found.mean_difference == pytest.approx((0.25 + 0.15 + 0.4) / 8)
    assert found.largest_difference == pytest.approx(0.4)
    assert compare_draws(KERAS, KERAS) == Stability(8, 1.0, 0.0, 0.0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_comparing_has_no_direction(pairs):
    """Proves that two draws are as far from each other either way round, and no difference exceeds the largest."""
    first, second = (np.stack([1 - column, column], axis=1) for column in np.array(pairs).T)
    found = compare_draws(first, second)
    assert found == compare_draws(second, first)
    assert 0 <= found.mean_difference <= found.largest_difference + 1e-12 <= 1 + 1e-9


def test_a_check_has_all_and_each_class():
    """Proves that the manifest's object has the drift of all pictures, that of each class, and the verdict."""
    stored = check(KERAS, CLOSE, TARGETS, labels=LABELS, max_drop=0.25).to_dict()
    assert stored["difference"] == -1 / 8
    assert {label: found["difference"] for label, found in stored["by_class"].items()} == {"cat": 0.0, "dog": -0.25}
    assert stored["gate"]["max_drop"] == 0.25
    assert stored["gate"]["state"] == "inconclusive"


def test_a_class_without_pictures_is_left_out():
    """Proves that a label that no test picture has leaves no division by zero behind."""
    found = check(KERAS, CLOSE, TARGETS * 0, labels=LABELS, max_drop=0.01)
    assert list(found.by_class) == ["cat"]
