"""The scripts that a user would write: each answers what the model file says, or the comparison would be unfair."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.backends import installed_backends
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.classifier import Classifier

FOLDER = PRETRAINED
TFLITE, ONNX = FOLDER / "model.int8.tflite", FOLDER / "model.int8.onnx"
needs_litert = pytest.mark.skipif("litert" not in installed_backends(), reason="needs LiteRT")
needs_onnx = pytest.mark.skipif("onnxruntime" not in installed_backends(), reason="needs ONNX Runtime")


@pytest.fixture
def rgb(squares):
    return [squares / f"{number}.png" for number in range(3)]


def scores_of(backend, pictures):
    """Return what the library scores these pictures."""
    classifier = Classifier.open(FOLDER, backend, precision="int8", threads=1)
    return np.array([list(classifier.classify(str(picture)).scores.values()) for picture in pictures])


@needs_litert
def test_plain_litert_scores_as_we_do(answers, rgb, squares):
    """Proves that on pictures that need no resize the plain script and the library agree, on grey ones too."""
    from benchmarks.peers.plain_litert import main

    pictures = [*rgb, squares / "grey.png"]
    np.testing.assert_allclose(answers(main, TFLITE.as_posix(), pictures=pictures), scores_of("litert", pictures))


@needs_litert
def test_label_image_scores_as_we_do_and_fails_on_grey(answers, rgb, squares, tmp_path):
    """Proves that the example's way gives the same scores, and that what it cannot read is null and not a crash."""
    from benchmarks.peers.label_image import main

    large = tmp_path / "large.png"
    Image.open(rgb[0]).resize((300, 200)).save(large)
    found = answers(main, TFLITE.as_posix(), pictures=[*rgb, squares / "grey.png", rgb[0], large])
    np.testing.assert_allclose(found[:3], scores_of("litert", rgb))
    assert found[3] is None
    assert found[4] == found[0]
    assert sum(found[5]) == pytest.approx(1, abs=0.02)  # resized, whatever its sides


@needs_onnx
def test_plain_onnx_scores_as_we_do(answers, rgb):
    """Proves that ONNX Runtime as its guide shows it gives the library's scores."""
    from benchmarks.peers.plain_onnx import main

    np.testing.assert_allclose(
        answers(main, ONNX.as_posix(), pictures=rgb), scores_of("onnxruntime", rgb), atol=1e-6
    )


@pytest.mark.parametrize("backend", installed_backends())
def test_ours_is_the_library(answers, rgb, backend):
    """Proves that our side of the comparison is the library with its defaults, and a score for each label."""
    from benchmarks.peers.ours import main

    if not {"litert", "onnxruntime"} & {backend}:
        pytest.skip("the shipped files are compared with these two")
    found = answers(main, FOLDER, backend, "int8", pictures=rgb)
    np.testing.assert_allclose(found, scores_of(backend, rgb), atol=1e-6)


@needs_litert
def test_the_shortest_script_prints_path_and_first_score(monkeypatch, capsys, rgb):
    """Proves that the script that a process is timed against does classify: its score is the library's."""
    script = Path(__file__).parents[3] / "benchmarks/peers/plain_classify.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(TFLITE), str(rgb[1])])
    runpy.run_path(str(script), run_name="__main__")
    path, score = capsys.readouterr().out.split()
    assert path == str(rgb[1])
    assert float(score) == pytest.approx(scores_of("litert", rgb)[1][0])


@needs_litert
def test_the_plain_loop_runs_what_it_is_given(rgb, tflite_echo, tmp_path):
    """Proves that pixels reach the file as they are, and that a loop over files resizes them to its input."""
    from benchmarks.peers.plain_loop import PlainInterpreter

    (tmp_path / "echo.tflite").write_bytes(tflite_echo)
    plain = PlainInterpreter(tmp_path / "echo.tflite")
    pixels = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    np.testing.assert_array_equal(plain.run(pixels), pixels.reshape(-1))
    seen = []
    plain.run = seen.append
    plain.run_files([str(rgb[0]), str(rgb[1])])
    expected = np.asarray(Image.open(rgb[1]).resize((16, 16), Image.Resampling.BILINEAR))
    assert [picture.shape for picture in seen] == [(16, 16, 3)] * 2
    np.testing.assert_array_equal(seen[1], expected)


def test_keras_predict_scores_as_the_model(answers, rgb, tensorflow, run_folder):
    """Proves that the Keras peer resizes to the model's side and answers its outputs."""
    import keras

    from benchmarks.peers.keras_predict import main

    model = keras.saving.load_model(run_folder / "model.keras", compile=False)
    side = model.input_shape[1]
    pictures = [np.asarray(Image.open(path).resize((side, side), Image.Resampling.BILINEAR)) for path in rgb]
    expected = model(np.array(pictures, np.float32), training=False).numpy()
    np.testing.assert_allclose(answers(main, run_folder / "model.keras", pictures=rgb), expected, atol=1e-4)


def test_plain_fit_trains_the_report_network(tensorflow):
    """Proves that the training that ours is timed against is of the same network: same shapes, same parameters."""
    from benchmarks.peers.plain_fit import build
    from trainer.network.architectures import report_network

    plain, ours = build(), report_network(128, 1)
    assert plain.input_shape == ours.input_shape == (None, 128, 128, 3)
    assert [tuple(weight.shape) for weight in plain.weights] == [tuple(weight.shape) for weight in ours.weights]
    assert plain.count_params() == 12_942_273


def test_the_epoch_timer_takes_each_epoch_alone(tensorflow, monkeypatch):
    """Proves that seconds are from the begin of an epoch to its end, one number each."""
    from benchmarks.peers import plain_fit

    clock = iter([10.0, 12.5, 20.0, 20.25])
    monkeypatch.setattr(plain_fit.time, "perf_counter", lambda: next(clock))
    timer = plain_fit.EpochTimer()
    for epoch in range(2):
        timer.on_epoch_begin(epoch)
        timer.on_epoch_end(epoch)
    assert timer.seconds == [2.5, 0.25]


def test_stock_export_hands_out_each_picture_once(tensorflow):
    """Proves that the converters' calibration sees every picture, and is told when there are no more."""
    pytest.importorskip("tf2onnx")
    from benchmarks.peers.stock_export import Pictures

    pictures = [np.full((1, 2, 2, 3), value, np.float32) for value in (1, 2)]
    reader = Pictures(pictures)
    assert [reader.get_next()["image"][0, 0, 0, 0] for _ in range(2)] == [1, 2]
    assert reader.get_next() is None
