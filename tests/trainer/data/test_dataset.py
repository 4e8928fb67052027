"""Data folders: cleaned, balanced and split so that no picture is on two sides."""

import csv
import hashlib
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.picture.preprocessing import load_picture
from edge_runtime.run_folder import SPLITS, Side, read_splits, write_json
from tests.trainer.conftest import PLAN, SMALL, draw_blocks, write_class, write_pets
from trainer.data.balance import Balance
from trainer.data.dataset import Dataset, find_files, read_dataset
from trainer.data.near_duplicates import group_near_duplicates
from trainer.data.split import MIN_PER_CLASS, SplitPlan
from trainer.errors import DataError

PETIMAGES = Path(__file__).parents[4] / "shared" / "data" / "petimages"


def plan(**changes: object) -> SplitPlan:
    return SplitPlan(**(vars(PLAN) | changes))  # type: ignore[arg-type]


def paths_of(dataset: Dataset) -> dict[Side, set[str]]:
    return {side: {picture.path for picture in pictures} for side, pictures in dataset.sides.items()}


def side_of(dataset: Dataset) -> dict[str, Side]:
    return {path: side for side, paths in paths_of(dataset).items() for path in paths}


def test_labels_are_lower_case_and_sorted(pets_dataset: Dataset) -> None:
    """Proves that Cat and Dog become label 0 cat and label 1 dog."""
    assert pets_dataset.labels == ("cat", "dog")
    for pictures in pets_dataset.sides.values():
        assert all(picture.label == ("Cat", "Dog").index(picture.path.split("/")[0]) for picture in pictures)


def test_sides_are_disjoint_and_together_everything(pets_dataset: Dataset) -> None:
    """Proves that each usable file is on one side and the others are left out with a reason."""
    sides = paths_of(pets_dataset)
    assert sum(map(len, sides.values())) == len(set.union(*sides.values())) == 40
    assert set.union(*sides.values()) == {
        f"{name}/{number:03d}.png" for name in ("Cat", "Dog") for number in range(20)
    }
    (left_out,) = pets_dataset.left_out
    assert (left_out.path, left_out.cause) == ("Cat/broken.jpg", Cause.UNREADABLE)
    assert "not a picture" in left_out.reason
    assert pets_dataset.faulty == pets_dataset.left_out


def test_rows_and_targets_belong_together(pets_dataset: Dataset, pets: Path) -> None:
    """Proves that a side's rows index the pixels of its files and its targets are their labels, in one order."""
    for side, pictures in pets_dataset.sides.items():
        rows, targets = pets_dataset.rows(side), pets_dataset.targets(side)
        for picture, row, target in zip(pictures, rows, targets, strict=True):
            np.testing.assert_array_equal(pets_dataset.pixels[row], load_picture(pets / picture.path, SMALL))
            assert target == picture.label


@pytest.mark.parametrize(("test", "validation"), [(0.2, 0.1), (0.25, 0.25), (0.4, 0.4), (0.01, 0.01)])
def test_shares_hold_in_each_class(pets: Path, cache: Path, test: float, validation: float) -> None:
    """Proves that each class is on each side in the planned share, to the picture, and never absent."""
    made = read_dataset(pets, SMALL, plan(test_fraction=test, validation_fraction=validation), cache=cache)
    for side, share in ((Side.TEST, test), (Side.VALIDATION, validation)):
        counts = Counter(picture.label for picture in made.sides[side])
        assert counts == {label: max(1, round(share * 20)) for label in (0, 1)}


def test_seed_decides_the_split(pets: Path, cache: Path, pets_dataset: Dataset) -> None:
    """Proves that one seed always gives one split and another seed another."""
    assert read_dataset(pets, SMALL, PLAN, cache=cache).sides == pets_dataset.sides
    assert read_dataset(pets, SMALL, plan(seed=1), cache=cache).sides != pets_dataset.sides


def test_split_does_not_depend_on_the_cache(pets: Path, tmp_path: Path, pets_dataset: Dataset) -> None:
    """Proves that a cache filled in another order gives the same files on the same sides."""
    read_dataset(write_pets(tmp_path / "other", "Dog", "Owl"), SMALL, PLAN, cache=tmp_path / "cache")
    again = read_dataset(pets, SMALL, PLAN, cache=tmp_path / "cache")
    assert paths_of(again) == paths_of(pets_dataset)


