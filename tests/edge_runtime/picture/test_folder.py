"""Folders of pictures as people have them are read by one set of rules: classes, sides, and what is left out."""

import os
import shutil
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.errors import PictureFolderError
from edge_runtime.picture.folder import PictureFolder, read_classes, read_labelled
from edge_runtime.picture.left_out import Cause
from edge_runtime.picture.side import Side

LABELS = ("cat", "dog")


def write(folder: Path, *names: str) -> Path:
    """Write a picture under each of these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), "red").save(folder / name, "PNG")
    return folder


def labelled(found: PictureFolder) -> dict[str, str]:
    return {found.name_of(file.path): found.labels[file.label] if file.label >= 0 else "" for file in found.files}


def sided(found: PictureFolder) -> dict[str, Side | None]:
    return {found.name_of(file.path): file.side for file in found.files}


def causes(found: PictureFolder) -> dict[str, Cause]:
    return {item.path: item.cause for item in found.left_out}


def test_classes_are_the_folders_in_any_case_at_any_depth(tmp_path: Path) -> None:
    """Proves that a picture belongs to the top folder that it lies in, however deep, and labels are lower case."""
    names = ("Dog/1.png", "Dog/2024/cat/2.png", "cat/3.JPEG", "_other/4.png")
    found = read_classes(write(tmp_path, *names))
    assert found.labels == ("_other", "cat", "dog")
    assert labelled(found) == dict(zip(names, ("dog", "dog", "cat", "_other"), strict=True))
    assert found.left_out == ()


@pytest.mark.parametrize(
    "name",
    [
        ".ipynb_checkpoints/cat/1.png", "cat/.ipynb_checkpoints/1-checkpoint.png", "__MACOSX/cat/._1.png",
        "__macosx/cat/1.png", "cat/.DS_Store", "cat/._1.png", "cat/Thumbs.db", "THUMBS.DB", "cat/deep/Desktop.ini",
        ".git/config", ".gitattributes", "cat/.gitkeep", "$RECYCLE.BIN/1.png", "@eaDir/cat/1.png",
        "cat/.hidden.png", "System Volume Information/1.png", "__pycache__/1.png", ".Trash-1000/1.png",
        "lost+found/1.png",
    ],
)  # fmt: skip
def test_litter_is_nobodys_picture(tmp_path: Path, name: str) -> None:
    """Proves that what systems and programs leave is listed with whose it is, and makes no class and no picture."""
    write(tmp_path, "cat/1.png", "dog/2.png", name)
    for found in (read_classes(tmp_path), read_labelled(tmp_path, LABELS)):
        assert labelled(found) == {"cat/1.png": "cat", "dog/2.png": "dog"}
        (item,) = found.left_out
        assert item.cause is Cause.LITTER
        assert name.startswith(item.path)
        assert item.reason.startswith(("belongs to ", "is hidden"))


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "val", "test"), ("TRAIN", "Valid", "Test"), ("training", "validation", "testing")],
)
def test_sides_have_the_names_that_people_use(tmp_path: Path, train: str, validation: str, test: str) -> None:
    """Proves that each usual name is a side, in any case, with classes in other case and one that is absent."""
    names = {
        f"{train}/Cat/1.png": Side.TRAIN, f"{train}/dog/1.png": Side.TRAIN,
        f"{validation}/cat/2.png": Side.VALIDATION, f"{test}/dog/deep/3.png": Side.TEST,
        f"{test}/CAT/3.png": Side.TEST,
    }  # fmt: skip
    write(tmp_path, *names, "README.txt")
    (tmp_path / "README.txt").write_text("Roboflow")
    for found in (read_classes(tmp_path), read_labelled(tmp_path, LABELS)):
        assert sided(found) == names
        assert found.labels == LABELS
        assert all(label in name.lower() for name, label in labelled(found).items())
        assert found.sides == tuple(Side)
        assert causes(found) == {"README.txt": Cause.NO_PICTURE}


@pytest.mark.parametrize("sides", [("train",), ("train", "val"), ("train", "test"), ("val", "test"), ("test",)])
def test_some_sides_are_enough(tmp_path: Path, sides: tuple[str, ...]) -> None:
    """Proves that a folder with one or two sides has these sides, and their folders are no classes."""
    write(tmp_path, *(f"{side}/{label}/1.png" for side in sides for label in LABELS))
    found = read_classes(tmp_path)
    assert found.labels == LABELS
    assert {side.value for side in found.sides} == {side.replace("val", "validation") for side in sides}


def test_what_is_no_side_is_listed(tmp_path: Path) -> None:
    """Proves that beside train and test another folder of pictures, and a test without classes, do not vanish."""
    write(
        tmp_path, "train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "more/1.png", "test/1.png", "train/x.png"
    )
    found = read_classes(tmp_path)
    assert found.sides == (Side.TRAIN, Side.VALIDATION)
    assert causes(found) == {"more": Cause.NO_SIDE, "test": Cause.NO_SIDE, "train/x.png": Cause.NO_CLASS}


def test_other_layouts_of_a_split(tmp_path: Path) -> None:
    """Proves that sides inside each class, and a test folder beside the classes, are sides too."""
    inside = write(tmp_path / "a", *(f"{label}/{side}/1.png" for label in LABELS for side in ("train", "Test")))
    beside = write(tmp_path / "b", "cat/1.png", "dog/1.png", "test/cat/2.png", "test/Dog/2.png")
    for folder in (inside, beside):
        for found in (read_classes(folder), read_labelled(folder, LABELS)):
            assert found.labels == LABELS
            assert Counter(file.side for file in found.files) == {Side.TRAIN: 2, Side.TEST: 2}
            assert all(label == name.lower().replace("test/", "")[:3] for name, label in labelled(found).items())


def test_classes_may_be_called_like_sides(tmp_path: Path) -> None:
    """Proves that a folder `train` with sorts of trains in it, beside buses, is a class."""
    found = read_classes(write(tmp_path, "train/steam/1.png", "train/diesel/2.png", "bus/3.png", "car/4.png"))
    assert found.labels == ("bus", "car", "train")
    assert found.sides == ()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "found none"),
        (("cat/1.png",), "two or more classes, such as .*found cat"),
        (("photos/cat/1.png", "photos/dog/1.png"), r"found photos\. If the classes are the folders in .*photos"),
        (("train/1.png", "test/2.png"), "test, train hold pictures, but no folder for each class"),
        (("cat/1.png", "Cat/1.png", "dog/1.png"), "differ only in upper and lower case.*: Cat and cat"),
        (("train/cat/1.png", "train/dog/1.png", "training/cat/1.png", "training/dog/2.png"),
         "train and training are both the train side"),
        (("unsure/1.png", "cat/1.png"), "a class cannot be called unsure"),
        (("a\tb/1.png", "cat/1.png"), r"'a\\tb' has a control character"),
    ],
)  # fmt: skip
def test_what_cannot_be_classes_is_one_line(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    """Proves that each fault names the folder, what was found and what to do."""
    with pytest.raises(PictureFolderError, match=message) as caught:
        read_classes(write(tmp_path, *names))
    assert str(caught.value).startswith(f"{tmp_path}: ")
    assert "\n" not in str(caught.value)


def test_accents_may_be_stored_in_two_ways(tmp_path: Path) -> None:
    """Proves that a label of a Mac and the same of Windows are one, and that a label known before is found."""
    composed = "Café"
    apart = unicodedata.normalize("NFD", composed)
    found = read_classes(write(tmp_path, f"train/{composed}/1.png", "train/tea/1.png", f"test/{apart}/2.png"))
    assert found.labels == ("café", "tea")
    assert Counter(file.label for file in found.files) == {0: 2, 1: 1}
    assert set(labelled(read_labelled(tmp_path, (apart.upper(), "TEA"))).values()) == {apart.upper(), "TEA"}


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Proves that folders and files whose names are not UTF-8 are read, and that their label can be written."""
    odd = os.fsdecode(b"caf\xe9")
    found = read_classes(write(tmp_path, f"{odd}/{odd}.png", "tea/1.png"))
    assert found.labels == ("caf\\xe9", "tea")
    assert "".join(found.labels).encode()
    assert labelled(found)[f"{odd}/{odd}.png"] == "caf\\xe9"


