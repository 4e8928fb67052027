"""A run folder on disk is checked when it is read, and every fault is one error that names the file."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import RunFolderError
from edge_runtime.folders import RUN
from edge_runtime.picture.contract import Preprocessing
from edge_runtime.run_folder import (
    HISTORY,
    MODEL,
    SPLITS,
    Epoch,
    LeftOutFile,
    Run,
    Side,
    SplitFile,
    Splits,
    read_history,
    read_run_folder,
    read_splits,
    write_json,
)

EPOCH = Epoch(0.5, 0.75, 0.6, 0.7, 3.0, 0.01)
HASH = "0123456789abcdef" * 4
FILES = (
    SplitFile("Cat/1.jpg", Side.TRAIN, "cat", HASH, HASH),
    SplitFile("../other/\udcff.png", Side.TEST, "dog", HASH, HASH),  # a name that is no Unicode
    SplitFile("Dog/2.jpg", Side.TEST, "dog", HASH, HASH),
)

Place = tuple[str | int, ...]


def a_run(**changes: Any) -> Run:
    values = {
        "name": "pets",
        "labels": ("cat", "dog"),
        "preprocessing": Preprocessing(64, 48),
        "architecture": "compact",
        "data": "sample",
        "seed": 7,
        "versions": {"python": "3.11.7"},
    }
    return Run(**(values | changes))


def some_splits(**changes: Any) -> Splits:
    values = {
        "folder": Path("/data/pets"),
        "labels": ("cat", "dog"),
        "files": FILES,
        "left_out": (LeftOutFile("Cat/3.jpg", "not a picture"),),
    }
    return Splits(**(values | changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder without a network."""
    write_json(tmp_path / RUN, a_run().to_dict())
    write_json(tmp_path / SPLITS, some_splits().to_dict())
    write_json(tmp_path / HISTORY, [EPOCH.to_dict(), EPOCH.to_dict()])
    return tmp_path


def change(path: Path, place: Place, *value: Any) -> None:
    """Put another value at a place of a JSON file, or remove the key if no value is given."""
    values = json.loads(path.read_text())
    parent = values
    for key in place[:-1]:
        parent = parent[key]
    if value:
        parent[place[-1]] = value[0]
    else:
        del parent[place[-1]]
    path.write_text(json.dumps(values))


def test_what_is_written_is_read_back(folder: Path) -> None:
    """Proves that every value reads back with its type, also a file name that is not Unicode."""
    found = read_run_folder(folder)
    assert (found.run, found.splits) == (a_run(), some_splits())
    assert read_history(found) == (EPOCH, EPOCH)
    assert read_splits(folder) == some_splits()
    assert found.model_path == folder / MODEL
    assert type(found.splits.files[0].side) is Side


def test_sides_and_paths(folder: Path) -> None:
    """Proves that a side has its own pictures in the order of the file, and that paths start at the data folder."""
    splits = read_splits(folder)
    assert splits.on(Side.TEST) == FILES[1:]
    assert splits.on(Side.VALIDATION) == ()
    assert splits.path(FILES[0]) == Path("/data/pets/Cat/1.jpg")
    assert splits.path(FILES[1]) == Path("/data/pets/../other/\udcff.png")


@pytest.mark.parametrize("name", [RUN, SPLITS])
def test_extra_is_kept_and_written_again(folder: Path, name: str) -> None:
    """Proves that anything in `extra` is read and written again, and changes nothing else."""
    extra = {"camera": {"lens": [1, 2.5, None]}, "schema_version": 99}
    change(folder / name, ("extra",), extra)
    found = read_run_folder(folder)
    record = found.run if name == RUN else found.splits
    assert record.extra == extra
    assert record.to_dict()["extra"] == extra
    assert read_run_folder(folder).run.schema_version == 1


def test_an_empty_extra_is_not_written() -> None:
    """Proves that a folder without extra keys has the same bytes as before `extra` existed."""
    assert "extra" not in a_run().to_dict()
    assert "extra" not in some_splits().to_dict()
    assert next(iter(a_run().to_dict())) == "schema_version"


@pytest.mark.parametrize("version", [0, -1, 2, 99, "1", 1.0, True, None, [1]])
def test_unknown_versions_are_refused_first(folder: Path, version: Any) -> None:
    """Proves that an unknown version is refused before any key is checked, with what to install."""
    (folder / RUN).write_text(json.dumps({"schema_version": version, "new_key": 1}))
    with pytest.raises(RunFolderError, match=r"run\.json: schema version .* up to version 1\. Install"):
        read_run_folder(folder)