def test_limit_keeps_so_many_of_each_class(pets: Path, cache: Path) -> None:
    """Proves that a limit leaves as many of each class and lists the others."""
    made = read_dataset(pets, SMALL, plan(limit_per_class=12), cache=cache)
    assert Counter(picture.label for side in made.sides.values() for picture in side) == {0: 12, 1: 12}
    assert sum(file.cause is Cause.SURPLUS for file in made.left_out) == 16


def test_larger_class_is_undersampled(tmp_path: Path, cache: Path) -> None:
    """Proves that every class is cut to the smallest at random by seed, not to the first of its files."""
    write_class(tmp_path / "Cat", 15)
    write_class(tmp_path / "Dog", 30)
    made = read_dataset(tmp_path, SMALL, PLAN, cache=cache)
    counts = Counter(picture.label for side in made.sides.values() for picture in side)
    assert counts == {0: 15, 1: 15}
    assert {file.path for file in made.left_out} != {f"Dog/{number:03d}.png" for number in range(15, 30)}
    other = read_dataset(tmp_path, SMALL, plan(seed=5), cache=cache)
    assert {file.path for file in other.left_out} != {file.path for file in made.left_out}


def test_exact_copies_are_dropped(tmp_path: Path, cache: Path) -> None:
    """Proves that of identical files the first is kept and the others name it."""
    write_pets(tmp_path)
    shutil.copy(tmp_path / "Cat" / "003.png", tmp_path / "Cat" / "zzz.png")
    made = read_dataset(tmp_path, SMALL, PLAN, cache=cache)
    assert LeftOut("Cat/zzz.png", Cause.COPY, "exact copy of Cat/003.png") in made.left_out
    assert "Cat/003.png" in side_of(made)


def test_file_under_two_classes_is_dropped_from_both(tmp_path: Path, cache: Path) -> None:
    """Proves that a picture labelled both ways is used for neither."""
    write_pets(tmp_path)
    shutil.copy(tmp_path / "Cat" / "003.png", tmp_path / "Dog" / "cat.png")
    made = read_dataset(tmp_path, SMALL, PLAN, cache=cache)
    reasons = {file.path: file.reason for file in made.left_out}
    for path in ("Cat/003.png", "Dog/cat.png"):
        assert reasons[path] == "the same file is filed under cat and dog"
        assert path not in side_of(made)


def test_near_duplicates_stay_on_one_side(tmp_path: Path, cache: Path) -> None:
    """Proves over 40 seeds that re-encodes of a picture under one class are never on two sides."""
    write_pets(tmp_path)
    families = []
    for number in range(6):
        picture = draw_blocks((77, number), side=8).resize((96, 96), Image.Resampling.BICUBIC)
        family = [f"Cat/{letter}{number}.jpg" for letter in "abc"]
        for name, quality in zip(family, (95, 80, 70), strict=True):
            picture.save(tmp_path / name, quality=quality)
        families.append(family)
    used = set()
    for seed in range(40):
        sides = side_of(read_dataset(tmp_path, SMALL, plan(seed=seed), cache=cache))
        for family in families:
            found = {sides[path] for path in family if path in sides}
            assert len(found) <= 1, (seed, family)
            used |= found
    assert used == set(Side)


def test_near_duplicates_under_two_classes_are_reported_and_not_joined(tmp_path: Path, cache: Path) -> None:
    """Proves that pictures of two classes that are alike are named, and do not pull each other to one side."""
    write_pets(tmp_path)
    picture = draw_blocks((77,), side=8).resize((96, 96), Image.Resampling.BICUBIC)
    for name, quality in (("Cat/a.jpg", 95), ("Dog/b.jpg", 70)):
        picture.save(tmp_path / name, quality=quality)
    apart = set()
    for seed in range(12):
        made = read_dataset(tmp_path, SMALL, plan(seed=seed), cache=cache)
        sides = side_of(made)
        apart.add(sides["Cat/a.jpg"] is sides["Dog/b.jpg"])
        assert made.alike.two_classes.count == 1
        assert set(made.alike.two_classes.first[0]) == {"Cat/a.jpg", "Dog/b.jpg"}
        assert made.alike.two_sides.count == 0
    assert apart == {True, False}
    (sentence,) = made.alike.sentences()
    assert sentence.startswith("1 pair of pictures is nearly the same but filed under two classes, such as ")
    assert made.splits().extra["near_copies_two_classes"]["count"] == 1


