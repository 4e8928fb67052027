"""A bundle that was taught is an ordinary bundle, can be taught more, and never replaces an exported one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.bundle import MANIFEST
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.commands.info import bundle_lines, describe_bundle
from edge_runtime.commands.selftest import run_selftest
from edge_runtime.errors import BundleError, OutputError, TeachingError
from edge_runtime.teaching.base import Base, open_base
from edge_runtime.teaching.class_folders import class_folders
from edge_runtime.teaching.examples import FEATURES, read_examples
from edge_runtime.teaching.lesson import Lesson, Taught, added_lesson, new_lesson, teach
from tests.edge_runtime.teaching.drawings import LABELS, draw, write_walls


def silent(*_: object) -> None:
    """Show no progress."""


def added(source: Path, folder: Path) -> Lesson:
    """Return the lesson that adds the labels in a folder to a bundle."""
    paths = {path.name: sorted(map(str, path.iterdir())) for path in sorted(folder.iterdir())}
    return added_lesson(open_base(read_bundle(source), 1), paths, report=silent)


def test_it_knows_new_drawings(taught: Taught, tmp_path: Path) -> None:
    """Proves that it labels drawings that it was not taught with, through the classifier of all commands."""
    classifier = Classifier.open(taught.folder)
    assert classifier.bundle.labels == LABELS
    right = [
        classifier.classify(draw(label, number)).label == label for label in LABELS for number in range(50, 62)
    ]
    assert sum(right) >= 0.8 * len(right)


def test_it_is_an_ordinary_bundle(taught: Taught) -> None:
    """Proves that the self-test passes, that there is one int8 file, and that threshold and figures are real."""
    assert [check for check in run_selftest(taught.folder) if not check.passed] == []
    bundle = read_bundle(taught.folder)
    assert [file.path for file in bundle.files] == ["model.int8.tflite"]
    assert bundle.read(bundle.files[0]).endswith((PRETRAINED / "model.int8.tflite").read_bytes())
    assert 0 < bundle.confidence_threshold < 1
    held_out = taught.record["held_out"]
    assert held_out["pictures"] == 24
    assert held_out["accuracy"] == sum(found["right"] for found in held_out["by_label"].values()) / 24 > 0.7
    assert held_out["interval"][0] < held_out["accuracy"] <= held_out["interval"][1]


def test_info_says_so(taught: Taught) -> None:
    """Proves that `info` says that a bundle was taught, with which network, and how right it was."""
    (line,) = [line for line in bundle_lines(describe_bundle(taught.folder)) if line.startswith("taught")]
    assert "network of compact" in line
    assert f"{taught.record['held_out']['accuracy']:.1%}" in line
    assert "no other format" in line


def test_it_is_the_same_each_time(taught: Taught, lesson: Lesson, tmp_path: Path) -> None:
    """Proves that the same pictures give the same bytes."""
    again = teach(lesson, tmp_path / "mine")
    for name in ("model.int8.tflite", FEATURES, MANIFEST):
        assert (again.folder / name).read_bytes() == (taught.folder / name).read_bytes()


def test_a_label_is_added_to_a_taught_bundle(taught: Taught, base: Base, walls: Path, tmp_path: Path) -> None:
    """Proves that adding a label without the old pictures gives what teaching all at once gives."""
    two = new_lesson(base, {label: class_folders(walls)[label] for label in LABELS[:2]}, report=silent)
    first = teach(two, tmp_path / "growing")
    new = tmp_path / "new" / LABELS[2]
    shutil.copytree(walls / LABELS[2], new)
    grown = teach(added(first.folder, new.parent), first.folder)
    assert grown.manifest.labels == LABELS
    assert (grown.folder / "model.int8.tflite").read_bytes() == (taught.folder / "model.int8.tflite").read_bytes()


def test_more_pictures_of_a_taught_label(taught: Taught, tmp_path: Path) -> None:
    """Proves that a taught label takes more pictures, that copies are left out, and that the file does not grow."""
    more = write_walls(tmp_path / "more", ("grass",), count=4, first=6)  # two are there already
    lesson = added(taught.folder, more)
    assert len(lesson.left_out) == 2
    grown = teach(lesson, tmp_path / "grown")
    assert grown.record["held_out"]["by_label"]["grass"]["pictures"] == 10
    assert grown.manifest.files[0].size_bytes == taught.manifest.files[0].size_bytes


def test_a_label_is_added_to_the_bundle_of_the_package(tmp_path: Path) -> None:
    """Proves that the exported labels stay, that the new one is known, and that what is unknown is not claimed."""
    new = write_walls(tmp_path / "new", ("pebbles",), count=12)
    grown = teach(added(PRETRAINED, new), tmp_path / "grown")
    assert grown.manifest.labels == ("cat", "dog", "neither", "pebbles")
    assert grown.record["fixed"] == ["cat", "dog", "neither"]
    assert set(grown.record["held_out"]["by_label"]) == {"pebbles"}
    assert grown.record["held_out"]["kept"].keys() == {"cat", "dog", "neither"}
    assert grown.manifest.confidence_threshold == read_bundle(PRETRAINED).confidence_threshold
    before, after = Classifier.open(PRETRAINED), Classifier.open(grown.folder)
    assert after.classify(draw("pebbles", 77)).label == "pebbles"
    for path in (PRETRAINED / "selftest").iterdir():
        old, new_scores = (found.classify(path).scores for found in (before, after))
        kept = sum(new_scores[label] for label in old)
        assert kept > 0.3, path
        for label, score in old.items():  # what the new label leaves is divided as before
            assert new_scores[label] / kept == pytest.approx(score, abs=0.05), path


def test_a_second_label_is_added_to_it(tmp_path: Path) -> None:
    """Proves that exported labels stay exported when a bundle grows twice, and cannot be taught again."""
    once = teach(added(PRETRAINED, write_walls(tmp_path / "a", ("pebbles",), count=6)), tmp_path / "grown")
    twice = teach(added(once.folder, write_walls(tmp_path / "b", ("grass",), count=6)), once.folder)
    assert twice.manifest.labels == ("cat", "dog", "neither", "pebbles", "grass")
    assert twice.record["fixed"] == ["cat", "dog", "neither"]
    with pytest.raises(TeachingError, match="exported with"):
        added(twice.folder, write_walls(tmp_path / "c", ("cat",), count=6))


def test_few_pictures_are_refused(base: Base, tmp_path: Path) -> None:
    """Proves that four pictures of a label are refused with the count, and that nothing is written."""
    folder = write_walls(write_walls(tmp_path / "few", ("grass",), count=5), ("bricks",), count=4)
    lesson = new_lesson(base, class_folders(folder), report=silent)
    with pytest.raises(TeachingError, match=r"5 or more different pictures of each label, received 4 of bricks"):
        teach(lesson, tmp_path / "bundles" / "x")
    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize("label", ["unsure", "a\nb", "\u202eab"])
def test_a_name_that_no_label_has_is_refused(label: str, base: Base) -> None:
    """Proves that the word for no answer, a line break and a mark of direction are refused as labels."""
    with pytest.raises(TeachingError, match="expected a label"):
        new_lesson(base, {label: [], "other": []}, report=silent)


def test_an_exported_bundle_is_not_replaced(lesson: Lesson, tmp_path: Path) -> None:
    """Proves that a bundle that was exported stays, whatever name is asked for."""
    target = tmp_path / "exported"
    shutil.copytree(PRETRAINED, target)
    before = (target / MANIFEST).read_bytes()
    with pytest.raises(OutputError, match="was exported, and is not replaced"):
        teach(lesson, target)
    assert (target / MANIFEST).read_bytes() == before


def test_a_bundle_without_features_is_refused(
    write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes], tflite_float32: bytes
) -> None:
    """Proves that a bundle without an int8 TFLite file, and one whose file ends otherwise, are refused."""
    with pytest.raises(BundleError, match="has no features to teach with: expected an int8 TFLite file"):
        open_base(read_bundle(write_bundle({"float32.onnx": onnx_file("sigmoid")})), 1)
    with pytest.raises(BundleError, match="has no features to teach with: it "):
        open_base(read_bundle(write_bundle({"int8.tflite": tflite_float32}, name="other")), 1)


def damage(values: dict[str, Any], kind: str) -> None:
    """Damage the records of a taught bundle in one way."""
    extra = values["extra"]
    if kind == "no record":
        del extra["features"]
    elif kind == "base":
        extra["taught"]["base"]["sha256"] = "0" * 64
    elif kind == "fixed":
        extra["taught"]["fixed"] = ["cat"]
    elif kind == "no object":
        extra["taught"] = 5
    else:
        extra["features"][kind] = {"width": 9, "rows": [2, 2, -1], "size_bytes": "x", "sha256": "0" * 64}[kind]


@pytest.mark.parametrize(
    "kind", ["no record", "base", "fixed", "no object", "width", "rows", "size_bytes", "sha256"]
)
def test_damaged_records_are_refused(kind: str, taught: Taught, tmp_path: Path) -> None:
    """Proves that each part of the records is checked, with an error of ours, and that `info` bears it."""
    folder = tmp_path / "damaged"
    shutil.copytree(taught.folder, folder)
    values = json.loads((folder / MANIFEST).read_text())
    damage(values, kind)
    (folder / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(BundleError, match="damaged"):
        read_examples(read_bundle(folder), open_base(read_bundle(folder), 1).network.tail.width)
    assert bundle_lines(describe_bundle(folder))


def test_damaged_features_are_refused(taught: Taught, tmp_path: Path) -> None:
    """Proves that `features.bin` is checked against its hash, and that a missing one is named."""
    folder = tmp_path / "damaged"
    shutil.copytree(taught.folder, folder)
    content = bytearray((folder / FEATURES).read_bytes())
    content[100] ^= 1
    (folder / FEATURES).write_bytes(content)
    width = (len(content) // 24 - 32) // 2
    with pytest.raises(BundleError, match="not the file that was written"):
        read_examples(read_bundle(folder), width)
    (folder / FEATURES).unlink()
    with pytest.raises(BundleError, match=r"features\.bin: cannot be read"):
        read_examples(read_bundle(folder), width)
