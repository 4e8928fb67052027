"""A bundle classifies pictures with the file and the backend that were asked for, or says why it cannot."""

import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.bundle import MANIFEST
from edge_runtime.classifier import Classifier, Prediction
from edge_runtime.errors import BackendError, BundleError, PictureError
from edge_runtime.parallel import usable_cores

WriteBundle = Callable[..., Path]
OnnxFile = Callable[..., bytes]


def test_one_sigmoid_output_becomes_two_scores(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that a single output is the score of the second label, and that both scores sum to one."""
    classifier = Classifier.open(onnx_bundle)
    for colour in ("red", "blue"):
        prediction = classifier.classify(pictures[colour])
        assert prediction.label == colour
        assert list(prediction.scores) == ["blue", "red"]
        assert prediction.confidence == prediction.scores[colour] > 0.99
        assert sum(prediction.scores.values()) == pytest.approx(1, abs=1e-6)
    assert classifier.classify(pictures["white"]).scores == pytest.approx({"blue": 0.5, "red": 0.5}, abs=1e-5)


def test_softmax_scores_follow_the_order_of_the_labels(
    write_bundle: WriteBundle, onnx_file: OnnxFile, pictures: dict[str, Path]
) -> None:
    """Proves that each output is the score of its own label."""
    classifier = Classifier.open(write_bundle({"float32.onnx": onnx_file("softmax")}, ("red", "green", "blue")))
    for colour in ("red", "green", "blue"):
        prediction = classifier.classify(pictures[colour])
        assert prediction.label == colour
        assert list(prediction.scores) == ["red", "green", "blue"]
        assert sum(prediction.scores.values()) == pytest.approx(1, abs=1e-6)


def test_any_kind_of_picture_gives_the_same_scores(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that a path, bytes, a file, a PIL image and an array get the same scores."""
    path = pictures["red"]
    image = Image.open(path)
    classifier = Classifier.open(onnx_bundle)
    sources: list[Any] = [
        path,
        str(path),
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        image,
        np.asarray(image),
    ]
    assert len({classifier.classify(source).confidence for source in sources}) == 1


def test_bad_picture_does_not_spoil_the_next_one(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that a classifier still works after a picture that it cannot read."""
    classifier = Classifier.open(onnx_bundle)
    for bad in (b"damaged", np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(PictureError):
            classifier.classify(bad)
    assert classifier.classify(pictures["red"]).label == "red"


def test_prediction_as_json(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that the JSON object names its units, is rounded, and reads back."""
    values = Classifier.open(onnx_bundle).classify(pictures["blue"]).to_dict()
    times = ["decode_ms", "preprocess_ms", "inference_ms"]
    assert list(values) == ["label", "confidence", "confident", "scores", *times]
    assert json.loads(json.dumps(values)) == values
    assert values["confidence"] == round(values["confidence"], 6)
    assert all(0 <= values[key] == round(values[key], 3) for key in ("decode_ms", "preprocess_ms", "inference_ms"))


@pytest.mark.parametrize(
    ("features", "file"),
    [
        ("avx2", ("int8.onnx", "onnxruntime")),
        ("avx2 avx512f", ("int8.onnx", "onnxruntime")),
        ("avx2 avx_vnni", ("int8.tflite", "litert")),
        ("avx2 avx512_vnni", ("int8.tflite", "litert")),
        ("asimd asimddp", ("int8.tflite", "litert")),
        ("sse2", ("int8.tflite", "litert")),
    ],
)
def test_auto_takes_the_int8_file_that_is_faster_on_the_processor(
    both_bundle: Path, processor: Callable[[str], None], features: str, file: tuple[str, str]
) -> None:
    """Proves which of four files `auto` chooses on each processor, and the same for float32."""
    processor(features)
    classifier = Classifier.open(both_bundle)
    assert (classifier.file.path, classifier.backend) == file
    assert Classifier.open(both_bundle, precision="float32").backend == classifier.backend


def test_auto_needs_no_word_from_the_system(both_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that `auto` chooses LiteRT on a system that does not describe its processor."""
    monkeypatch.setattr("edge_runtime.backends.selection._CPUINFO", both_bundle / "missing")
    assert Classifier.open(both_bundle).backend == "litert"


@pytest.mark.parametrize(
    ("backend", "precision", "path"),
    [
        ("onnxruntime", "auto", "int8.onnx"),
        ("onnxruntime", "float32", "float32.onnx"),
        ("litert", "float32", "float32.tflite"),
        ("auto", "float32", "float32.tflite"),
        ("auto", "int8", "int8.tflite"),
    ],
)
def test_choice_of_backend_and_precision(
    both_bundle: Path, processor: Callable[[str], None], backend: str, precision: str, path: str
) -> None:
    """Proves that a choice is followed exactly, and that the rest is decided as usual."""
    processor("asimd")
    assert Classifier.open(both_bundle, backend, precision=precision).file.path == path


def test_all_files_of_a_bundle_agree(both_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that backend and precision change a score by no more than the rounding of int8."""
    for backend, precision in (("litert", "int8"), ("litert", "float32"), ("onnxruntime", "float32")):
        classifier = Classifier.open(both_bundle, backend, precision=precision, threads=1)
        scores = [classifier.classify(pictures[colour]).scores["red"] for colour in ("red", "blue", "white")]
        assert scores == pytest.approx([1, 0, 0.5], abs=0.02)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"backend": "torch"}, "backend 'torch' is unknown: expected auto, litert, tflite-runtime, onnxruntime"),
        ({"backend": ""}, "is unknown: expected auto"),
        (
            {"precision": "float64"},
            "precision 'float64' is unknown: expected auto, int8, mixed, dynamic, float16, float32",
        ),
        ({"precision": "INT8"}, "is unknown: expected auto, int8, mixed, dynamic, float16, float32"),
        ({"precision": "int8"}, "the bundle has no int8 file for an installed backend"),
        ({"backend": "litert"}, "the bundle has no file for backend litert"),
    ],
    ids=str,
)
def test_choice_that_cannot_be_met_names_the_choices(onnx_bundle: Path, choice: dict[str, str], words: str) -> None:
    """Proves that an unknown or impossible choice is a BackendError that lists the choices."""
    with pytest.raises(BackendError, match=words):
        Classifier.open(onnx_bundle, **choice)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"threads": 0}, "threads: expected a whole number, 1 or more, received 0"),
        ({"threads": -3}, "threads: expected a whole number, 1 or more, received -3"),
        ({"threads": True}, "threads: expected a whole number, 1 or more, received True"),
        ({"threads": 2.5}, "threads: expected a whole number, 1 or more, received 2.5"),
        ({"confidence_threshold": 1.5}, "confidence_threshold: expected 0 to 1, received 1.5"),
        ({"confidence_threshold": float("nan")}, "confidence_threshold: expected 0 to 1, received nan"),
        ({"max_pixels": 10**9}, "max_pixels: expected a whole number from 1 to 178,956,970, received 1000000000"),
    ],
    ids=str,
)
def test_number_out_of_its_range_is_refused(onnx_bundle: Path, numbers: dict[str, Any], words: str) -> None:
    """Proves that a number out of range is refused with its range, before a backend gets it."""
    with pytest.raises(ValueError, match=words):
        Classifier.open(onnx_bundle, **numbers)