def test_a_fixed_camera_can_be_trained_on(tmp_path: Path, cache: Path) -> None:
    """Proves that classes whose pictures are all nearly the same reach every side, and that it is said."""
    rng = np.random.default_rng(0)
    scene = rng.uniform(0, 200, (32, 32, 3))
    for name, level in (("open", 0.0), ("closed", 50.0)):
        (tmp_path / name).mkdir()
        for number in range(30):
            frame = scene.copy()
            frame[12:20, 12:20] = level
            frame = frame * rng.uniform(0.8, 1.1) + rng.normal(0, 1.5, frame.shape)
            Image.fromarray(np.clip(frame, 0, 255).astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    made = read_dataset(tmp_path, SMALL, PLAN, cache=cache)
    assert len(set(group_near_duplicates([p.difference_hash for p in made.sides[Side.TRAIN]]))) <= 2
    for side, share in ((Side.TEST, 6), (Side.VALIDATION, 6)):
        counts = Counter(made.targets(side).tolist())
        assert all(share / 2 <= counts[label] <= share for label in (0, 1))
    assert any("nearly all the same" in note for note in made.notes)
    assert made.alike.two_sides.count > 0


def test_nested_folders_and_litter(tmp_path: Path, cache: Path) -> None:
    """Proves that files at any depth count, that litter does not, and that all of it is listed with its reason."""
    write_pets(tmp_path)
    write_class(tmp_path / "Cat" / "indoors" / "cat", 3, first=50)
    litter = (
        "Cat/.DS_Store",
        "Cat/.ipynb_checkpoints/1.png",
        ".cache/1.png",
        "__MACOSX/Cat/1.png",
        "Dog/Thumbs.db",
    )
    for ignored in (*litter, "README.txt", "Dog/labels.csv"):
        (tmp_path / ignored).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ignored).write_bytes(b"no picture")
    made = read_dataset(tmp_path, SMALL, plan(balance=Balance.NONE), cache=cache)
    assert made.labels == ("cat", "dog")
    assert "Cat/indoors/cat/050.png" in side_of(made)
    assert len(side_of(made)) == 43
    assert {file.path: file.cause for file in made.left_out} == {
        "Cat/.DS_Store": Cause.LITTER,
        "Cat/.ipynb_checkpoints": Cause.LITTER,
        ".cache": Cause.LITTER,
        "__MACOSX": Cause.LITTER,
        "Dog/Thumbs.db": Cause.LITTER,
        "README.txt": Cause.NO_PICTURE,
        "Dog/labels.csv": Cause.NO_PICTURE,
    }
    assert {file.path for file in made.faulty} == {"README.txt", "Dog/labels.csv"}


def test_a_class_folder_may_begin_with_an_underscore(tmp_path: Path, cache: Path) -> None:
    """Proves that no class vanishes for its name."""
    made = read_dataset(write_pets(tmp_path, "_background", "Cat"), SMALL, PLAN, cache=cache)
    assert made.labels == ("_background", "cat")


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "VALID", "Testing")])
def test_a_split_that_is_there_is_kept(tmp_path: Path, cache: Path, names: tuple[str, str, str]) -> None:
    """Proves that folders of sides are sides, under any of their names, and each picture stays where it is."""
    for number, name in enumerate(names):
        for label in ("cat", "Dog"):
            write_class(tmp_path / name / label, 8, first=20 * number)
    made = read_dataset(tmp_path, SMALL, PLAN, cache=cache)
    assert made.labels == ("cat", "dog")
    sides = dict(zip(names, (Side.TRAIN, Side.VALIDATION, Side.TEST), strict=True))
    assert all(side is sides[path.split("/")[0]] for path, side in side_of(made).items())
    assert len(side_of(made)) == 48
    assert made.notes == ("The split is the one that was there.",)