WRONG: dict[str, tuple[str, Place, Any]] = {
    "name a number": (RUN, ("name",), 5),
    "one label": (RUN, ("labels",), ["cat"]),
    "labels that repeat": (RUN, ("labels",), ["cat", "cat"]),
    "an empty label": (RUN, ("labels",), ["cat", ""]),
    "a label a list": (RUN, ("labels",), ["cat", ["dog"]]),
    "labels a text": (RUN, ("labels",), "cat dog"),
    "no preprocessing": (RUN, ("preprocessing",), {}),
    "preprocessing null": (RUN, ("preprocessing",), None),
    "width 0": (RUN, ("preprocessing", "width"), 0),
    "another contract": (RUN, ("preprocessing", "version"), 2),
    "architecture null": (RUN, ("architecture",), None),
    "data null": (RUN, ("data",), None),
    "seed below 0": (RUN, ("seed",), -1),
    "half a seed": (RUN, ("seed",), 0.5),
    "seed true": (RUN, ("seed",), True),
    "versions a list": (RUN, ("versions",), ["3.11"]),
    "a version a number": (RUN, ("versions", "python"), 3),
    "extra a text": (RUN, ("extra",), "more"),
    "unknown key": (RUN, ("colour",), "red"),
    "folder a number": (SPLITS, ("folder",), 5),
    "other labels": (SPLITS, ("labels",), ["cat", "cow"]),
    "files an object": (SPLITS, ("files",), {}),
    "a file a text": (SPLITS, ("files", 0), "Cat/1.jpg"),
    "a path a number": (SPLITS, ("files", 0, "path"), 1),
    "an unknown side": (SPLITS, ("files", 0, "side"), "exam"),
    "a side a list": (SPLITS, ("files", 0, "side"), ["train"]),
    "an unknown label": (SPLITS, ("files", 0, "label"), "cow"),
    "a label null": (SPLITS, ("files", 0, "label"), None),
    "a short hash": (SPLITS, ("files", 0, "sha256"), "abc"),
    "a hash in capitals": (SPLITS, ("files", 0, "sha256"), HASH.upper()),
    "a hash null": (SPLITS, ("files", 0, "difference_hash"), None),
    "unknown key of a file": (SPLITS, ("files", 0, "colour"), "red"),
    "left out an object": (SPLITS, ("left_out",), {}),
    "no reason": (SPLITS, ("left_out", 0, "reason"), None),
    "extra of splits a list": (SPLITS, ("extra",), []),
    "a loss a text": (HISTORY, (0, "loss"), "low"),
    "a loss true": (HISTORY, (0, "loss"), True),
    "an epoch a number": (HISTORY, (1,), 3),
    "unknown key of an epoch": (HISTORY, (1, "colour"), "red"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_values_are_one_error_that_names_the_file(folder: Path, case: str) -> None:
    """Proves that a wrong type and a value out of range are refused, and that the error names the file."""
    name, place, value = WRONG[case]
    change(folder / name, place, value)
    with pytest.raises(RunFolderError) as caught:
        read_history(read_run_folder(folder))
    assert name in str(caught.value)
    assert str(folder) in str(caught.value)
    assert str(caught.value).count("\n") == 0


KEYS: list[tuple[str, Place]] = [
    *((RUN, (key,)) for key in a_run().to_dict()),
    *((SPLITS, (key,)) for key in some_splits().to_dict()),
    *((SPLITS, ("files", 0, key)) for key in vars(FILES[0])),
    *((SPLITS, ("left_out", 0, key)) for key in ("path", "reason")),
    *((HISTORY, (1, key)) for key in EPOCH.to_dict()),
]


@pytest.mark.parametrize(("name", "place"), KEYS, ids=str)
def test_a_missing_key_is_named(folder: Path, name: str, place: Place) -> None:
    """Proves that only `extra` has a default, and that the error names any other missing key."""
    change(folder / name, place)
    with pytest.raises(RunFolderError, match=f"{place[-1]}' is missing|schema version None is unknown"):
        read_history(read_run_folder(folder))


@pytest.mark.parametrize("name", [RUN, SPLITS, HISTORY])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"5", b"null", b'"text"', b"[" * 100_000])
def test_a_damaged_file_is_one_error(folder: Path, name: str, content: bytes) -> None:
    """Proves that any damage to a file is our error with its path."""
    (folder / name).write_bytes(content)
    with pytest.raises(RunFolderError, match=name):
        read_history(read_run_folder(folder))


