"""Which pictures are measured, what they are known to show, and their pixels."""

import hashlib
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.run.pictures import load_all
from edge_runtime.bundle.keras_scores import write_keras_scores
from edge_runtime.errors import BundleError
from edge_runtime.picture.left_out import Cause
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from tests.benchmarks.conftest import LABELS, add_keras_scores, pictures_of, write_pictures

SIZE = Preprocessing(16, 16)


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_test_pictures_are_known_by_content(float_bundle, pictures, tmp_path):
    """Proves that renamed and among others the bundle's pictures are found, with labels and Keras scores."""
    add_keras_scores(float_bundle, pictures, right=0.8)
    heap = tmp_path / "heap" / "deep"
    heap.mkdir(parents=True)
    truth = {}
    for number, path in enumerate(sorted(pictures.rglob("*.png"))):
        target = heap / f"{number:02}.png"
        shutil.copy(path, target)
        truth[target] = LABELS.index(path.parent.name)
    Image.new("RGB", (9, 9), "green").save(heap / "other.png")
    found = pictures_of(tmp_path / "heap", float_bundle)
    assert set(found.paths) == set(truth)
    assert [truth[path] for path in found.paths] == found.targets.tolist()
    assert [digest_of(path) for path in found.paths] == list(found.sha256)
    np.testing.assert_array_equal(found.keras.argmax(axis=1), found.targets)
    np.testing.assert_allclose(found.keras.max(axis=1), 0.8)
    assert "12 test pictures" in found.source


def test_a_folders_name_does_not_overrule_the_bundle(float_bundle, pictures):
    """Proves that a test picture in the folder of the other label keeps the label that the bundle knows."""
    add_keras_scores(float_bundle, pictures)
    (pictures / "red" / "1.png").rename(pictures / "blue" / "1.png")
    found = pictures_of(pictures, float_bundle)
    labels = dict(zip(found.names, found.targets.tolist(), strict=True))
    assert labels["blue/1.png"] == LABELS.index("red")
    assert labels["blue/0.png"] == LABELS.index("blue")


def test_the_same_picture_twice_is_one(float_bundle, pictures):
    """Proves that a copy of a test picture is not counted as another picture."""
    add_keras_scores(float_bundle, pictures)
    shutil.copy(pictures / "red" / "1.png", pictures / "red" / "copy.png")
    found = pictures_of(pictures, float_bundle)
    assert len(found) == 12
    assert len(set(found.sha256)) == 12


def test_a_part_of_the_test_pictures_is_enough(float_bundle, pictures):
    """Proves that when some are missing, those that are there are measured, and the sentence says of how many."""
    add_keras_scores(float_bundle, pictures)
    for path in list(pictures.rglob("*.png"))[:7]:
        path.unlink()
    found = pictures_of(pictures, float_bundle)
    assert len(found) == 5
    assert "12 test pictures" in found.source


def test_without_keras_scores_folders_name_the_labels(float_bundle, pictures):
    """Proves that every picture has the label of its folder; no score of a Keras model is made up."""
    found = pictures_of(pictures, float_bundle)
    assert [path.parent.name for path in found.paths] == [LABELS[target] for target in found.targets]
    assert found.keras is None
    assert "labelled by their folder" in found.source


def test_pictures_in_other_folders_are_left_out(float_bundle, pictures):
    """Proves that where some folders are named for labels, pictures of no label do not count."""
    (pictures / "green").mkdir()
    Image.new("RGB", (9, 9), "green").save(pictures / "green" / "x.png")
    found = pictures_of(pictures, float_bundle)
    assert len(found) == 12
    assert not any(name.startswith("green") for name in found.names)
    assert [(item.path, item.cause) for item in found.left_out] == [("green/x.png", Cause.NO_CLASS)]


def test_pictures_of_no_label_have_none(float_bundle, tmp_path):
    """Proves that where no folder is named for a label, all pictures are taken, without labels."""
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (9, 9), "green").save(tmp_path / name)
    found = pictures_of(tmp_path, float_bundle)
    assert sorted(found.names) == ["a.png", "b.jpg"]
    assert found.targets is None
    assert found.keras is None


def test_nested_folders_belong_to_their_class(float_bundle, pictures):
    """Proves that pictures at any depth below a folder named after a label count, half of them nested or all."""
    for name in LABELS:
        deep = pictures / name / "2024" / "may"
        deep.mkdir(parents=True)
        for path in sorted((pictures / name).glob("*.png"))[:3]:
            path.rename(deep / path.name)
    found = pictures_of(pictures, float_bundle)
    assert len(found) == 12
    assert [LABELS[target] for target in found.targets] == [name.split("/")[0] for name in found.names]