@pytest.mark.parametrize(("there", "missing"), [("val", Side.TEST), ("test", Side.VALIDATION)])
def test_a_missing_side_is_dealt_from_training(tmp_path: Path, cache: Path, there: str, missing: Side) -> None:
    """Proves that with train and one other side the third is dealt from training alone, and that it is said."""
    for number, name in enumerate(("train", there)):
        for label in ("cat", "dog"):
            write_class(tmp_path / name / label, 10, first=20 * number)
    made = read_dataset(tmp_path, SMALL, PLAN, cache=cache)
    assert {path.split("/")[0] for path in paths_of(made)[missing]} == {"train"}
    assert Counter(made.targets(missing).tolist()) == {0: 2, 1: 2}
    kept = Side.VALIDATION if there == "val" else Side.TEST
    assert {path.split("/")[0] for path in paths_of(made)[kept]} == {there}
    assert made.notes[-1] == f"There was no {missing} side, so it was dealt from the training side."


def test_a_copy_of_a_test_picture_is_left_out_of_training(tmp_path: Path, cache: Path) -> None:
    """Proves that in a given split the held-back copy counts, and that near copies on two sides are reported."""
    for number, name in enumerate(("train", "val", "test")):
        for label in ("cat", "dog"):
            write_class(tmp_path / name / label, 8, first=20 * number)
    shutil.copy(tmp_path / "test/cat/040.png", tmp_path / "train/cat/leak.png")
    picture = draw_blocks((77,), side=8).resize((96, 96), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "train/dog/near.jpg", quality=95)
    picture.save(tmp_path / "test/dog/near.jpg", quality=70)
    made = read_dataset(tmp_path, SMALL, plan(balance=Balance.NONE), cache=cache)
    assert made.left_out == (LeftOut("train/cat/leak.png", Cause.COPY, "exact copy of test/cat/040.png"),)
    assert set(made.alike.two_sides.first) == {("train/dog/near.jpg", "test/dog/near.jpg")}


def test_a_split_file_says_the_sides(tmp_path: Path, cache: Path) -> None:
    """Proves that a CSV file decides, whatever wrote it, and that what it does not name is listed."""
    data = write_pets(tmp_path / "data")
    words = {0: "train", 1: "Valid", 2: "testing"}
    lines = [
        f"{name}\\{number:03d}.png;{words[number % 3]}"
        for name in ("Cat", "Dog")
        for number in range(20)
        if (name, number) != ("Dog", 5)
    ]
    (tmp_path / "split.csv").write_text("\ufeffPath;Side\r\n" + "\r\n".join([*lines, "Cat/none.png;test", ""]))
    made = read_dataset(data, SMALL, PLAN, split_file=tmp_path / "split.csv", cache=cache)
    order = (Side.TRAIN, Side.VALIDATION, Side.TEST)
    assert all(side is order[int(path[4:7]) % 3] for path, side in side_of(made).items())
    assert len(side_of(made)) == 39
    assert [(item.path, item.reason) for item in made.left_out] == [
        ("Cat/none.png", "is named in line 41 of split.csv, but not there"),
        ("Dog/005.png", "is not named in split.csv"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a first line with the columns path and side, received ''"),
        ("name,side\nCat/000.png,test", "received 'name,side'"),
        ("path,side\nCat/000.png,exam", "line 2: expected a side such as train, validation, test, received 'exam'"),
        ("path,side\nCat/000.png", "line 2: expected 2 cells"),
        ("path,side\nCat/000.png,test\nCat/000.png,train", "line 3: .* is on two sides, test and train"),
        ("path,side\nkittens/1.png,test", "none of its 1 paths is a picture in"),
    ],
)
def test_a_split_file_that_cannot_be_used(tmp_path: Path, pets: Path, cache: Path, text: str, message: str) -> None:
    """Proves that each fault is one line with its place and what was expected."""
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_dataset(pets, SMALL, PLAN, split_file=tmp_path / "split.csv", cache=cache)