def test_links(tmp_path: Path) -> None:
    """Proves that classes and files may be links, and that deeper, circular and broken ones are listed."""
    there = write(tmp_path / "there", "1.png", "2.png")
    data = write(tmp_path / "data", "dog/3.png")
    (data / "cat").symlink_to(there)
    (data / "dog" / "more").symlink_to(there)
    (data / "dog" / "4.png").symlink_to(there / "1.png")
    (data / "dog" / "gone.png").symlink_to("/nowhere/1.png")
    (data / "loop").symlink_to(data)
    (data / "up").symlink_to(tmp_path)
    expected = {"dog/more": Cause.LINK, "dog/gone.png": Cause.UNREADABLE, "loop": Cause.LINK, "up": Cause.LINK}
    for found in (read_classes(data), read_labelled(data, LABELS)):
        assert labelled(found) == {"cat/1.png": "cat", "cat/2.png": "cat", "dog/3.png": "dog", "dog/4.png": "dog"}
        assert causes(found) == expected


def test_a_folder_that_cannot_be_opened_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that an unreadable sub-folder is listed with the reason, and the others are read."""
    write(tmp_path, "cat/1.png", "cat/closed/2.png", "dog/3.png")
    honest = os.scandir

    def refuse(path: str) -> object:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return honest(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = read_classes(tmp_path)
    assert labelled(found) == {"cat/1.png": "cat", "dog/3.png": "dog"}
    assert [tuple(item) for item in found.left_out] == [
        ("cat/closed", Cause.UNREADABLE, "cannot be opened (Permission denied)")
    ]


def test_a_picture_is_known_by_its_name_or_its_first_bytes(tmp_path: Path) -> None:
    """Proves that a PNG without an ending is a picture, and that texts and raw files of cameras are none."""
    write(tmp_path, "cat/1", "dog/photo.jpg_large")
    for name, content in (
        ("a.txt", b"BM is a text"),
        ("b.csv", b"P1,P2"),
        ("c.nef", b"MM\0*" + bytes(99)),
        ("d", b""),
    ):
        (tmp_path / "cat" / name).write_bytes(content)
    (tmp_path / "cat" / "broken.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "cat" / "pipe")
    found = read_classes(tmp_path)
    assert set(labelled(found)) == {"cat/1", "cat/broken.jpg", "dog/photo.jpg_large"}
    assert set(causes(found).values()) == {Cause.NO_PICTURE}
    assert len(found.left_out) == 5


@pytest.mark.parametrize(
    ("folder", "labels", "label"),
    [
        ("cat", ("cat", "dog"), "cat"), ("Dog", ("cat", "dog"), "dog"), ("DOG", ("Cat", "Dog"), "Dog"),
        ("a", ("A", "a"), "a"), ("A", ("a", "A"), "A"), ("STRASSE", ("straße", "x"), "straße"),
        ("Maine Coon", ("Maine Coon", "dog"), "Maine Coon"), ("catdog", ("cat", "dog"), ""),
        ("2024/dog/cat", ("cat", "dog"), "dog"),
    ],
)  # fmt: skip
def test_known_labels_are_found_by_folder(tmp_path: Path, folder: str, labels: tuple[str, str], label: str) -> None:
    """Proves that the outermost folder named after a label counts, in any case, and the very same name wins."""
    found = read_labelled(write(tmp_path / "data", f"{folder}/cat.png"), labels)
    assert labelled(found) == {f"{folder}/cat.png": label}


def test_the_folder_itself_may_be_a_class(tmp_path: Path) -> None:
    """Proves that where no folder inside says the label, the folder that was named says it."""
    found = read_labelled(write(tmp_path / "Cat", "1.png", "deep/2.png"), LABELS)
    assert set(labelled(found).values()) == {"cat"}


def test_one_side_can_be_asked_for(tmp_path: Path) -> None:
    """Proves that the first side that is there is given, that the others are listed, and that no sides is all."""
    write(tmp_path, *(f"{side}/{label}/1.png" for side in ("train", "val") for label in LABELS))
    found = read_classes(tmp_path).on(Side.TEST, Side.VALIDATION)
    assert set(sided(found).values()) == {Side.VALIDATION}
    assert causes(found) == {"train/cat/1.png": Cause.NO_SIDE, "train/dog/1.png": Cause.NO_SIDE}
    shutil.rmtree(tmp_path / "val")
    assert len(read_classes(tmp_path / "train").on(Side.TEST).files) == 2