def test_threads_and_workers(onnx_bundle: Path, threads_asked: list[int]) -> None:
    """Proves that threads may be passed by position, and that workers must be one or more."""
    classifier = Classifier.open(onnx_bundle, "auto", np.int64(2), confidence_threshold=np.float32(0.5))  # type: ignore[arg-type]
    assert (threads_asked, type(threads_asked[0])) == ([2], int)
    assert type(classifier.confidence_threshold) is float
    with pytest.raises(ValueError, match="workers: expected a whole number, 1 or more"):
        classifier.classify_many([], workers=-1)


def test_damaged_file_with_the_right_hash(write_bundle: WriteBundle) -> None:
    """Proves that one BackendError names every file that no backend loads, with its reason."""
    folder = write_bundle({"int8.tflite": b"damaged" * 9, "float32.onnx": b"damaged"})
    with pytest.raises(BackendError, match=r"no file of the bundle loads.*int8.tflite.*float32.onnx"):
        Classifier.open(folder)


def test_next_file_is_tried_when_the_first_does_not_load(
    write_bundle: WriteBundle, onnx_file: OnnxFile, pictures: dict[str, Path]
) -> None:
    """Proves that a file that does not load is passed over when the bundle has another one."""
    folder = write_bundle({"int8.onnx": b"too new", "float32.onnx": onnx_file("sigmoid")})
    classifier = Classifier.open(folder)
    assert classifier.file.path == "float32.onnx"
    assert classifier.classify(pictures["red"]).label == "red"