def test_classes_of_different_size_are_kept_unless_asked_otherwise(tmp_path: Path, cache: Path) -> None:
    """Proves that weights and none leave out nothing, and that the shares hold in each class."""
    write_class(tmp_path / "Cat", 15)
    write_class(tmp_path / "Dog", 30)
    for balance in (Balance.WEIGHTS, Balance.NONE):
        made = read_dataset(tmp_path, SMALL, plan(balance=balance), cache=cache)
        assert made.left_out == ()
        assert Counter(made.targets(Side.TEST).tolist()) == {0: 3, 1: 6}
        (note,) = made.notes
        assert note.startswith("The classes have from 15 (cat) to 30 pictures (dog). ")
        assert note.endswith("Choose with --balance.")


def test_hidden_parent_folders_do_not_matter(tmp_path: Path, cache: Path) -> None:
    """Proves that a data folder inside a hidden folder is read all the same."""
    made = read_dataset(write_pets(tmp_path / ".hidden" / "pets"), SMALL, PLAN, cache=cache)
    assert len(side_of(made)) == 40


def test_three_classes(tmp_path: Path, cache: Path) -> None:
    """Proves that a third sub-folder is a third class."""
    made = read_dataset(write_pets(tmp_path, "owl", "Dog", "CAT"), SMALL, PLAN, cache=cache)
    assert made.labels == ("cat", "dog", "owl")
    assert Counter(made.targets(Side.TEST).tolist()) == {0: 4, 1: 4, 2: 4}


def refused(folder: Path, cache: Path, message: str, settled: SplitPlan = PLAN) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(folder, SMALL, settled, cache=cache)
    assert str(folder) in str(caught.value)


def test_no_folder(tmp_path: Path, cache: Path) -> None:
    """Proves that an absent folder, or a file, is refused by name."""
    refused(tmp_path / "absent", cache, "no such folder")
    (tmp_path / "file").write_bytes(b"")
    refused(tmp_path / "file", cache, "no such folder")


def test_one_class_or_none(tmp_path: Path, cache: Path) -> None:
    """Proves that fewer than two class folders are refused, saying what was found."""
    refused(tmp_path, cache, "found none")
    write_class(tmp_path / "Cat", 20)
    refused(tmp_path, cache, "two or more classes.*found cat")


def test_empty_class(tmp_path: Path, cache: Path) -> None:
    """Proves that a class folder without pictures is refused by the class's name."""
    write_pets(tmp_path)
    (tmp_path / "Owl").mkdir()
    refused(tmp_path, cache, "class owl has 0 usable pictures")


def test_too_few_pictures(tmp_path: Path, cache: Path) -> None:
    """Proves that one picture below the minimum is refused and the minimum itself is enough for every side."""
    write_class(tmp_path / "Cat", MIN_PER_CLASS)
    write_class(tmp_path / "Dog", MIN_PER_CLASS - 1)
    refused(tmp_path, cache, "class dog has 9 usable pictures, expected at least 10")
    write_class(tmp_path / "Dog", MIN_PER_CLASS)
    made = read_dataset(tmp_path, SMALL, plan(validation_fraction=0.01, test_fraction=0.01), cache=cache)
    assert all(set(made.targets(side).tolist()) == {0, 1} for side in Side)


def test_too_few_different_pictures(tmp_path: Path, cache: Path) -> None:
    """Proves that a class of one picture alone, in many files, which would leave a side without it, is refused."""
    write_class(tmp_path / "Cat", 20)
    (tmp_path / "Dog").mkdir()
    for number in range(20):
        draw_blocks((5,), side=96).save(tmp_path / "Dog" / f"{number}.png", dpi=(72, 72 + number))
    refused(tmp_path, cache, "class dog has too few different pictures")


def test_names_that_differ_only_in_case(tmp_path: Path, cache: Path) -> None:
    """Proves that cat beside Cat is refused and not merged in silence."""
    write_pets(tmp_path, "Cat", "cat", "Dog")
    refused(tmp_path, cache, "differ only in upper and lower case")


def test_splits_name_every_file(pets: Path, pets_dataset: Dataset) -> None:
    """Proves that splits.json holds each file's side, label and the hash of its bytes, and what was left out."""
    splits = pets_dataset.splits().to_dict()
    assert (splits["folder"], splits["labels"]) == (str(pets.resolve()), ["cat", "dog"])
    assert splits["left_out"] == [{"path": file.path, "reason": file.reason} for file in pets_dataset.left_out]
    assert {file["path"]: file["side"] for file in splits["files"]} == side_of(pets_dataset)
    for file in splits["files"]:
        assert file["sha256"] == hashlib.sha256((pets / file["path"]).read_bytes()).hexdigest()
        assert file["label"] == file["path"].split("/")[0].lower()
        assert len(file["difference_hash"]) == 64


