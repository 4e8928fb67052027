"""The process that scores rows of pixels: what it answers, and its last words."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.run.timing import Process
from edge_runtime.bundle import Precision
from edge_runtime.classifier import Classifier
from tests.benchmarks.conftest import write_bench_bundle

MODULE = "benchmarks.run.scorer"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, tflite_float32):
    return write_bench_bundle(tmp_path_factory.mktemp("scored") / "bundle", {Precision.FLOAT32: tflite_float32})


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    """A file of seven pictures, from all red to all blue."""
    values = np.zeros((7, 16, 16, 3), np.uint8)
    values[..., 0] = np.linspace(255, 0, 7).astype(np.uint8)[:, None, None]
    values[..., 2] = np.linspace(0, 255, 7).astype(np.uint8)[:, None, None]
    path = tmp_path_factory.mktemp("pixels") / "pixels.npy"
    np.save(path, values)
    return path


@pytest.fixture(scope="module")
def scorer(bundle, pixels):
    with Process(MODULE, bundle, "model.float32.tflite", "litert", pixels) as process:
        yield process


def test_it_says_how_many_rows_there_are(scorer):
    """Proves that its first line is the number of pictures in the file."""
    assert scorer.ready == 7


def test_rows_are_scored_from_start_to_stop(scorer, bundle, pixels):
    """Proves that `2 5` are the rows 2, 3 and 4, with the classifier's scores, and may be asked again."""
    classifier = Classifier.open(bundle, "litert", precision="float32", threads=1)
    expected = np.array([classifier.scores(picture) for picture in np.load(pixels)])
    assert expected[0, 1] > 0.99 > 0.01 > expected[-1, 1]  # red first, blue last
    np.testing.assert_allclose(scorer.ask("2 5"), expected[2:5], atol=1e-7)
    np.testing.assert_allclose(scorer.ask("0 7"), expected, atol=1e-7)
    np.testing.assert_allclose(scorer.ask("2 5"), expected[2:5], atol=1e-7)


def test_beyond_the_end_there_is_nothing(scorer):
    """Proves that rows that are not there are left out, and none at all is an empty list."""
    assert len(scorer.ask("5 100")) == 2
    assert scorer.ask("7 9") == []
    assert scorer.ask("3 3") == []


def test_scores_of_a_picture_are_shares(scorer):
    """Proves that each row has a score for each label, and they sum to one."""
    scores = np.array(scorer.ask("0 7"))
    assert scores.shape == (7, 2)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("file", "backend", "words"),
    [
        ("model.int8.tflite", "litert", "int8"),
        ("model.float32.tflite", "onnxruntime", "onnxruntime"),
        ("model.float32.tflite", "tensorrt", "tensorrt"),
    ],
)
def test_a_file_that_is_not_there_is_told_in_one_line(bundle, pixels, file, backend, words):
    """Proves that what cannot be opened is the error, whole, and names what was asked for."""
    with pytest.raises(BenchmarkError, match=words):
        Process(MODULE, bundle, file, backend, pixels)


def test_an_error_of_several_lines_becomes_one(tmp_path, pixels):
    """Proves that a message whose folder has a line break is on one line, all of which reaches the parent."""
    folder = tmp_path / "no\nbundle"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", MODULE, folder, "model.float32.tflite", "litert", pixels],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "no bundle" in done.stderr


def test_it_answers_lines_and_ends_with_its_input(bundle, pixels):
    """Proves that run by hand it writes one line when it is ready and one for each question, and leaves with 0."""
    command = [sys.executable, "-m", MODULE, bundle, "model.float32.tflite", "litert", pixels]
    done = subprocess.run(command, input="0 1\n1 2\n", capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert lines[0] == 7
    assert [len(line) for line in lines[1:]] == [1, 1]
