"""The manifest: its bytes are pinned, and anything wrong in it is a BundleError."""

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bundle import (
    MANIFEST,
    TFLITE,
    Bundle,
    Manifest,
    ModelFile,
    Precision,
    SelfTestPicture,
    TensorInfo,
    read_bundle,
)
from edge_runtime.errors import BundleError
from edge_runtime.picture.preprocessing import Preprocessing

CONTENT = b"weights"
FILE = ModelFile(
    path="model_int8.tflite",
    format=TFLITE,
    precision=Precision.INT8,
    size_bytes=7,
    sha256="9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
    input=TensorInfo("image", "uint8", (1, 32, 64, 3), 1.0),
    output=TensorInfo("scores", "uint8", (1, 1), 0.00390625, 3),
    oldest_runtime="tflite-runtime 2.14",
    drift={"labels_changed": 0.01},
)
PICTURE = SelfTestPicture(
    path="selftest/cat-1.png",
    pixels_sha256="ad95131bc0b799c0b1af477fb14fcf26a6a9f76079e48bf090acb7e8367bfd0e",
    scores={FILE.path: (0.75, 0.25)},
)
PETS = Manifest(
    name="pets",
    labels=("cat", "dog"),
    preprocessing=Preprocessing(64, 32),
    files=(FILE,),
    training={"run": "first", "seed": 1},
    selftest=(PICTURE,),
    confidence_threshold=0.7,
)

GOLDEN = """\
{
  "name": "pets",
  "labels": [
    "cat",
    "dog"
  ],
  "preprocessing": {
    "width": 64,
    "height": 32,
    "resize_filter": "bilinear",
    "background": [
      255,
      255,
      255
    ],
    "version": 1
  },
  "files": [
    {
      "path": "model_int8.tflite",
      "format": "tflite",
      "precision": "int8",
      "size_bytes": 7,
      "sha256": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
      "input": {
        "name": "image",
        "dtype": "uint8",
        "shape": [
          1,
          32,
          64,
          3
        ],
        "scale": 1.0,
        "zero_point": 0
      },
      "output": {
        "name": "scores",
        "dtype": "uint8",
        "shape": [
          1,
          1
        ],
        "scale": 0.00390625,
        "zero_point": 3
      },
      "oldest_runtime": "tflite-runtime 2.14",
      "drift": {
        "labels_changed": 0.01
      },
      "interface": null
    }
  ],
  "training": {
    "run": "first",
    "seed": 1
  },
  "selftest": [
    {
      "path": "selftest/cat-1.png",
      "pixels_sha256": "ad95131bc0b799c0b1af477fb14fcf26a6a9f76079e48bf090acb7e8367bfd0e",
      "scores": {
        "model_int8.tflite": [
          0.75,
          0.25
        ]
      }
    }
  ],
  "confidence_threshold": 0.7,
  "extra": {},
  "label_thresholds": null,
  "schema_version": 3
}"""

WRONG = (None, True, False, 0, -1, 1.5, "", "text", "\0", [], [1], {}, {"a": 1}, [None], [[]], float("nan"), 10**30)


def write_manifest(folder: Path, text: str) -> Path:
    """Write a manifest's text into the folder and return the folder."""
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return folder