def test_progress_counts_all_files(pets: Path, cache: Path) -> None:
    """Proves that progress ends with files done of files in all."""
    seen: list[tuple[int, int]] = []
    read_dataset(pets, SMALL, PLAN, cache=cache, report=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (41, 41)


def test_known_pairs_of_petimages(tmp_path: Path, cache: Path) -> None:
    """Proves on the listed near-duplicates of PetImages, among 120 other pictures, that no pair is split."""
    if not PETIMAGES.is_dir():
        pytest.skip("needs PetImages in ../shared/data/petimages")
    with (PETIMAGES.parent / "petimages_near_duplicates.csv").open(newline="") as handle:
        pairs = [(row["a"], row["b"]) for row in csv.DictReader(handle)]
    others = [f"{name}/{number}.jpg" for name in ("Cat", "Dog") for number in range(60)]
    for path in {path for pair in pairs for path in pair} | set(others):
        if (PETIMAGES / path).exists():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).symlink_to((PETIMAGES / path).resolve())
    checked = 0
    for seed in range(10):
        made = read_dataset(tmp_path, SMALL, plan(seed=seed), cache=cache)
        sides = side_of(made)
        for a, b in pairs:
            assert (a not in sides) or (b not in sides) or sides[a] == sides[b], (seed, a, b)
            checked += a in sides and b in sides
    assert checked > 50


def test_each_cause_is_told_apart(tmp_path: Path, cache: Path) -> None:
    """Proves that every file left out has the cause that its reason says in words; only the surplus is no fault."""
    write_pets(tmp_path, count=14)
    write_class(tmp_path / "Dog", 2, first=14)
    (tmp_path / "Cat" / "broken.jpg").write_bytes(b"not a picture")
    shutil.copy(tmp_path / "Cat" / "003.png", tmp_path / "Cat" / "copy.png")
    shutil.copy(tmp_path / "Cat" / "005.png", tmp_path / "Dog" / "both.png")
    made = read_dataset(tmp_path, SMALL, PLAN, cache=cache)
    causes = {file.path: file.cause for file in made.left_out if file.cause is not Cause.SURPLUS}
    assert causes == {
        "Cat/broken.jpg": Cause.UNREADABLE,
        "Cat/copy.png": Cause.COPY,
        "Cat/005.png": Cause.TWO_CLASSES,
        "Dog/both.png": Cause.TWO_CLASSES,
    }
    assert {file.path for file in made.faulty} == set(causes)
    assert [file.cause for file in made.left_out].count(Cause.SURPLUS) == 3  # 13 cats, 16 dogs


def test_without_negatives_no_label_is_neither(tmp_path: Path, cache: Path, pets_dataset: Dataset) -> None:
    """Proves that only negatives make a label stand for none of the classes, not the name of a folder."""
    assert pets_dataset.neither is None
    own = read_dataset(write_pets(tmp_path, "Cat", "Neither"), SMALL, PLAN, cache=cache)
    assert own.labels == ("cat", "neither")
    assert own.neither is None


def test_splits_are_written_and_read_back(pets_dataset: Dataset, tmp_path: Path) -> None:
    """Proves that the file of a data set is the one that the reader of run folders takes, with nothing lost."""
    write_json(tmp_path / SPLITS, pets_dataset.splits().to_dict())
    found = read_splits(tmp_path)
    assert found == pets_dataset.splits()
    assert {side: len(found.on(side)) for side in Side} == {
        side: len(pictures) for side, pictures in pets_dataset.sides.items()
    }


def test_a_class_whose_name_cannot_be_printed_is_refused(tmp_path: Path) -> None:
    """Proves that a name that no run can have is refused before any work, not after the training."""
    write_class(tmp_path / "cat", 2)
    write_class(tmp_path / "do\ng", 2)
    with pytest.raises(DataError, match=r"the name of the sub-folder 'do\\ng' has a control character"):
        find_files(tmp_path)
