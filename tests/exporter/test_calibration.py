"""Calibration pictures come from the training split alone, and never from the test split by any other name."""

import io
import json
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_runtime.picture.folder import PictureFile, PictureFolder
from edge_runtime.picture.left_out import Cause, LeftOut
from exporter.calibration import calibration_record, draw_calibration, find_candidates
from exporter.errors import SourceError
from exporter.source import SplitPicture, describe_pictures, read_keras_source
from tests.exporter.records import picture_of, record_of
from trainer.data.cache import cache_pictures


def test_draw_is_balanced_seeded_and_from_training(source):
    """Proves that half is of each class, the same for the same seed, and all from the training side."""
    drawn, _ = draw_calibration(source, count=20, seed=3)
    assert Counter(picture.label for picture in drawn) == {0: 10, 1: 10}
    assert set(drawn) <= set(source.sides["train"])
    assert len(set(drawn)) == 20
    assert drawn == draw_calibration(source, count=20, seed=3)[0]
    assert drawn != draw_calibration(source, count=20, seed=4)[0]


def test_two_draws_share_no_picture(source):
    """Proves that the second draw is as large and balanced as the first, and has none of its pictures."""
    first, second = draw_calibration(source, count=20, seed=3)
    assert len(second) == 20
    assert Counter(picture.label for picture in second) == {0: 10, 1: 10}
    assert not {picture.sha256 for picture in first} & {picture.sha256 for picture in second}


def test_no_second_draw_from_a_small_split(source):
    """Proves that there is no second draw, rather than a smaller one, where too few pictures are left."""
    half = len(source.sides["train"]) // 2
    assert len(draw_calibration(source, count=half)[1]) == half
    assert draw_calibration(source, count=half + 1)[1] == ()


def test_order_mixes_the_classes(source):
    """Proves that labels come neither in blocks nor in turns, as some quantisers average as they go."""
    labels = [picture.label for picture in draw_calibration(source, count=40)[0]]
    assert labels != sorted(labels)
    assert labels[::2] != [labels[0]] * 20


def test_fewer_pictures_than_asked_for_are_all_taken(source):
    """Proves that a small training split gives what it has."""
    assert set(draw_calibration(source, count=10_000)[0]) == set(source.sides["train"])


def test_a_rare_class_gives_what_it_has(source):
    """Proves that with three pictures of one class, a draw of ten has those and seven of the other."""
    train = source.sides["train"]
    rare = [picture for picture in train if picture.label == 0][:3]
    few = (*rare, *(picture for picture in train if picture.label == 1))
    drawn, _ = draw_calibration(replace(source, sides=source.sides | {"train": few}), count=10)
    assert Counter(picture.label for picture in drawn) == {0: 3, 1: 7}


def test_test_pictures_are_left_out_and_counted(source):
    """Proves that training pictures that are test pictures too, by content, are not drawn, and each is listed."""
    leaked = replace(source, sides=source.sides | {"test": source.sides["train"][:3]})
    found = find_candidates(leaked)
    assert [item.cause for item in found.left_out] == [Cause.TEST_PICTURE] * 3
    assert {item.path for item in found.left_out} == {picture.path.name for picture in source.sides["train"][:3]}
    drawn, _ = draw_calibration(leaked, count=10_000)
    assert set(drawn) == set(source.sides["train"][3:])


def test_a_class_without_training_pictures_is_an_error(source):
    """Proves that a class that cannot be drawn from is named."""
    cats = tuple(picture for picture in source.sides["train"] if picture.label == 0)
    with pytest.raises(SourceError, match="no picture of class dog"):
        draw_calibration(replace(source, sides=source.sides | {"train": cats}))


@pytest.fixture
def folder(source, tmp_path):
    """A folder of the user's own: training pictures, some below folders with a label's name, and a hidden file."""
    root = tmp_path / "mine"
    (root / "Dog").mkdir(parents=True)
    (root / "other").mkdir()
    for number, picture in enumerate(source.sides["train"][:18]):
        shutil.copy(picture.path, root / ("Dog", "other", "")[number % 3] / f"{number}.jpg")
    (root / ".DS_Store").write_text("not a picture")
    return root


