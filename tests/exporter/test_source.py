"""A run folder, or a Keras model of the user's own, is read whole or refused in one clear line."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime import Classifier, read_bundle
from edge_runtime.picture.left_out import Cause
from edge_runtime.picture.preprocessing import load_picture
from exporter.errors import SourceError
from exporter.export import export
from exporter.network.model import input_size
from exporter.plan import ExportPlan
from exporter.source import Origin, SplitPicture, load_split_pictures, read_keras_source, read_source
from tests.edge_runtime.test_keras_file import write_archive
from tests.exporter.conftest import Stages, own_source, target


def test_reads_what_training_wrote(source):
    """Proves that labels, preprocessing and the three sides come back as training wrote them."""
    assert source.labels == ("cat", "dog")
    assert (source.preprocessing.width, source.preprocessing.height) == (64, 64)
    assert {side: len(pictures) for side, pictures in source.sides.items()} == {
        "train": 64,
        "validation": 32,
        "test": 32,
    }


def test_pictures_are_those_of_the_runtime(source):
    """Proves that pixels handed to converters are what the edge runtime makes of the same files."""
    pictures = source.sides["test"][:3]
    pixels, targets = load_split_pictures(pictures, source.preprocessing)
    for picture, loaded in zip(pictures, pixels, strict=True):
        np.testing.assert_array_equal(loaded, load_picture(picture.path, source.preprocessing))
    assert targets.tolist() == [picture.label for picture in pictures]


def test_no_run_there(tmp_path):
    """Proves that a folder without run.json names the command that makes one."""
    with pytest.raises(SourceError, match=r"no finished run there.*catdog-train"):
        read_source(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}'])
def test_damaged_run_json(copy, content):
    """Proves that any damage to run.json is a SourceError that says what to do."""
    (copy / "run.json").write_text(content)
    with pytest.raises(SourceError, match=r"Train again|Install|install"):
        read_source(copy)


def test_changed_picture_is_refused(copy, source, tmp_path):
    """Proves that a file that is not the one trained on is refused, as it would make the comparison false."""
    splits = json.loads((copy / "splits.json").read_text())
    data = shutil.copytree(splits["folder"], tmp_path / "data")
    splits["folder"] = str(data)
    (copy / "splits.json").write_text(json.dumps(splits))
    moved = read_source(copy)
    load_split_pictures(moved.sides["test"], moved.preprocessing)
    victim = moved.sides["test"][0].path
    victim.write_bytes(moved.sides["test"][1].path.read_bytes())
    with pytest.raises(SourceError, match="has changed since training"):
        load_split_pictures(moved.sides["test"], moved.preprocessing)
    victim.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        load_split_pictures(moved.sides["test"], moved.preprocessing)


def test_a_picture_that_training_read_and_export_cannot(source, tmp_path):
    """Proves that unchanged bytes that cannot be decoded are told as the fault of the decoder."""
    path = tmp_path / "odd.jpg"
    path.write_bytes(b"no picture")
    picture = SplitPicture(path, 0, hashlib.sha256(b"no picture").hexdigest(), "0" * 64)
    with pytest.raises(
        SourceError, match=r"odd\.jpg: not a picture .*has not changed since training\. Install the Pillow"
    ):
        load_split_pictures((picture,), source.preprocessing)


def exported_scores(own, name, folder, **options):
    """Export a model's float32 files; return what they give the test pictures, and the pictures."""
    source = own_source(own, name, **options)
    targets = tuple(target(format_, "float32") for format_ in ("tflite", "onnx"))
    plan = ExportPlan(targets, calibration_count=8, calibration=own / "train", max_drop=1.0)
    outcome = export(source, folder, plan, observer=Stages([]))
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    opened = [Classifier.open(outcome.folder, backend) for backend in ("litert", "onnxruntime")]
    return [np.array([classifier.scores(picture) for picture in pixels]) for classifier in opened], pixels


@pytest.mark.parametrize("name", ["rescaling", "adapted"])
def test_a_model_of_ones_own_that_takes_pixels(own, tmp_path, name):
    """Proves that a model that takes 0-255 keeps its scores in both files, and has the folders' names."""
    import keras

    found, pixels = exported_scores(own, name, tmp_path / "b")
    expected = keras.saving.load_model(own / f"{name}.keras").predict_on_batch(pixels)[:, 0]
    for scores in found:
        np.testing.assert_allclose(scores[:, 1], expected, atol=1e-5)
    bundle = read_bundle(tmp_path / "b")
    assert bundle.labels == ("hund", "katze")
    assert f"\nKeras model {name}, data " in (tmp_path / "b" / "report.md").read_text()
    assert (bundle.preprocessing.width, bundle.preprocessing.height) == (32, 32)


