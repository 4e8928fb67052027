"""Peers in one interleaved run on small real files, and the figures drawn from known answers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.peers import comparison
from benchmarks.peers.comparison import SCRIPTS, Peer, describe_peers, list_peers
from benchmarks.run.pictures import Pictures
from edge_runtime.backends import BACKENDS, installed_backends
from edge_runtime.bundle import Precision, read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.proof.shares import wilson_interval
from tests.benchmarks.conftest import bench, write_bench_bundle, write_pictures

OURS = ("catdog-edge, LiteRT", "catdog-edge, ONNX Runtime")
BOTH = {"litert", "onnxruntime"} <= set(installed_backends())
needs_both = pytest.mark.skipif(not BOTH, reason="needs LiteRT and ONNX Runtime")


def pictures_of(count, targets=None):
    """Pictures that are nowhere, with these true labels."""
    paths = tuple(Path(f"/{number}.png") for number in range(count))
    known = None if targets is None else np.array(targets)
    return Pictures(Path("/"), paths, ("",) * count, known, None, "")


def test_peers_are_timed_in_turns_and_judged(bench_bundle, tmp_path):
    """Proves that each has both times with ratios to ours, and answers right where it can read the picture."""
    pictures = write_pictures(tmp_path / "pictures", 9)
    Image.new("L", (20, 20), 90).save(pictures / "red" / "grey.png")
    done = bench("peers", "--bundle", bench_bundle, "--data", pictures, "--rounds", 10, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert list(found) == ["catdog-edge, LiteRT", "label_image", "plain ai-edge-litert"]
    for item in found.values():
        assert (item["picture"]["count"], item["process"]["count"]) == (10, 5)
        assert item["against"] == "catdog-edge, LiteRT"
        for key in ("picture_ratio", "process_ratio"):
            low, high = item[key]["interval"]
            assert low <= item[key]["value"] <= high
        assert item["process"]["median_ms"] > item["picture"]["median_ms"]
    assert found["catdog-edge, LiteRT"]["picture_ratio"]["value"] == 1
    assert {name: item["failed"] for name, item in found.items()} == {
        "catdog-edge, LiteRT": 0,
        "label_image": 1,
        "plain ai-edge-litert": 0,
    }
    assert found["label_image"]["accuracy"] <= 0.9 <= found["plain ai-edge-litert"]["accuracy"]


@pytest.mark.parametrize(("option", "words"), [("--run", "model.keras: not there"), ("", "no picture there")])
def test_what_is_missing_is_one_line(bench_bundle, tmp_path, option, words):
    """Proves that a run without a Keras model, and a folder without pictures, are told before anything is timed."""
    empty = tmp_path / "empty"
    empty.mkdir()
    extra = [option, empty] if option else []
    done = bench("peers", "--bundle", bench_bundle, "--data", empty, *extra)
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert words in done.stderr


@needs_both
def test_each_backend_has_ours_and_the_scripts_around_it():
    """Proves that a script is held against ours with the same backend, and gets the file that it reads."""
    bundle = read_bundle(PRETRAINED)
    peers = list_peers(bundle, None)
    tflite, onnx = (str(bundle.folder / f"model.int8.{name}") for name in ("tflite", "onnx"))
    assert peers == {
        OURS[0]: Peer("ours", (str(bundle.folder), "litert", "int8"), OURS[0]),
        "label_image": Peer("label_image", (tflite,), OURS[0]),
        "plain ai-edge-litert": Peer("plain_litert", (tflite,), OURS[0]),
        OURS[1]: Peer("ours", (str(bundle.folder), "onnxruntime", "int8"), OURS[1]),
        "plain ONNX Runtime": Peer("plain_onnx", (onnx,), OURS[1]),
    }


@needs_both
def test_keras_is_held_against_the_first_of_ours(tmp_path):
    """Proves that with a run folder Keras is the last peer."""
    (tmp_path / "model.keras").touch()
    peers = list_peers(read_bundle(PRETRAINED), tmp_path)
    assert list(peers)[-1] == "Keras predict"
    assert peers["Keras predict"] == Peer("keras_predict", (str(tmp_path / "model.keras"),), OURS[0])


@needs_both
def test_a_backend_that_is_not_installed_has_no_peers(monkeypatch):
    """Proves that where LiteRT is missing ONNX Runtime is compared alone, and Keras with it."""
    monkeypatch.setattr(comparison, "installed_backends", lambda: ("onnxruntime",))
    assert list(list_peers(read_bundle(PRETRAINED), None)) == [OURS[1], "plain ONNX Runtime"]


def test_a_backend_without_scripts_is_left_out(monkeypatch):
    """Proves that another backend of the same format takes no other's place in the comparison."""
    monkeypatch.setattr(comparison, "installed_backends", lambda: ("tflite-runtime",))
    with pytest.raises(BenchmarkError, match=r"no int8 file that litert or onnxruntime loads here\. Export with"):
        list_peers(read_bundle(PRETRAINED), None)