def test_a_folder_of_ones_own(source, folder):
    """Proves that pictures at any depth count, a folder named like a label gives it, and hidden files do not."""
    drawn, second = draw_calibration(source, count=18, folder=folder)
    assert Counter(picture.label for picture in drawn) == {1: 6, -1: 12}
    assert second == ()
    assert {picture.path.parent.name for picture in drawn} == {"Dog", "other", "mine"}
    assert draw_calibration(source, count=8, folder=folder)[1] != ()


def test_a_test_picture_in_ones_own_folder_is_left_out(source, folder):
    """Proves that a copy of a test picture under another name is found by its content, and the draw goes on."""
    for number in range(2):
        shutil.copy(source.sides["test"][number].path, folder / f"harmless{number}.jpg")
    found = find_candidates(source, folder)
    names = {item.path: item.reason for item in found.left_out if item.cause is Cause.TEST_PICTURE}
    assert names.keys() == {"harmless0.jpg", "harmless1.jpg"}
    assert names["harmless0.jpg"] == f"is the test picture {source.sides['test'][0].path.name}"
    assert len(draw_calibration(source, folder=folder, candidates=found)[0]) == 18


@pytest.mark.parametrize("change", ["another quality", "half the size", "another format"])
def test_a_near_copy_of_a_test_picture_is_left_out(source, folder, tmp_path, change):
    """Proves that a test picture encoded anew, shrunk or in another format is found by the hash of training."""
    original = tmp_path / "test" / "original.jpg"
    original.parent.mkdir()
    texture = Image.effect_noise((24, 18), 120).convert("RGB").resize((320, 240))
    texture.save(original, quality=95)
    stored = cache_pictures([original], source.preprocessing, cache=tmp_path / "cache").entries[0]
    test = SplitPicture(original, 0, stored.sha256, stored.difference_hash)
    leaked = replace(source, sides=source.sides | {"test": (test,)})
    assert len(find_candidates(leaked, folder).pictures) == 18
    changed = texture.resize((160, 120)) if "size" in change else texture
    name = "copy.png" if "format" in change else "copy.jpg"
    changed.save(folder / name, quality=60)
    found = find_candidates(leaked, folder)
    near = LeftOut(name, Cause.TEST_PICTURE, "is nearly the same as the test picture original.jpg")
    assert [item for item in found.left_out if item.cause is not Cause.LITTER] == [near]
    assert len(found.pictures) == 18


def test_a_fixed_camera_calibrates_with_near_copies(source):
    """Proves that where all training pictures are nearly test pictures they are used, and that it is said."""
    alike = {side: tuple(replace(one, difference_hash="0" * 64) for one in found) for side, found in
             source.sides.items()}  # fmt: skip
    found = find_candidates(replace(source, sides=alike))
    assert found.pictures == alike["train"]
    assert "64 of the 64 calibration pictures are nearly the same as test pictures" in found.note


def test_hashes_are_those_of_training(source):
    """Proves that training and export make the same hashes of the same files, bit for bit."""
    test = source.sides["test"]
    files = tuple(PictureFile(picture.path, picture.label) for picture in test)
    there = PictureFolder(test[0].path.parents[1], source.labels, files, ())
    assert describe_pictures(there, source.preprocessing, role="test") == (test, ())


def test_a_near_copy_of_a_model_of_ones_own_is_left_out(folder, tmp_path):
    """Proves that a Keras model that comes without a run has hashes of its test pictures too."""
    for number, name in enumerate(("cat", "dog")):
        (tmp_path / "test" / name).mkdir(parents=True)
        texture = Image.effect_noise((24, 18), 120 + number).convert("RGB").resize((320, 240))
        texture.save(tmp_path / "test" / name / "original.png")
    own = read_keras_source(tmp_path / "model.keras", tmp_path / "test", size=(64, 48))
    texture.save(folder / "copy.jpg", quality=60)
    found = find_candidates(own, folder)
    assert {item.path for item in found.left_out if item.cause is Cause.TEST_PICTURE} == {"copy.jpg"}
    assert len(found.pictures) == 18