@pytest.mark.parametrize("name", [RUN, SPLITS, HISTORY])
def test_a_missing_file_means_no_finished_run(folder: Path, name: str) -> None:
    """Proves that the error names the folder, the missing file and the command that trains."""
    (folder / name).unlink()
    with pytest.raises(RunFolderError) as caught:
        read_history(read_run_folder(folder))
    assert str(caught.value) == (
        f"{folder}: no finished run there ({name} is missing). Train one with: catdog-train"
    )


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """Proves that a file in place of the folder, and a missing folder, give the same clear error."""
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / "absent"):
        with pytest.raises(RunFolderError, match="no finished run there"):
            read_run_folder(place)


def test_a_folder_in_the_place_of_a_file(folder: Path) -> None:
    """Proves that a file that the system refuses to read is our error too."""
    (folder / RUN).unlink()
    (folder / RUN).mkdir()
    with pytest.raises(RunFolderError, match=r"run\.json: cannot be read"):
        read_run_folder(folder)


def test_labels_of_both_files_must_agree(folder: Path) -> None:
    """Proves that a run.json beside the splits.json of another run is refused."""
    change(folder / RUN, ("labels",), ["dog", "cat"])
    with pytest.raises(RunFolderError, match=r"run\.json has the labels 'dog, cat', splits\.json has 'cat, dog'"):
        read_run_folder(folder)


def test_a_loss_that_is_no_number_is_read(folder: Path) -> None:
    """Proves that a run whose loss became NaN or infinite can be read, and that its file is JSON for all."""
    write_json(folder / HISTORY, [(Epoch(float("nan"), 0.5, float("inf"), 0.5, 1, 0)).to_dict()])
    assert json.loads((folder / HISTORY).read_text())[0]["loss"] is None
    (epoch,) = read_history(read_run_folder(folder))
    assert epoch.loss != epoch.loss
    assert epoch.validation_loss != epoch.validation_loss


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "a", "name": "b"}', "the key 'name' stands twice"),
        ('{"seed": NaN}', "NaN is no finite number"),
        ('{"seed": 1e999}', "1e999 is no finite number"),
        ('{"seed": ' + "1" * 5000 + "}", "the whole number 1{20}"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_what_two_readers_read_in_two_ways_is_refused(folder: Path, text: str, words: str) -> None:
    """Proves that each file of a run folder is read by the strict reader, with one line that names the file."""
    for name in (RUN, SPLITS):
        whole = (folder / name).read_text()
        (folder / name).write_text(text)
        with pytest.raises(RunFolderError, match=f"{name}: cannot be read .*{words}") as error:
            read_run_folder(folder)
        assert "\n" not in str(error.value)
        (folder / name).write_text(whole)


@pytest.mark.parametrize("odd", ["a\x1b[2J", "a\nb", "a\x85", "a\u2028", "a\u202eb", "\u2066a", "a\u200fb"])
def test_names_and_labels_can_be_printed(folder: Path, odd: str) -> None:
    """Proves that what is shown of a run holds no control character, line break or mark of direction."""
    change(folder / RUN, ("name",), odd)
    with pytest.raises(RunFolderError, match="name: expected no control characters"):
        read_run_folder(folder)
    change(folder / RUN, ("name",), "fine")
    change(folder / RUN, ("labels",), ["cat", odd])
    with pytest.raises(RunFolderError, match="labels: expected no control characters"):
        read_run_folder(folder)


def test_records_are_checked_where_they_are_made() -> None:
    """Proves that a wrong run cannot be written, because the records check themselves."""
    with pytest.raises(RunFolderError, match="two or more different labels"):
        a_run(labels=("cat",))
    with pytest.raises(RunFolderError, match="schema version 2 is unknown"):
        a_run(schema_version=2)
    with pytest.raises(RunFolderError, match="label: expected one of 'cat, dog'"):
        some_splits(files=(SplitFile("a", Side.TEST, "cow", HASH, HASH),))


def test_reading_changes_nothing_it_was_given() -> None:
    """Proves that a record does not share its lists with the values that it was read from."""
    values = some_splits().to_dict()
    before = copy.deepcopy(values)
    assert Splits.from_dict(values).to_dict() == before
    assert values == before


def test_the_module_is_light() -> None:
    """Proves that reading a run folder loads neither NumPy nor Pillow."""
    code = "import sys, edge_runtime.run_folder; print(sorted({'numpy', 'PIL', 'click'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "[]\n"
