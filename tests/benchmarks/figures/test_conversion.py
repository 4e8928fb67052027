"""A bundle's int8 files against those of the converters' own defaults, on a small run and its bundle."""

import json
import shutil
import sys

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.figures import conversion
from benchmarks.figures.conversion import STOCK_FORMATS, compare_conversions
from edge_runtime.backends import BACKENDS
from edge_runtime.bundle import FORMATS, Precision
from edge_runtime.errors import BundleError, CatdogError
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from edge_runtime.run_folder import Side, read_run_folder
from tests.benchmarks.conftest import bench, write_bench_bundle


class Answering:
    """A backend that gives each picture the scores that its first pixel says."""

    def predict(self, pixels):
        return np.array(pixels[0, 0], np.float32) / 255


def picture(*scores):
    """A picture whose first pixel says these scores in per cent."""
    return np.full((2, 2, len(scores)), [score * 255 // 100 for score in scores], np.uint8)


def test_both_formats_are_compared_with_the_converters_own_files(run_folder, bundle_folder):
    """Proves that the stock converters take the run's model, and that both formats have all figures."""
    done = bench("conversion", "--run", run_folder, "--bundle", bundle_folder, "--rounds", 10)
    assert done.exit_code == 0, done.output
    compared = json.loads(done.stdout)
    assert set(compared) == {"tflite", "onnx"}
    for found in compared.values():
        assert found["ours_median_ms"] > 0
        assert found["ratio_of_medians"] == pytest.approx(found["ours_median_ms"] / found["stock_median_ms"])
        assert 0.5 <= found["ours_accuracy"] <= 1
        assert 0 <= found["stock_accuracy"] <= 1


def test_a_missing_run_is_named(tmp_path, bundle_folder):
    """Proves that a wrong `--run` is one line with the folder, and exit code 1."""
    done = bench("conversion", "--run", tmp_path / "none", "--bundle", bundle_folder)
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(f"error: {tmp_path / 'none'}")


def test_a_missing_bundle_is_named_before_the_run_is_read(tmp_path):
    """Proves that a wrong bundle is an error of the bundle."""
    with pytest.raises(BundleError, match=r"none: no manifest\.json there"):
        compare_conversions(tmp_path, tmp_path / "none", rounds=10, threads=1)


def test_a_bundle_without_int8_files_is_refused(tmp_path, tflite_float32):
    """Proves that there is no comparison of nothing, and that the message has the formats and the option."""
    bundle = write_bench_bundle(tmp_path / "bundle", {Precision.FLOAT32: tflite_float32})
    with pytest.raises(BenchmarkError, match=r"no int8 TFLite or ONNX file\. Export it with --quantize int8\."):
        compare_conversions(tmp_path, bundle, rounds=10, threads=1)


def test_pictures_that_have_gone_are_missed(tmp_path, run_folder, bundle_folder):
    """Proves that a run whose data folder has moved is told where the pictures should lie."""
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    splits = json.loads((run / "splits.json").read_text())
    splits["folder"] = str(tmp_path / "moved")
    (run / "splits.json").write_text(json.dumps(splits))
    with pytest.raises(CatdogError, match=r"moved: the run's pictures cannot be read there\. Bring them back\."):
        compare_conversions(run, bundle_folder, rounds=10, threads=1)


def test_a_converter_that_fails_is_told_in_one_line(tmp_path, monkeypatch, run_folder, bundle_folder):
    """Proves that of a converter's traceback the last line is told."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nprintf 'Traceback:\\n  many lines\\nValueError: no such layer\\n' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(BenchmarkError, match=r"^a stock converter failed: ValueError: no such layer$"):
        compare_conversions(run_folder, bundle_folder, rounds=10, threads=1)


def test_pictures_are_spread_over_all_classes():
    """Proves that a few of many are the first, the last and those evenly between, and that few are all taken."""
    files = [{"path": str(number)} for number in range(101)]
    assert [file["path"] for file in conversion._spread(files, 5)] == ["0", "25", "50", "75", "100"]
    assert conversion._spread(files[:3], 5) == files[:3]
    assert conversion._spread([], 5) == []


@pytest.mark.parametrize(
    ("pictures", "targets", "accuracy"),
    [
        ([picture(10, 90), picture(80, 20), picture(60, 40)], [1, 0, 1], 2 / 3),  # a score for each label
        ([picture(10), picture(90), picture(60), picture(40)], [0, 1, 1, 1], 3 / 4),  # one score, of the second
        ([picture(20, 30, 50), picture(90, 5, 5)], [2, 1], 1 / 2),
    ],
)
def test_accuracy_of_known_scores(pictures, targets, accuracy):
    """Proves that the label with the highest score counts, and of a single score the side of one half."""
    assert conversion._accuracy(Answering(), pictures, targets) == pytest.approx(accuracy)


def test_figures_of_known_times_and_accuracies():
    """Proves that a ratio below 1 says that ours is faster."""
    assert conversion._compared(2.0, 4.0, 0.9, 0.8) == {
        "ours_median_ms": 2.0,
        "stock_median_ms": 4.0,
        "ratio_of_medians": 0.5,
        "ours_accuracy": 0.9,
        "stock_accuracy": 0.8,
    }


def test_each_stock_format_has_a_backend_that_reads_it():
    """Proves that a file never goes to a backend of another format."""
    for name in STOCK_FORMATS:
        assert name in FORMATS
        assert BACKENDS[conversion._backend_of(name)].format == name


def test_a_format_runs_with_what_is_installed(monkeypatch):
    """Proves that tflite-runtime serves where LiteRT is missing, and that LiteRT is asked for where neither is."""
    monkeypatch.setattr(conversion, "installed_backends", lambda: ("tflite-runtime", "onnxruntime"))
    assert conversion._backend_of("tflite") == "tflite-runtime"
    monkeypatch.setattr(conversion, "installed_backends", lambda: ())
    assert conversion._backend_of("tflite") == "litert"


def test_calibration_and_test_pictures_are_apart(run_folder):
    """Proves that stock files are calibrated on training pictures alone, and tested on all test pictures."""
    splits = read_run_folder(run_folder).splits
    preprocessing = Preprocessing(64, 64)
    pixels, targets, calibration = conversion._pictures(run_folder, preprocessing)
    test = splits.on(Side.TEST)
    assert len(pixels) == len(targets) == len(test)
    assert [splits.labels[target] for target in targets] == [file.label for file in test]
    np.testing.assert_array_equal(pixels[0], load_picture(splits.path(test[0]), preprocessing))
    training = {str(splits.path(file)) for file in splits.on(Side.TRAIN)}
    assert set(calibration) <= training
    assert not set(calibration) & {str(splits.path(file)) for file in test}
    assert {path.split("/")[-2] for path in calibration} == {file.label.capitalize() for file in test}


def test_pictures_follow_each_other_without_end():
    """Proves that each timed run takes the next picture, and begins again after the last."""
    seen = []
    model = type("Noting", (), {"predict": lambda self, pixels: seen.append(pixels)})()
    task = conversion._task(model, ["first", "second"])
    for _ in range(5):
        task()
    assert seen == ["first", "second", "first", "second", "first"]