def test_what_is_no_picture_is_left_out_with_its_reason(source, folder):
    """Proves that text, a picture that breaks off and litter end no export, and that each is listed."""
    content = source.sides["train"][0].path.read_bytes()
    (folder / "notes.txt").write_text("no picture")
    (folder / "half.jpg").write_bytes(content[: len(content) // 2])
    (folder / "Dog" / "Thumbs.db").write_bytes(b"x")
    (folder / "linked").symlink_to(source.sides["train"][0].path.parent)
    (folder / "Dog" / "linked").symlink_to(source.sides["train"][0].path.parent)
    found = find_candidates(source, folder)
    causes = {item.path: item.cause for item in found.left_out}
    assert (
        causes.items()
        >= {
            "notes.txt": Cause.NO_PICTURE,
            "half.jpg": Cause.UNREADABLE,
            "Dog/Thumbs.db": Cause.LITTER,
            "Dog/linked": Cause.LINK,
        }.items()
    )


def test_of_a_split_folder_the_training_side_calibrates(source, tmp_path):
    """Proves that a folder with train and test gives calibration pictures from train alone."""
    for side, first in (("train", 0), ("test", 20)):
        for picture in source.sides["train"][first : first + 20]:
            target = tmp_path / "data" / side / source.labels[picture.label]
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture.path, target)
    found = find_candidates(source, tmp_path / "data")
    assert len(found.pictures) == 20
    assert all("train" in picture.path.parts for picture in found.pictures)
    assert {item.cause for item in found.left_out} == {Cause.NO_SIDE}


def test_a_file_that_cannot_be_read_is_named(source, folder):
    """Proves that a disk or permission error in one's own folder is told as one of reading, with the file."""
    (folder / "locked.jpg").symlink_to("/proc/self/mem")  # cannot be read even by root
    with pytest.raises(SourceError, match=r"locked\.jpg: cannot be read \(.*take it out of the calibration folder"):
        draw_calibration(source, folder=folder)


def test_a_handful_of_pictures_is_refused(source, folder):
    """Proves that too few to set ranges, in the folder or by the option, are refused with the least number."""
    for number in range(11):
        next(folder.rglob(f"{number}.jpg")).unlink()
    with pytest.raises(SourceError, match=r"mine: expected 8 calibration pictures or more, received 7\..*--calibr"):
        draw_calibration(source, folder=folder)
    with pytest.raises(SourceError, match=r"small: expected 8 .* received 1\..*--calibration-count"):
        draw_calibration(source, count=1)


def test_an_empty_folder_is_named(source, tmp_path):
    """Proves that a folder without a picture ends the export with the option to change."""
    with pytest.raises(SourceError, match=r"no pictures there.*--calibration"):
        draw_calibration(source, folder=tmp_path)


def test_the_record_names_pictures_by_content(source, folder):
    """Proves that calibration.json has the seed, and hash and label of each picture, null where there is none."""
    drawn, _ = draw_calibration(source, count=18, seed=5, folder=folder)
    record = json.loads(json.dumps(calibration_record(source, drawn, 5)))
    assert record["seed"] == 5
    assert {picture["sha256"] for picture in record["pictures"]} == {picture.sha256 for picture in drawn}
    assert Counter(picture["label"] for picture in record["pictures"]) == {"dog": 6, None: 12}


def test_different_pictures_are_not_taken_for_copies(source):
    """Proves that none of the training split is refused, though the drawings of one class look alike."""
    first, second = draw_calibration(source, count=len(source.sides["train"]) // 2)
    assert len(first) + len(second) == len(source.sides["train"]) // 2 * 2


def test_bytes_decide_not_names(source, folder):
    """Proves that a file with a test picture's name and another content is taken."""
    buffer = io.BytesIO()
    Image.effect_noise((80, 60), 90).convert("RGB").save(buffer, "PNG")
    (folder / source.sides["test"][0].path.name).write_bytes(buffer.getvalue())
    assert draw_calibration(source, folder=folder)[0]


def by_number(classes: dict[int, int]) -> tuple[SplitPicture, ...]:
    """Return so many pictures of each label, no two alike."""
    return tuple(
        picture_of(1000 * (label + 2) + number, label)
        for label, count in classes.items()
        for number in range(count)
    )


@settings(max_examples=60, deadline=None)
@given(
    classes=st.dictionaries(st.integers(0, 3), st.integers(1, 30), min_size=2, max_size=4),
    count=st.integers(8, 60),
    seed=st.integers(0, 2**31),
)
def test_any_draw_is_balanced_and_disjoint(classes, count, seed):
    """Proves of classes of any size that as many are drawn as can be, as evenly as can be, and none twice."""
    assume(sum(classes.values()) >= 8)
    labels = tuple("abcd")
    pictures = by_number(classes)
    source = replace(record_of().source, labels=labels[: len(classes)], sides={"train": pictures, "test": ()})
    first, second = draw_calibration(source, count=count, seed=seed)
    assert len(first) == min(count, len(pictures))
    assert len(second) in (0, len(first))
    assert (len(second) > 0) == (2 * count <= len(pictures))
    assert len({picture.sha256 for picture in first + second}) == len(first + second)
    drawn = Counter(picture.label for picture in first)
    fewest = min(drawn.values(), default=0)
    assert all(found <= fewest + 1 or drawn[other] == classes[other] for found in drawn.values() for other in drawn
               if drawn[other] == fewest)  # fmt: skip


def test_the_draw_is_worked_out_by_hand():
    """Proves that NumPy's generator of the seed shuffles each class, deals them in turns and shuffles the set."""
    pictures = by_number({0: 6, 1: 6})
    source = replace(record_of().source, sides={"train": pictures, "test": ()})
    generator = np.random.default_rng(7)
    cats, dogs = list(pictures[:6]), list(pictures[6:])
    generator.shuffle(cats)
    generator.shuffle(dogs)
    dealt = [picture for pair in zip(cats, dogs, strict=True) for picture in pair]
    expected = tuple(dealt[:8][index] for index in generator.permutation(8))
    assert draw_calibration(source, count=8, seed=7) == (expected, ())


@pytest.mark.parametrize(("bits", "left"), [(0, 11), (10, 11), (11, 12)])
def test_ten_bits_of_difference_are_a_near_copy(bits, left):
    """Proves that the limit is that of training, to the bit."""
    pictures = by_number({0: 6, 1: 6})
    hashed = [replace(picture, difference_hash=f"{(2**40 - 1) << (8 * n + 40):064x}") for n, picture in
              enumerate(pictures)]  # fmt: skip
    test = replace(picture_of(1, 0), difference_hash=f"{int(hashed[3].difference_hash, 16) ^ (2**bits - 1):064x}")
    source = replace(record_of().source, sides={"train": tuple(hashed), "test": (test,)})
    assert len(draw_calibration(source, count=12)[0]) == left


def test_a_copy_in_ones_own_folder_counts_once(source, folder):
    """Proves that the same bytes under two names are one picture, so that two draws stay apart."""
    for number in range(8):
        shutil.copy(next(folder.rglob(f"{number}.jpg")), folder / f"copy of {number}.jpg")
    found = find_candidates(source, folder).pictures
    assert len(found) == 18
    assert len({picture.sha256 for picture in found}) == 18
    first, second = draw_calibration(source, count=9, folder=folder)
    assert not {picture.sha256 for picture in first} & {picture.sha256 for picture in second}