def places(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of keys to every value below `values`."""
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(path: tuple[Any, ...], *value: Any) -> str:
    """Return the manifest as JSON with another value at `path`, or without that key when no value is given."""
    values = copy.deepcopy(PETS.to_dict())
    parent = values
    for key in path[:-1]:
        parent = parent[key]
    if value:
        parent[path[-1]] = value[0]
    else:
        del parent[path[-1]]
    return json.dumps(values)


def test_manifest_is_pinned_by_its_bytes() -> None:
    """Proves that the layout of a manifest stays as it is. A change needs a new schema version."""
    assert json.dumps(PETS.to_dict(), indent=2) == GOLDEN


def test_round_trip(tmp_path: Path) -> None:
    """Proves that a manifest that is written and read again is equal, with the same types."""
    bundle = read_bundle(write_manifest(tmp_path, GOLDEN))
    read = bundle.manifest
    assert (bundle.folder, read) == (tmp_path, PETS)
    assert isinstance(read.files[0].precision, Precision)
    assert isinstance(read.labels, tuple)
    assert isinstance(read.files[0].input.shape, tuple)
    assert isinstance(read.selftest[0].scores[FILE.path], tuple)


def test_names_are_kept_in_any_script(tmp_path: Path) -> None:
    """Proves that labels outside ASCII are kept."""
    bundle = replace(PETS, labels=("貓", "pes œ"))
    text = json.dumps(bundle.to_dict(), ensure_ascii=False)
    assert read_bundle(write_manifest(tmp_path, text)).labels == ("貓", "pes œ")


@pytest.mark.parametrize("path", list(places(PETS.to_dict())), ids=str)
def test_any_other_value_anywhere_is_a_bundle_error(tmp_path: Path, path: tuple[Any, ...]) -> None:
    """Proves that a wrong type gives a BundleError or a usable bundle, at once and when its files are read."""
    for value in WRONG:
        folder = write_manifest(tmp_path, changed(path, value))
        try:
            bundle = read_bundle(folder)
            for file in bundle.files:
                bundle.read(file)
        except BundleError as error:
            assert str(folder) in str(error)  # noqa: PT017


@pytest.mark.parametrize("path", [path for path in places(PETS.to_dict()) if isinstance(path[-1], str)], ids=str)
def test_missing_key_is_refused(tmp_path: Path, path: tuple[Any, ...]) -> None:
    """Proves that no missing key takes a default. Only the content of `training` and `drift` is free."""
    folder = write_manifest(tmp_path, changed(path))
    if {"training", "drift"} & set(path[:-1]):
        assert read_bundle(folder).name == "pets"
    else:
        with pytest.raises(BundleError, match=path[-1]):
            read_bundle(folder)


@pytest.mark.parametrize("path", [("new",), ("files", 0, "new"), ("preprocessing", "new")], ids=str)
def test_unknown_key_is_refused(tmp_path: Path, path: tuple[Any, ...]) -> None:
    """Proves that a mistyped key outside `extra` is refused."""
    with pytest.raises(BundleError, match="new"):
        read_bundle(write_manifest(tmp_path, changed(path, 1)))


def test_extra_is_kept_and_ignored(tmp_path: Path) -> None:
    """Proves that anything in `extra` is read and written again, and changes nothing else."""
    extra = {"metadata": {"licence": "Apache-2.0"}, "targets": ["browser", 1, None]}
    read = read_bundle(write_manifest(tmp_path, changed(("extra",), extra)))
    assert read.manifest == replace(PETS, extra=extra)
    assert read.manifest.to_dict()["extra"] == extra


def as_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest as version 1 wrote it."""
    older = {key: value for key, value in values.items() if key not in ("extra", "label_thresholds")}
    files = [{key: value for key, value in file.items() if key != "interface"} for file in values["files"]]
    return older | {"files": files, "schema_version": 1}


def test_version_1_is_read_with_the_stated_defaults(tmp_path: Path) -> None:
    """Proves that a manifest of version 1 gives the same bundle with an empty `extra`."""
    text = json.dumps(as_version_1(PETS.to_dict()))
    assert read_bundle(write_manifest(tmp_path, text)).manifest == PETS


def test_version_1_has_no_key_of_version_2(tmp_path: Path) -> None:
    """Proves that a manifest of version 1 with a later key is refused, and that the error names the key."""
    text = json.dumps(as_version_1(PETS.to_dict()) | {"extra": {}})
    with pytest.raises(BundleError, match="version 1 has no key extra"):
        read_bundle(write_manifest(tmp_path, text))


def test_bundles_share_no_extra(tmp_path: Path) -> None:
    """Proves that each bundle gets a new object as the default of an added key."""
    folder = write_manifest(tmp_path, json.dumps(as_version_1(PETS.to_dict())))
    first, second = read_bundle(folder).manifest, read_bundle(folder).manifest
    first.extra["mine"] = 1
    assert second.extra == {}
    assert read_bundle(folder).manifest.extra == {}


@pytest.mark.parametrize("version", [4, 0, -1, "1", 1.0, True, None], ids=repr)
def test_unknown_schema_version_is_refused(tmp_path: Path, version: Any) -> None:
    """Proves that an unknown version is named before its unknown keys, with advice."""
    folder = write_manifest(tmp_path, json.dumps({"schema_version": version, "new_key": 1}))
    with pytest.raises(BundleError, match=r"schema version .* is unknown.*newer one"):
        read_bundle(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "5",
        '"text"',
        "{}",
        "\ufeff{}",
        '{"a": }',
        "[" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
        '{"half a character": "\\ud800"}',
        '{"long": 9223372036854775808}',
    ],
    ids=lambda text: text[:10],
)
def test_damaged_json_is_a_bundle_error(tmp_path: Path, text: str) -> None:
    """Proves that any damage to the JSON is a BundleError and no other exception."""
    with pytest.raises(BundleError, match=MANIFEST):
        read_bundle(write_manifest(tmp_path, text))