@pytest.mark.parametrize("name", ["bare", "one", "branching"])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1)])
def test_a_model_of_ones_own_with_a_stated_range(own, tmp_path, name, low, high):
    """Proves that files on 0-255 give the scores that the model gives pixels brought to its stated range."""
    import keras

    found, pixels = exported_scores(own, name, tmp_path / "b", input_range=(low, high))
    fed = pixels.astype(np.float32) / 255 * (high - low) + low
    expected = keras.saving.load_model(own / f"{name}.keras").predict_on_batch(fed)
    for scores in found:
        np.testing.assert_allclose(scores[:, -1], expected[:, -1], atol=1e-5)


def test_a_range_of_0_to_255_changes_nothing(own, tmp_path):
    """Proves that a model said to take pixels as they are is exported as it is."""
    import keras

    found, pixels = exported_scores(own, "bare", tmp_path / "b", input_range=(0, 255))
    expected = keras.saving.load_model(own / "bare.keras").predict_on_batch(pixels.astype(np.float32))
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_what_is_no_test_picture_is_left_out(own, tmp_path):
    """Proves that a text, a damaged picture, a copy and litter end no export, and that each is listed."""
    root = shutil.copytree(own / "test", tmp_path / "test")
    (root / "Hund" / "notes.txt").write_text("no picture")
    (root / "Hund" / "zz.jpg").write_bytes(b"no picture")
    shutil.copy(next((root / "Katze").iterdir()), root / "Katze" / "zz.jpg")
    (root / "__MACOSX").mkdir()
    found = read_keras_source(own / "one.keras", root, size=(32, 32))
    assert found.labels == ("hund", "katze")
    assert len(found.sides["test"]) == 16
    assert {item.path: item.cause for item in found.left_out} == {
        "__MACOSX": Cause.LITTER,
        "Hund/notes.txt": Cause.NO_PICTURE,
        "Hund/zz.jpg": Cause.UNREADABLE,
        "Katze/zz.jpg": Cause.COPY,
    }


def test_of_a_split_folder_the_test_side_judges(tmp_path):
    """Proves that `--test` of a folder with train, val and test takes the test side, and without one the other."""
    for number, side in enumerate(("train", "Val", "TEST")):
        drawn(tmp_path / "data" / side, "Zebra", "apple", seed=10 * number)
    found = read_keras_source(tmp_path / "m.keras", tmp_path / "data", size=(8, 8))
    assert found.labels == ("zebra", "apple")
    assert {picture.path.parts[-3] for picture in found.sides["test"]} == {"TEST"}
    assert len(found.left_out) == 4
    shutil.rmtree(tmp_path / "data" / "TEST")
    found = read_keras_source(tmp_path / "m.keras", tmp_path / "data", size=(8, 8))
    assert {picture.path.parts[-3] for picture in found.sides["test"]} == {"Val"}


def test_pictures_that_moved_are_found(copy, source, tmp_path):
    """Proves that `--data` finds a run's pictures by content under other names, and says what is not there."""
    for number, picture in enumerate((*source.sides["test"], *source.sides["train"][:20])):
        target = tmp_path / "new" / ("a", "b")[number % 2]
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture.path, target / f"{number}.jpg")
    found = read_source(copy, tmp_path / "new")
    pixels, _ = load_split_pictures(found.sides["test"], found.preprocessing)
    np.testing.assert_array_equal(pixels, load_split_pictures(source.sides["test"], source.preprocessing)[0])
    assert len(found.sides["train"]) == 20
    assert len(found.left_out) == 44 + 32
    found.sides["test"][0].path.unlink()
    with pytest.raises(
        SourceError, match=r"new: 1 of the 32 test pictures of the run are not there, such as .*--data"
    ):
        read_source(copy, tmp_path / "new")


def test_a_project_that_moved_with_its_data_needs_no_option(copy, source, tmp_path):
    """Proves that the data folder is found beside the runs where the one of training is gone."""
    splits = json.loads((copy / "splits.json").read_text())
    shutil.copytree(splits["folder"], tmp_path / "project" / "pictures" / "mine")
    splits["folder"] = "/gone/project/pictures/mine"
    (copy / "splits.json").write_text(json.dumps(splits))
    moved = tmp_path / "project" / "runs" / "small"
    moved.parent.mkdir()
    copy.rename(moved)
    found = read_source(moved)
    assert found.sides["test"][0].path.is_relative_to(tmp_path / "project" / "pictures" / "mine")
    load_split_pictures(found.sides["test"], found.preprocessing)


def test_test_folders_that_hold_nothing(own, tmp_path):
    """Proves that no folder, one class, and classes without a picture each end in an error with the folder."""
    (tmp_path / "one" / "cat").mkdir(parents=True)
    for folder, message in ((tmp_path / "none", "no such folder"), (tmp_path / "one", "two or more .* found cat")):
        with pytest.raises(SourceError, match=f"{folder.name}: .*{message}"):
            read_keras_source(own / "one.keras", folder, size=(32, 32))
    (tmp_path / "one" / "dog").mkdir()
    empty = read_keras_source(own / "one.keras", tmp_path / "one", size=(32, 32), input_range=(0, 1))
    with pytest.raises(SourceError, match=r"one: the test split is empty"):
        export(empty, tmp_path / "b", ExportPlan((target("tflite", "float32"),)), observer=Stages([]))