def test_a_bundle_without_int8_files_is_refused(tmp_path, tflite_float32):
    """Proves that float32 is not compared in the place of int8."""
    folder = write_bench_bundle(tmp_path / "bundle", {Precision.FLOAT32: tflite_float32})
    with pytest.raises(BenchmarkError, match=r"--quantize int8\."):
        list_peers(read_bundle(folder), None)


def test_every_script_is_a_module_of_a_known_backend():
    """Proves that the table names what is there."""
    folder = Path(comparison.__file__).parent
    for backend, scripts in SCRIPTS.items():
        assert backend in BACKENDS
        for module in scripts.values():
            assert (folder / f"{module}.py").exists()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_first_timed_picture_is_the_first_one(count):
    """Proves that after the warm-up every peer begins with the same picture, whose true label comes first."""
    order = comparison._in_turn(pictures_of(count))
    warm_up = comparison._WARM_UP
    following = (order * 10)[warm_up : warm_up + count]
    assert following == [f"/{number}.png" for number in range(count)]


def test_accuracy_of_known_answers():
    """Proves that an unread picture is wrong and counted, and that a single score is that of the second label."""
    answers = [[0.9, 0.1], [0.2, 0.8], None, [0.7, 0.3]]
    found = comparison._right(answers, pictures_of(4, [0, 1, 1, 1]))
    assert found == {"failed": 1, "accuracy": 0.5, "accuracy_interval": wilson_interval(2, 4)}
    single = comparison._right([[0.4], [0.6], [0.5]], pictures_of(3, [0, 1, 0]))
    assert (single["failed"], single["accuracy"]) == (0, 1.0)


def test_more_rounds_than_pictures_repeat_the_labels():
    """Proves that the fifth answer of two pictures is judged by the first picture's label."""
    answers = [[1, 0], [0, 1]] * 2 + [[1, 0]]
    assert comparison._right(answers, pictures_of(2, [0, 1]))["accuracy"] == 1.0
    assert comparison._right(answers, pictures_of(2, [1, 0]))["accuracy"] == 0.0


def test_without_true_labels_there_is_no_accuracy():
    """Proves that unread pictures are counted all the same."""
    found = comparison._right([None, [1.0]], pictures_of(2))
    assert found == {"failed": 1, "accuracy": None, "accuracy_interval": None}


def test_the_table_has_a_row_for_each_peer():
    """Proves that ours is the measure with ratio 1, and that what is unknown is said."""

    def peer(picture_ms, process_ms, ratio, accuracy):
        times = {"picture": {"median_ms": picture_ms}, "process": {"median_ms": process_ms}}
        both = {"value": ratio, "interval": (ratio - 0.1, ratio + 0.1)}
        ratios = {"picture_ratio": both, "process_ratio": both}
        return times | ratios | {"against": "ours", "accuracy": accuracy, "failed": 2}

    text = describe_peers({"ours": peer(2.0, 200.0, 1.0, 0.9), "other": peer(3.0, 400.0, 1.5, None)})
    assert text.splitlines()[2:] == [
        "| ours | 2.00 | 1 | 200.00 | 1 | 90.0% | 2 |",
        "| other | 3.00 | 1.50 [1.40, 1.60] | 400.00 | 1.50 [1.40, 1.60] | unknown | 2 |",
    ]


def test_every_peer_sees_the_same_pictures(tmp_path, squares, bench_bundle):
    """Proves that answers are in the order of the pictures for each peer, the warm-up left out."""
    bundle = read_bundle(bench_bundle)
    peers = {name: peer for name, peer in list_peers(bundle, None).items() if peer.module != "label_image"}
    paths = tuple(sorted(write_pictures(tmp_path / "pictures", 4).rglob("*.png")))
    pictures = replace(pictures_of(4), folder=tmp_path, paths=paths)
    steps = []
    times, answers = comparison._pictures(peers, pictures, 5, lambda done, total: steps.append((done, total)))
    assert {name: len(values) for name, values in times.items()} == dict.fromkeys(peers, 5)
    assert steps == [(done, 5) for done in range(1, 6)]
    labels = {name: [comparison._label(answer) for answer in given] for name, given in answers.items()}
    expected = [path.parent.name == "red" for path in (*paths, paths[0])]
    assert set(map(tuple, labels.values())) == {tuple(expected)}


def test_files_are_found_by_what_the_manifest_says(bench_bundle):
    """Proves that a file's name has no meaning: a renamed int8 file is the one that the scripts get."""
    manifest = json.loads((bench_bundle / "manifest.json").read_text())
    (file,) = [file for file in manifest["files"] if file["precision"] == "int8"]
    (bench_bundle / file["path"]).rename(bench_bundle / "small.bin")
    file["path"] = "small.bin"
    (bench_bundle / "manifest.json").write_text(json.dumps(manifest))
    peers = list_peers(read_bundle(bench_bundle), None)
    assert peers["plain ai-edge-litert"].arguments == (str(bench_bundle / "small.bin"),)