def test_changed_file_is_refused_even_when_another_would_load(
    write_bundle: WriteBundle, onnx_file: OnnxFile
) -> None:
    """Proves that a changed file is an error, even if another file would load."""
    folder = write_bundle({"int8.onnx": onnx_file("sigmoid"), "float32.onnx": onnx_file("sigmoid")})
    (folder / "int8.onnx").write_bytes(b"changed")
    with pytest.raises(BundleError, match="not the file that was exported"):
        Classifier.open(folder)


@pytest.mark.parametrize(
    ("kind", "labels"),
    [("softmax", ("a", "b")), ("softmax", ("a", "b", "c", "d")), ("sigmoid", ("a", "b", "c"))],
)
def test_outputs_must_fit_the_labels(
    write_bundle: WriteBundle, onnx_file: OnnxFile, kind: str, labels: tuple[str, ...]
) -> None:
    """Proves that opening refuses a file whose outputs do not fit the labels of the manifest."""
    folder = write_bundle({"float32.onnx": onnx_file(kind)}, labels)
    with pytest.raises(BundleError, match="one score for each of the labels a, b"):
        Classifier.open(folder)


@pytest.mark.parametrize("shape", [(1, 32, 32, 3), (1, 3, 16, 16), (1, 16, 16, 1)], ids=str)
def test_input_must_fit_the_manifest(
    write_bundle: WriteBundle, onnx_file: OnnxFile, shape: tuple[int, ...]
) -> None:
    """Proves that opening refuses a file whose input has another size or layout than the manifest says."""
    folder = write_bundle({"float32.onnx": onnx_file("echo", shape=shape)})
    with pytest.raises(BundleError, match="expected the input"):
        Classifier.open(folder)


def test_bundle_without_files(write_bundle: WriteBundle) -> None:
    """Proves that the error for a bundle without files says so, and what to do."""
    with pytest.raises(BackendError, match="export more formats"):
        Classifier.open(write_bundle({}))


