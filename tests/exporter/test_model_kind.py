"""What a model file is, is told by its content, and of what is none the real reason comes first."""

import gzip
import json
import os
import pickle
import zipfile

import h5py
import pytest

from exporter.errors import SourceError
from exporter.model_kind import ModelKind, kind_of


def archive(path, *names):
    """Write a zip archive of empty files."""
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, "{}")


def hdf5(path, groups=(), attributes=()):
    """Write an HDF5 file."""
    with h5py.File(path, "w") as file:
        for name in groups:
            file.create_group(name)
        for name in attributes:
            file.attrs[name] = "{}"


KINDS = {
    "keras": (lambda path: archive(path, "config.json", "model.weights.h5"), ModelKind.KERAS),
    "h5": (lambda path: hdf5(path, ["model_weights"], ["model_config"]), ModelKind.HDF5),
    "tflite": (lambda path: path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(20)), ModelKind.TFLITE),
    "onnx": (lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch"), ModelKind.ONNX),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["model.keras", "model.bin", "model"])
def test_the_content_decides(tmp_path, kind, name):
    """Proves that a file is what it holds, whatever it is called."""
    write, expected = KINDS[kind]
    write(tmp_path / name)
    assert kind_of(tmp_path / name) is expected


def test_a_saved_model_is_a_folder(tmp_path):
    """Proves that a folder with saved_model.pb is a SavedModel."""
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert kind_of(tmp_path) is ModelKind.SAVED_MODEL


FILES = {
    "weights alone of Keras 3": (lambda path: hdf5(path, ["layers"]), "weights alone.*model.save"),
    "weights alone of Keras 2": (
        lambda path: hdf5(path, ["top_level_model_weights", "conv2d"]),
        "weights alone.*model.save",
    ),
    "another HDF5 file": (lambda path: hdf5(path, ["images"]), "no Keras model: it holds images"),
    "a PyTorch archive": (
        lambda path: archive(path, "model/data.pkl", "model/version"),
        "PyTorch.*torch.onnx.export",
    ),
    "a PyTorch pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1}, 2)), "PyTorch.*torch.onnx.export"),
    "a pointer of Git LFS": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
        "git lfs pull",
    ),
    "a web page": (lambda path: path.write_text("<!DOCTYPE html><html>sign in</html>"), "web page.*download"),
    "TensorFlow.js": (lambda path: path.write_text(json.dumps({"modelTopology": {}})), "TensorFlow.js"),
    "safetensors": (
        lambda path: path.write_bytes((20).to_bytes(8, "little") + b'{"a":{"dtype":"F32"}'),
        "safetensors",
    ),
    "packed": (lambda path: path.write_bytes(gzip.compress(b"model")), "gzip.*Unpack"),
    "an archive with a model": (lambda path: archive(path, "converted/model.tflite"), "Unpack it.*model.tflite"),
    "another archive": (lambda path: archive(path, "a.txt"), "no Keras model: it has no config.json"),
    "text": (lambda path: path.write_text("cat\ndog\n"), "is a text file"),
    "nothing": (lambda path: path.write_bytes(b""), "is empty"),
    "noise": (lambda path: path.write_bytes(bytes(range(200, 256)) * 9), "is not a Keras archive, or is damaged"),
    "a damaged archive": (lambda path: path.write_bytes(b"PK\x03\x04 nothing"), "archive is damaged"),
    "a damaged HDF5 file": (
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50)),
        "HDF5 file is damaged",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_the_real_reason_comes_first(tmp_path, name):
    """Proves that each file that is no model is one line with what it is and what to do."""
    write, message = FILES[name]
    write(tmp_path / "m.keras")
    with pytest.raises(SourceError, match=rf"m\.keras: .*{message}") as refused:
        kind_of(tmp_path / "m.keras")
    assert "\n" not in str(refused.value)


def test_a_mistyped_path_names_the_likely_one(tmp_path):
    """Proves that one wrong letter, and a wrong ending, lead to the file that is there."""
    (tmp_path / "keras_model.h5").write_bytes(b"x")
    for name in ("keras_modle.h5", "keras_model.keras"):
        with pytest.raises(SourceError, match=r"no such file\. Did you mean .*keras_model\.h5\?"):
            kind_of(tmp_path / name)
    with pytest.raises(SourceError, match=r"no such file. There is no folder"):
        kind_of(tmp_path / "nowhere" / "m.keras")


def test_folders_that_are_no_model(tmp_path):
    """Proves that a run, a bundle, a folder with a model in it and any other folder are told apart."""
    cases = {"run.json": "--run", "manifest.json": "is a bundle already", "m.tflite": "--model .*m.tflite"}
    for name, message in cases.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("{}")
        with pytest.raises(SourceError, match=message):
            kind_of(folder)
    (tmp_path / "other").mkdir()
    with pytest.raises(SourceError, match=r"without saved_model.pb"):
        kind_of(tmp_path / "other")


def test_a_pipe_is_not_read(tmp_path):
    """Proves that a pipe without a writer is refused at once."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="is a pipe or device"):
        kind_of(tmp_path / "pipe")
