"""A run folder is read whole or refused in one clear line."""

import json
import shutil

import numpy as np
import pytest

from edge_runtime.preprocessing import load_picture
from exporter.errors import SourceError
from exporter.keras_model import load_keras_model
from exporter.source import load_split_pictures, read_source


@pytest.fixture
def copy(run_folder, tmp_path):
    return shutil.copytree(run_folder, tmp_path / "run")


def test_reads_what_training_wrote(source):
    """Labels, preprocessing and the three sides come back, with files that are there."""
    assert source.labels == ("cat", "dog")
    assert (source.preprocessing.width, source.preprocessing.height) == (64, 64)
    assert {side: len(pictures) for side, pictures in source.sides.items()} == {
        "train": 48,
        "validation": 8,
        "test": 24,
    }


def test_pictures_are_those_of_the_runtime(source):
    """Pixels handed to converters are what the edge runtime makes of the same files."""
    pictures = source.sides["test"][:3]
    pixels, targets = load_split_pictures(pictures, source.preprocessing)
    for picture, loaded in zip(pictures, pixels, strict=True):
        np.testing.assert_array_equal(loaded, load_picture(picture.path, source.preprocessing))
    assert targets.tolist() == [picture.label for picture in pictures]


def test_no_run_there(tmp_path):
    """A folder without run.json names the command that makes one."""
    with pytest.raises(SourceError, match=r"no finished run there.*catdog-train"):
        read_source(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}'])
def test_damaged_run_json(copy, content):
    """Any damage to run.json is a SourceError that says what to do."""
    (copy / "run.json").write_text(content)
    with pytest.raises(SourceError, match=r"Train again|Install|install"):
        read_source(copy)


def test_changed_picture_is_refused(copy, source, tmp_path):
    """A file that is not the one trained on would make the comparison false."""
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


def test_model_that_does_not_match_its_labels(copy):
    """Three labels over one sigmoid output are refused before anything is converted."""
    run = json.loads((copy / "run.json").read_text())
    run["labels"] = ["cat", "dog", "hamster"]
    (copy / "run.json").write_text(json.dumps(run))
    with pytest.raises(SourceError, match="3 outputs for labels cat, dog, hamster"):
        load_keras_model(read_source(copy))


def test_damaged_model(copy):
    """A model file that Keras cannot read is named."""
    (copy / "model.keras").write_bytes(b"not a zip")
    with pytest.raises(SourceError, match=r"model\.keras: Keras cannot load it"):
        load_keras_model(read_source(copy))
