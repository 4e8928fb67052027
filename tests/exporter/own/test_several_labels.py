"""Models whose pictures may show several labels: thresholds, gate, bundle, and what the device answers."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edge_runtime import Classifier, read_bundle
from edge_runtime.cli import main as edge
from edge_runtime.commands.selftest import run_selftest
from exporter.own.several import check_several, choose_thresholds, guess_share
from tests.exporter.own.conftest import RANGE, write_onnx

HALVES = {"none": (128, 128), "left": (230, 128), "right": (128, 230), "left+right": (230, 230)}


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Folders of pictures that are bright on the left, on the right, on both sides or on none."""
    root = tmp_path_factory.mktemp("halves")
    generator = np.random.default_rng(0)
    for side in ("test", "other"):
        for name, (left, right) in HALVES.items():
            folder = root / side / name
            folder.mkdir(parents=True)
            for number in range(10):
                pixels = np.repeat([left, right], 12)[None, :, None] + generator.integers(-25, 25, (16, 24, 3))
                Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def network(tensorflow, tmp_path_factory):
    """A Keras model that gives the left half's brightness and the right half's, each through a sigmoid."""
    import keras
    from keras import layers

    image = keras.Input((16, 24, 3))
    pooled = layers.AveragePooling2D((16, 12))(layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, layers.Dense(2, activation="sigmoid")(layers.Flatten()(pooled)))
    weights = np.zeros((6, 2))
    weights[:3, 0] = weights[3:, 1] = 4
    model.layers[-1].set_weights([weights, np.array([-7.0, -9.6])])  # the best thresholds are not 0.5
    path = tmp_path_factory.mktemp("several") / "halves.keras"
    model.save(path)
    return path


def export(run, halves, model, *options):
    return run(
        "--model", model, "--test", halves / "test", "--validation", halves / "other",
        "--calibration", halves / "other", "--calibration-count", 16, "--max-drop", 0.1, *options,
    )  # fmt: skip