def test_opened_bundle_needs_its_folder_no_more(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that the bytes that are hashed are the bytes that are loaded: no other file can slip in."""
    classifier = Classifier.open(onnx_bundle)
    for path in onnx_bundle.iterdir():
        path.write_bytes(hashlib.sha256(b"changed").digest())
    assert classifier.classify(pictures["red"]).label == "red"


def test_usable_cores() -> None:
    """Proves that the default number of threads is 1-4 and never more than the process may use."""
    assert 1 <= usable_cores() <= min(4, os.cpu_count() or 1)


def test_classification_needs_no_tensorflow(both_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that classifying imports neither TensorFlow nor Keras, with either backend."""
    script = (
        "import sys\n"
        "from edge_runtime import Classifier\n"
        "for backend in ('litert', 'onnxruntime'):\n"
        "    print(Classifier.open(sys.argv[1], backend).classify(sys.argv[2]).label)\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('tensorflow', 'keras')])"
    )
    command = [sys.executable, "-c", script, str(both_bundle), str(pictures["red"])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["red", "red", "[]"]


def test_manifest_of_the_bundle_is_at_hand(onnx_bundle: Path) -> None:
    """Proves that an open classifier gives its labels and preprocessing."""
    classifier = Classifier.open(str(onnx_bundle))
    assert classifier.bundle.labels == ("blue", "red")
    assert classifier.bundle.manifest.to_dict() == json.loads((onnx_bundle / MANIFEST).read_text())


def test_prediction_below_the_threshold_is_not_confident(
    write_bundle: WriteBundle, onnx_file: OnnxFile, pictures: dict[str, Path]
) -> None:
    """Proves that the manifest's threshold decides, that the caller's wins over it, and that 0 makes all sure."""
    files = {"float32.onnx": onnx_file("sigmoid")}
    strict = write_bundle(files, name="strict", confidence_threshold=0.9)
    free = write_bundle(files, name="free")
    for folder, threshold, white in ((strict, None, False), (strict, 0.4, True), (free, None, True)):
        classifier = Classifier.open(folder, confidence_threshold=threshold)
        assert classifier.classify(pictures["red"]).confident
        assert classifier.classify(pictures["white"]).confident is white


def test_picture_limit_is_passed_on(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that a classifier refuses pictures with more than its max_pixels."""
    with pytest.raises(PictureError, match="at most 1,199 pixels"):
        Classifier.open(onnx_bundle, max_pixels=1199).classify(pictures["red"])


def test_reasons_for_passing_over_a_file_are_kept(write_bundle: WriteBundle, onnx_file: OnnxFile) -> None:
    """Proves that a classifier keeps the reason why a faster file is not in use."""
    folder = write_bundle({"int8.onnx": b"too new", "float32.onnx": onnx_file("sigmoid")})
    [passed] = Classifier.open(folder).passed_over
    assert (passed.path, passed.backend) == ("int8.onnx", "onnxruntime")
    assert str(passed).startswith("int8.onnx: onnxruntime does not load this file")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_many_pictures_in_order_and_like_one_by_one(
    both_bundle: Path, pictures: dict[str, Path], backend: str, threads: int
) -> None:
    """Proves that parallel work keeps scores and order, and returns each error at its place."""
    classifier = Classifier.open(both_bundle, backend, threads=threads)
    sources: list[Any] = [pictures["red"], b"damaged", pictures["blue"], pictures["white"]] * 20
    results = list(classifier.classify_many(sources, workers=3))
    assert [type(result) for result in results[:4]] == [Prediction, PictureError, Prediction, Prediction]
    for source, result in zip(sources, results, strict=True):
        if isinstance(result, Prediction):
            assert result.scores == classifier.classify(source).scores


def test_many_pictures_twice_at_once(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that two streams and single calls of one classifier do not disturb each other."""
    classifier = Classifier.open(onnx_bundle, threads=1)
    reds = classifier.classify_many([pictures["red"]] * 50, workers=2)
    blues = classifier.classify_many([pictures["blue"]] * 50, workers=3)
    for red, blue in zip(reds, blues, strict=True):
        assert isinstance(red, Prediction)
        assert isinstance(blue, Prediction)
        assert (red.label, blue.label) == ("red", "blue")
        assert classifier.classify(pictures["red"]).label == "red"


def test_many_pictures_from_an_endless_source(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that an endless source works, and that stopping early is silent."""
    results = Classifier.open(onnx_bundle).classify_many(itertools.repeat(pictures["red"]))
    assert all(isinstance(result, Prediction) for result in itertools.islice(results, 100))
    results.close()  # type: ignore[attr-defined]


def test_array_of_the_target_size_is_fed_as_it_is(both_bundle: Path) -> None:
    """Proves that an array of the target size is neither decoded nor resized, and gives the same scores."""
    pixels = np.random.default_rng(2).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    classifier = Classifier.open(both_bundle)
    prediction = classifier.classify(pixels)
    assert (prediction.decode_ms, prediction.scores) == (0, classifier.classify(Image.fromarray(pixels)).scores)