def test_litter_is_not_measured(float_bundle, pictures):
    """Proves that copies of Jupyter and files of macOS, Windows and git are left out and listed."""
    litter = ("red/.ipynb_checkpoints/1-checkpoint.png", "__MACOSX/red/._1.png", "red/._1.png", ".git/config.png")
    for name in litter:
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pictures / "red" / "1.png", pictures / name)
    found = pictures_of(pictures, float_bundle)
    assert len(found) == 12
    listed = {item.path for item in found.left_out}
    assert listed == {"red/.ipynb_checkpoints", "__MACOSX", "red/._1.png", ".git"}


def test_of_a_split_folder_the_test_side_is_measured(float_bundle, tmp_path):
    """Proves that `Train`, `val` and `testing` are sides: the test side counts, the others are listed."""
    for number, side in enumerate(("Train", "val", "testing")):
        write_pictures(tmp_path / "data" / side, 8, seed=number)
    found = pictures_of(tmp_path / "data", float_bundle)
    assert {name.split("/")[0] for name in found.names} == {"testing"}
    assert len(found) == 8
    assert {item.cause for item in found.left_out} == {Cause.NO_SIDE}
    assert len(found.left_out) == 16
    shutil.rmtree(tmp_path / "data" / "testing")
    assert {name.split("/")[0] for name in pictures_of(tmp_path / "data", float_bundle).names} == {"val"}


def test_one_picture_is_enough(float_bundle, pictures):
    """Proves that a picture named by itself lies in its own folder, and has that folder's label."""
    found = pictures_of(pictures / "red" / "1.png", float_bundle)
    assert (found.names, found.targets.tolist(), len(found)) == (("1.png",), [1], 1)


def test_nothing_to_measure_is_told(float_bundle, tmp_path):
    """Proves that an empty folder, one without pictures, and a path to nothing are each named."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a.txt").write_text("cat")
    for name in ("empty", "words", "none", "*.png", "none.png"):
        with pytest.raises(BenchmarkError, match="no picture there") as error:
            pictures_of(tmp_path / name, float_bundle)
        assert str(tmp_path / name) in str(error.value)


def test_the_order_is_drawn_once_and_mixes_the_labels(float_bundle, tmp_path):
    """Proves that the same folder gives the same order each time, and the first half is not of one label."""
    folder = write_pictures(tmp_path / "many", 40)
    first, again = (pictures_of(folder, float_bundle) for _ in range(2))
    assert first.paths == again.paths
    assert list(first.paths) != sorted(first.paths)
    assert 4 <= first.targets[:20].sum() <= 16


def test_fewer_pictures_are_the_first_of_all(float_bundle, pictures):
    """Proves that `most` takes the beginning of the same order, so that runs of different size share pictures."""
    all_of_them = pictures_of(pictures, float_bundle)
    some = pictures_of(pictures, float_bundle, most=5)
    assert some.paths == all_of_them.paths[:5]
    assert some.targets.tolist() == all_of_them.targets[:5].tolist()
    assert len(pictures_of(pictures, float_bundle, most=100)) == 12


def test_looking_is_told_picture_by_picture(float_bundle, pictures):
    """Proves that the callback hears of each picture once, in order."""
    told = []
    pictures_of(pictures, float_bundle, report=lambda done, total: told.append((done, total)))
    assert told == [(number, 12) for number in range(1, 13)]


def test_damaged_keras_scores_are_not_passed_over(float_bundle, pictures):
    """Proves that a file of other labels is an error, and does not turn into labels by folder."""
    write_keras_scores(float_bundle, ("cat", "dog"), [("ff", 0)], np.array([[1.0, 0.0]]))
    with pytest.raises(BundleError, match="blue, red"):
        pictures_of(pictures, float_bundle)


def test_the_digest_is_of_contents_in_their_order(float_bundle, pictures, tmp_path):
    """Proves that other names do not change it; another picture, another order and another number do."""
    found = pictures_of(pictures, float_bundle)
    shutil.copytree(pictures, tmp_path / "moved")
    assert pictures_of(tmp_path / "moved", float_bundle).digest == found.digest
    rows = np.arange(12)
    digests = {found.digest, found.keep(rows[::-1]).digest, found.keep(rows[:11]).digest}
    Image.new("RGB", (9, 9), "red").save(found.paths[0])
    digests.add(pictures_of(pictures, float_bundle).digest)
    assert len(digests) == 4


def test_keeping_rows_keeps_what_belongs_together(float_bundle, pictures):
    """Proves that paths, hashes, labels and scores of a row stay together, in the order asked for."""
    add_keras_scores(float_bundle, pictures)
    found = pictures_of(pictures, float_bundle)
    rows = np.array([7, 2, 2])
    kept = found.keep(rows)
    assert [digest_of(path) for path in kept.paths] == list(kept.sha256) == [found.sha256[row] for row in rows]
    assert kept.targets.tolist() == [LABELS.index(path.parent.name) for path in kept.paths]
    np.testing.assert_array_equal(kept.keras, found.keras[rows])
    nothing = found.keep(np.array([], np.intp))
    assert (len(nothing), nothing.names, nothing.targets.tolist()) == (0, (), [])


def test_pixels_are_those_that_a_device_sees(float_bundle, pictures, tmp_path):
    """Proves that row by row the file holds what the classifier's own preprocessing makes of the picture."""
    found = pictures_of(pictures, float_bundle)
    told = []
    loaded = load_all(found, SIZE, tmp_path / "p.npy", report=lambda done, total: told.append((done, total)))
    pixels = np.load(tmp_path / "p.npy")
    assert (pixels.shape, pixels.dtype) == ((12, 16, 16, 3), np.uint8)
    assert loaded.paths == found.paths
    for row, path in zip(pixels, loaded.paths, strict=True):
        np.testing.assert_array_equal(row, load_picture(path, SIZE))
    assert told == [(number, 12) for number in range(1, 13)]