def drawn(folder: Path, *names: str, seed: int = 0) -> Path:
    """Write a picture into each of these folders."""
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        Image.effect_noise((20, 20), 50 + seed + number).convert("RGB").save(folder / name / "1.png")
    return folder


def test_labels_are_the_folders_in_their_order(tmp_path):
    """Proves that folders are sorted as Keras sorts them, capitals first, without hidden ones."""
    test = drawn(tmp_path / "test", "apple", "Zebra", ".git", "Mango")
    source = read_keras_source(tmp_path / "m.keras", test, size=(12, 8))
    assert source.labels == ("mango", "zebra", "apple")
    assert [(picture.path.parent.name, picture.label) for picture in source.sides["test"]] == [
        ("Mango", 0),
        ("Zebra", 1),
        ("apple", 2),
    ]
    assert (source.preprocessing.height, source.preprocessing.width) == (12, 8)


def test_two_folders_of_one_label_are_refused(tmp_path):
    """Proves that `Cat` and `cat` are found out before an export, and not by its manifest at the end."""
    test = drawn(tmp_path / "test", "Cat", "cat", "dog")
    with pytest.raises(SourceError, match="two sub-folders differ only in upper and lower case"):
        read_keras_source(tmp_path / "m.keras", test, size=(8, 8))


def test_a_folder_whose_name_is_no_text_is_a_label(tmp_path):
    """Proves that a label can be written in UTF-8, whatever the bytes of its folder's name are."""
    test = drawn(tmp_path / "test", "dog", os.fsdecode(b"caf\xe9"))
    labels = read_keras_source(tmp_path / "m.keras", test, size=(8, 8)).labels
    assert labels == ("caf\\xe9", "dog")
    assert "".join(labels).encode()


def test_a_model_of_ones_own_is_named_by_its_file(own):
    """Proves that bundle, run and origin are those of a Keras file, and a run is named by its folder."""
    source = own_source(own, "one")
    assert (source.name, source.run["name"], source.origin) == ("one", "one", Origin.KERAS)
    assert (source.sides["train"], source.sides["validation"]) == ((), ())
    assert not source.is_sample


def test_a_run_is_named_by_its_folder(run_folder, monkeypatch):
    """Proves that `--run .` gives a bundle the name of the folder, and not of a dot."""
    monkeypatch.chdir(run_folder)
    source = read_source(Path())
    assert (source.name, source.origin, source.input_range) == (run_folder.name, Origin.RUN, None)


def test_loading_tells_how_far_it_is(source):
    """Proves that an observer hears of every picture, in order."""
    heard = []
    pictures = source.sides["test"][:3]
    load_split_pictures(pictures, source.preprocessing, report=lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_no_picture_is_an_empty_array(source):
    """Proves that a side without pictures has the shape of one, so that nothing has to ask first."""
    pixels, targets = load_split_pictures((), source.preprocessing)
    assert (pixels.shape, pixels.dtype, targets.shape) == ((0, 64, 64, 3), np.uint8, (0,))


def test_a_bomb_is_refused_before_keras_reads_it(tmp_path):
    """An archive of 64 kB whose weights would be 64 MiB, and a sparse HDF5 file of 5 GiB, are one line each."""
    path = write_archive(tmp_path / "bomb.keras", 64 * 2**20)
    with pytest.raises(SourceError, match=r"bomb\.keras: unpacks to too much: .* 67,108,864.*Save the model"):
        input_size(path)
    with (tmp_path / "sparse.h5").open("wb") as file:
        file.truncate(5 * 2**30)
    with pytest.raises(SourceError, match=r"sparse\.h5: too large"):
        input_size(tmp_path / "sparse.h5")


def test_a_sparse_file_among_the_pictures_is_left_out_unread(tmp_path):
    """A file of 3 GB in a test folder is listed with its reason, and not read."""
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
    with (tmp_path / "a" / "sparse.jpg").open("wb") as file:
        file.truncate(3_000_000_000)
    found = read_keras_source(tmp_path / "model.keras", tmp_path, size=(16, 16))
    (left_out,) = found.left_out
    assert (left_out.path, left_out.cause) == ("a/sparse.jpg", Cause.UNREADABLE)
    assert left_out.reason.startswith("too large: 3,000,000,000 bytes")


def test_a_class_whose_name_cannot_be_printed_is_refused(tmp_path):
    """A name that no manifest can have is refused before any work."""
    for label in ("a", "b\x1b[2J"):
        (tmp_path / label).mkdir()
    with pytest.raises(SourceError, match="has a control character"):
        read_keras_source(tmp_path / "model.keras", tmp_path, size=(16, 16))