def answers(folder, *options):
    done = CliRunner().invoke(edge, ["classify", "--bundle", str(folder), *map(str, options)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_keras_model_of_independent_labels(halves, network, tmp_path, run):
    """Proves that one command gives files of both formats, a threshold for each label, and their answers."""
    code, out, err = export(run, halves, network)
    assert code == 0, err
    assert "Each label has a sigmoid of its own" in err
    assert out.count("all labels right 100.00%") == 4
    folder = tmp_path / "bundles" / "halves"
    bundle = read_bundle(folder)
    assert bundle.labels == ("left", "right")
    first, second = bundle.label_thresholds
    assert first > 0.5 > second
    assert set(bundle.files[0].drift["by_class"]) == {"left", "right"}
    assert bundle.files[0].drift["gate"]["state"] == "passed"
    assert all(check.passed for check in run_selftest(folder))
    import jsonschema

    from tests.contract.test_manifest import SCHEMA

    values = json.loads((folder / "manifest.json").read_text())
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(values)) == []
    assert "| left | " in (folder / "report.md").read_text()
    pictures = [halves / "test" / name / "0.png" for name in HALVES]
    lines = answers(folder, *pictures).splitlines()
    assert ["left" in line.split("test/")[1].split(".png")[1] for line in lines] == [False, True, False, True]
    assert "unsure" in lines[0]
    found = [json.loads(line)["labels"] for line in answers(folder, *pictures, "--json").splitlines()]
    assert [set(labels) for labels in found] == [set(), {"left"}, {"right"}, {"left", "right"}]
    rows = list(csv.DictReader(io.StringIO(answers(folder, *pictures, "--csv"))))
    assert [set(filter(None, row["label"].split(";"))) for row in rows] == [set(labels) for labels in found]
    assert [row["confident"] for row in rows] == ["false", "true", "true", "true"]


def test_a_finished_file_of_independent_labels(halves, tmp_path, run):
    """Proves that an ONNX file of several sigmoids is judged by a CSV file, named or in the folder."""
    columns = [[6, -6, 0], [0, -6, 6]]
    path = write_onnx(tmp_path / "mine.onnx", ending="Sigmoid", columns=columns)
    data = tmp_path / "data"
    data.mkdir()
    rows = ["file,labels"]
    for number in range(30):
        red, blue = number % 2, number // 2 % 2
        colour = (60 + 150 * red, 90, 60 + 150 * blue)
        Image.new("RGB", (20, 20), tuple(value + number for value in colour)).save(data / f"{number}.png")
        rows.append(f"{number}.png,{';'.join(['red'] * red + ['blue'] * blue)}")
    table = tmp_path / "truth.csv"
    table.write_text("\n".join(rows))
    options = ("--model", path, "--test", data, "--labels", "red,blue", *RANGE)
    code, out, err = run(*options, "--test-labels", table)
    assert code == 0, err
    assert "all labels right 100.00%" in out
    shutil.copy(table, data / "labels.csv")
    assert run(*options)[0] == 0
    bundle = read_bundle(tmp_path / "bundles" / "mine")
    assert bundle.label_thresholds == (0.5, 0.5)
    assert bundle.files[0].drift["gate"] == {"state": "passed", "min_accuracy": pytest.approx(8 / 30)}
    _, _, err = run(*options[:4], "--labels", "blue,red", *RANGE)
    assert "warning: 100.00% would be right with the labels in another order: --labels red,blue" in err


def test_several_labels_that_nobody_knows(tmp_path, run):
    """Proves that a file that shows no label warns and exits with 4."""
    path = write_onnx(tmp_path / "mine.onnx", ending="Sigmoid", columns=[[-9, -9, -9], [-9, -9, -9]])
    for shade, name in enumerate(("red", "blue", "red+blue")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(4):
            picture = Image.new("RGB", (20, 20), (200, 200 + shade, 200 + number))
            picture.save(tmp_path / "data" / name / f"{number}.png")
    code, _, err = run("--model", path, "--test", tmp_path / "data", *RANGE)
    assert code == 4
    assert "no better than guessing: all labels right in 0.00%" in err


def test_a_threshold_of_the_user_counts_for_every_label(halves, network, tmp_path, run):
    """Proves that confidence_threshold replaces the thresholds of the bundle."""
    export(run, halves, network, "--format", "tflite", "--quantize", "none")
    folder = tmp_path / "bundles" / "halves"
    picture = halves / "test" / "left+right" / "0.png"
    assert Classifier.open(folder, confidence_threshold=1.0).classify(picture).labels == ()
    found = Classifier.open(folder, confidence_threshold=0.0).classify(halves / "test" / "none" / "0.png")
    assert set(found.labels) == {"left", "right"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("0.png,red;green\n", "green is no label, expected 'red, blue'"),
        ("0.png,red,blue\n", "row 1 has 3 cells, expected 2"),
        ("missing.png,red\n", "missing.png: cannot be read"),
        ("", "no picture there"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path, run, table, message):
    """Proves that unknown labels, cells too many, missing pictures and an empty table are named."""
    path = write_onnx(tmp_path / "mine.onnx", ending="Sigmoid")
    (tmp_path / "data").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "data" / "0.png")
    (tmp_path / "truth.csv").write_text(table)
    options = ("--test", tmp_path / "data", "--test-labels", tmp_path / "truth.csv", "--labels", "red,blue")
    code, _, err = run("--model", path, *options, *RANGE)
    assert (code, len(err.splitlines())) == (1, 1)
    assert message in err


def test_thresholds_have_the_best_f1():
    """Proves the threshold of each label on scores whose best cut is known, and 0.5 where nothing says one."""
    scores = np.array([[0.1, 0.9, 0.2], [0.2, 0.8, 0.4], [0.3, 0.2, 0.6], [0.4, 0.1, 0.8]])
    truth = np.array([[0, 1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]], bool)
    assert choose_thresholds(scores, truth) == (0.25, 0.5, 0.5)


def test_figures_of_sets_and_of_labels():
    """Proves that a picture is right if all its labels are, that flips are counted, and each label by itself."""
    truth = np.array([[1, 1], [1, 0], [0, 0], [0, 1]], bool)
    before, after = truth * 0.8 + 0.1, truth * 0.8 + 0.1
    after[0, 0] = 0.2
    check = check_several(before, after, truth, thresholds=(0.5, 0.5), labels=("a", "b"), max_drop=0.1)
    assert (check.drift.keras_accuracy, check.drift.accuracy, check.drift.right_to_wrong) == (1, 0.75, 1)
    assert (check.by_class["a"].accuracy, check.by_class["b"].accuracy) == (0.75, 1)
    assert check.drift.agreement == 0.75
    assert check.drift.largest_difference == pytest.approx(0.7)
    assert check.drift.brier == pytest.approx((2 * (7 * 0.01 + 0.64)) / 8)
    assert guess_share(truth) == 0.25