def test_pictures_that_cannot_be_read_are_left_out(float_bundle, pictures, tmp_path):
    """Proves that a damaged file and a link to nothing go, and rows of others move up with their labels."""
    (pictures / "red" / "1.png").write_bytes(b"no picture")
    (pictures / "blue" / "0.png").unlink()
    (pictures / "blue" / "0.png").symlink_to(tmp_path / "nothing.png")
    found = pictures_of(pictures, float_bundle)
    loaded = load_all(found, SIZE, tmp_path / "p.npy")
    reasons = {item.path: item.reason for item in loaded.left_out}
    assert reasons.keys() == {"blue/0.png", "red/1.png"}
    assert reasons["blue/0.png"] == "is a link to nothing"
    assert reasons["red/1.png"].startswith("not a picture that can be read")
    assert len(loaded) == 10
    pixels = np.load(tmp_path / "p.npy")[: len(loaded)]
    redder = pixels[..., 0].mean(axis=(1, 2)) > pixels[..., 2].mean(axis=(1, 2))
    assert [LABELS.index("red") if red else LABELS.index("blue") for red in redder] == loaded.targets.tolist()


def test_when_none_can_be_read_that_is_an_error(float_bundle, tmp_path):
    """Proves that the folder and the number are named."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BenchmarkError, match="none of the 2 pictures") as error:
        load_all(pictures_of(tmp_path, float_bundle), SIZE, tmp_path / "p.npy")
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", ["a b.png", "a\nb.png", "ä.PNG", "[1].png", os.fsdecode(b"\xe4.png"), "-.png"])
def test_odd_names_are_pictures_too(float_bundle, tmp_path, name):
    """Proves that blanks, line breaks, brackets and names that are not UTF-8 are found, read and named."""
    folder = tmp_path / "red"
    folder.mkdir()
    Image.new("RGB", (9, 9), "red").save(folder / "plain.png")
    (folder / "plain.png").rename(folder / name)
    found = load_all(pictures_of(tmp_path, float_bundle), SIZE, tmp_path / "p.npy")
    assert found.names == (f"red/{name}",)
    assert found.targets.tolist() == [1]


def test_pipes_devices_and_sparse_files_are_not_read(float_bundle, pictures):
    """Proves that none of them hangs or fills memory, and that the pictures beside them are measured."""
    folder = pictures / LABELS[0]
    os.mkfifo(folder / "pipe.jpg")
    (folder / "endless.jpg").symlink_to("/dev/zero")
    with (folder / "sparse.jpg").open("wb") as file:
        file.truncate(3_000_000_000)
    found = pictures_of(pictures, float_bundle)
    odd = {path.name: sha256 for path, sha256 in zip(found.paths, found.sha256, strict=True) if not sha256}
    assert odd.keys() == {"pipe.jpg", "endless.jpg", "sparse.jpg"}
    good = load_all(found, SIZE, pictures.parent / "pixels.npy")
    assert len(good) == len(found) - 3