def test_manifest_that_is_not_utf8(tmp_path: Path) -> None:
    """Proves that bytes that are no UTF-8 are reported as a damaged manifest."""
    (tmp_path / MANIFEST).write_bytes(b'{"name": "\xff"}')
    with pytest.raises(BundleError, match="Export the bundle again"):
        read_bundle(tmp_path)


def test_places_without_a_manifest(tmp_path: Path) -> None:
    """Proves that a missing folder, an empty one, a file, and a folder named manifest.json give a clear error."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "odd" / MANIFEST).mkdir(parents=True)
    for folder in (tmp_path / "none", tmp_path, tmp_path / "file"):
        with pytest.raises(BundleError, match=r"no manifest.json there\. Make a bundle with: catdog-export"):
            read_bundle(folder)
    with pytest.raises(BundleError, match="cannot be read"):
        read_bundle(tmp_path / "odd")


@pytest.mark.parametrize("path", ["../x", "/abs", "a/b", "a\\b", "..\\x", "", ".", "..", "x/", "./x", "x/.."])
def test_path_out_of_the_bundle_is_refused(tmp_path: Path, path: str) -> None:
    """Proves that a manifest cannot make the device read a file outside the bundle."""
    with pytest.raises(BundleError, match="plain file name"):
        read_bundle(write_manifest(tmp_path, changed(("files", 0, "path"), path)))


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/selftest/x",
        "selftest",
        "selftest/",
        "selftest/..",
        "selftest/a/b",
        "selftest/../x",
        "other/x",
        "x",
    ],
)
def test_self_test_picture_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    """Proves that self-test pictures can lie only in the bundle's sub-folder for them."""
    with pytest.raises(BundleError, match="expected selftest/NAME, received"):
        read_bundle(write_manifest(tmp_path, changed(("selftest", 0, "path"), path)))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("confidence_threshold",), 1.01, "a number from 0 to 1, received 1.01"),
        (("confidence_threshold",), float("nan"), "NaN is no finite number"),
        (("selftest", 0, "scores"), {"other.tflite": [0.5, 0.5]}, "expected those of"),
        (("selftest", 0, "scores", FILE.path), [0.5], "a score for each of"),
        (("selftest", 0, "scores", FILE.path), [0.5, 1.5], "numbers from 0 to 1"),
        (("files", 0, "input", "shape"), [1, 0, 64, 3], "each positive or -1"),
        (("files", 0, "input", "shape"), [], "one or more sizes"),
        (("files", 0, "input", "dtype"), "text", "a NumPy type such as uint8, received 'text'"),
        (("files", 0, "output", "scale"), -1.0, "a number from 0 up"),
        (("files", 0, "output", "scale"), float("inf"), "Infinity is no finite number"),
        (("files", 0, "drift"), {"accuracy": float("nan")}, "NaN is no finite number"),
        (("files", 0, "drift"), {"accuracy": [float("-inf")]}, "-Infinity is no finite number"),
        (("files", 0, "size_bytes"), 2_000_000_001, "expected 0 to 2,000,000,000"),
        (("files", 0, "size_bytes"), -1, "expected 0 to 2,000,000,000"),
        (("name",), "pets\x1b[31m", "has control characters"),
        (("labels", 0), "c\nat", "has control characters"),
        (("labels", 0), "c\u202eat", "has control characters"),
        (("files", 0, "precision"), "int4", "'int4' is not a valid Precision"),
    ],
    ids=str,
)
def test_value_out_of_range_is_named(tmp_path: Path, path: tuple[Any, ...], value: Any, words: str) -> None:
    """Proves that impossible tensors, scores and thresholds are refused with what was expected instead."""
    with pytest.raises(BundleError, match=words):
        read_bundle(write_manifest(tmp_path, changed(path, value)))


def test_whole_numbers_count_as_numbers(tmp_path: Path) -> None:
    """Proves that a manifest reads the same after a tool has dropped `.0` from its numbers."""
    read = read_bundle(write_manifest(tmp_path, changed(("files", 0, "input", "scale"), 1)))
    assert read.manifest == PETS


def test_open_sizes_and_no_threshold_are_allowed(tmp_path: Path) -> None:
    """Proves that a free batch size, no self-test pictures and no threshold are allowed."""
    free = replace(FILE, input=replace(FILE.input, shape=(-1, 32, 64, 3)))
    bundle = replace(PETS, files=(free,), selftest=(), confidence_threshold=0.0)
    assert read_bundle(write_manifest(tmp_path, json.dumps(bundle.to_dict()))).manifest == bundle


@pytest.mark.parametrize("labels", [(), ("cat",), ("cat", "cat"), ("cat", ""), ("cat", 5), "ab"], ids=str)
def test_labels_must_be_two_or_more_different_words(labels: Any) -> None:
    """Proves that fewer than two labels and repeated labels are refused."""
    with pytest.raises(BundleError, match="labels"):
        replace(PETS, labels=labels)


def test_model_file_is_read_when_its_hash_fits(tmp_path: Path) -> None:
    """Proves that a model file with the right hash is returned whole."""
    (tmp_path / FILE.path).write_bytes(CONTENT)
    assert Bundle(tmp_path, PETS).read(FILE) == CONTENT


@pytest.mark.parametrize("content", [b"weightz", b"", b"weights and more"], ids=["changed", "empty", "longer"])
def test_changed_model_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Proves that a changed model file is refused."""
    (tmp_path / FILE.path).write_bytes(content)
    words = (
        r"expected SHA-256 9a129038d9a0\.\.\."
        if len(content) == 7
        else f"expected 7 bytes, received {len(content)}"
    )
    with pytest.raises(BundleError, match=rf"model_int8.tflite: not the file that was exported: {words}"):
        Bundle(tmp_path, PETS).read(FILE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipe_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """Proves that a pipe in place of a manifest or model file is refused at once."""
    os.mkfifo(tmp_path / FILE.path)
    with pytest.raises(BundleError, match="not a regular file"):
        Bundle(tmp_path, PETS).read(FILE)
    os.mkfifo(tmp_path / MANIFEST)
    with pytest.raises(BundleError, match="not a regular file"):
        read_bundle(tmp_path)


def test_endless_manifest_is_refused_unread(tmp_path: Path) -> None:
    """Proves that a manifest that is far too large is not read into memory."""
    (tmp_path / MANIFEST).touch()
    os.truncate(tmp_path / MANIFEST, 10_000_001)
    with pytest.raises(BundleError, match="too large: 10,000,001 bytes, at most 10,000,000"):
        read_bundle(tmp_path)


def test_missing_model_file_is_refused(tmp_path: Path) -> None:
    """Proves that a missing model file, or a folder in its place, is a BundleError that names the path."""
    with pytest.raises(BundleError, match=FILE.path):
        Bundle(tmp_path, PETS).read(FILE)
    (tmp_path / FILE.path).mkdir()
    with pytest.raises(BundleError, match=FILE.path):
        Bundle(tmp_path, PETS).read(FILE)
