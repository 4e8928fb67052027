"""Page, schema, writer and reader of the manifest agree, and the written bytes are pinned."""

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edge_runtime.bounded_file import MAX_PICTURE_BYTES
from edge_runtime.bundle import (
    FORMATS,
    MANIFEST,
    SELFTEST,
    TFLITE,
    Manifest,
    ModelFile,
    Precision,
    SelfTestPicture,
    TensorInfo,
    read_bundle,
)
from edge_runtime.bundle.folder import MAX_MANIFEST_BYTES
from edge_runtime.bundle.manifest import SCHEMA_VERSION
from edge_runtime.commands.selftest import TOLERANCE
from edge_runtime.errors import BundleError
from edge_runtime.picture.contract import MAX_PIXELS
from edge_runtime.picture.decoding import DECODER_BYTES, PLAIN_BYTES, SCANS_BYTES
from edge_runtime.picture.preprocessing import CONTRACT_VERSION, Preprocessing, ResizeFilter
from edge_runtime.picture.signatures import FORMATS as PICTURE_FORMATS
from edge_runtime.proof.drift import DriftReport
from edge_runtime.proof.gate import GateState, Verdict
from exporter.bundle_folder import _write_json
from exporter.export import export
from exporter.formats.conversion import plan_targets
from exporter.network.confidence import Temperature
from exporter.plan import ExportPlan
from exporter.source import read_source
from exporter.verification import Stability
from tests.exporter.conftest import Silent, Stages
from trainer.config import TrainConfig
from trainer.data.sample import write_sample
from trainer.run_folder import start_run
from trainer.training import train

ROOT = Path(__file__).parents[2]
GOLDEN_PATH = Path(__file__).with_name("golden_manifest_2.json")
PAGE = (ROOT / "docs/reference/manifest.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "docs/reference/manifest.schema.json").read_text(encoding="utf-8"))
DEFINED = SCHEMA["$defs"]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
INT8 = "model.int8.tflite"

Place = tuple[str | int, ...]


def drift_report(pictures: int, right: tuple[int, int], flips: tuple[int, int], **figures: Any) -> DriftReport:
    """Return a report of so many pictures; `right` by Keras and by the file, `flips` to wrong and to right."""
    return DriftReport(
        pictures=pictures,
        keras_accuracy=right[0] / pictures,
        accuracy=right[1] / pictures,
        difference=(right[1] - right[0]) / pictures,
        agreement=1 - sum(flips) / pictures,
        right_to_wrong=flips[0],
        wrong_to_right=flips[1],
        keras_calibration_error=0.021,
        keras_brier=0.145,
        **figures,
    )


def golden_manifest() -> Manifest:
    """Return an invented bundle. It consists of the exporter's own records where there are any."""
    whole = drift_report(
        1000, (905, 904), (3, 2), keras_interval=(0.8852, 0.9217), interval=(0.8842, 0.9207),
        difference_interval=(-0.007, 0.0046), mcnemar_p=1.0, mean_difference=0.0041, largest_difference=0.093,
        calibration_error=0.022, brier=0.146,
    )  # fmt: skip
    cat = drift_report(
        500, (450, 451), (1, 2), keras_interval=(0.8706, 0.9233), interval=(0.8728, 0.9251),
        difference_interval=(-0.0076, 0.0127), mcnemar_p=1.0, mean_difference=0.0043, largest_difference=0.093,
        calibration_error=0.023, brier=0.144,
    )  # fmt: skip
    dog = drift_report(
        500, (455, 453), (2, 0), keras_interval=(0.8817, 0.9321), interval=(0.8772, 0.9286),
        difference_interval=(-0.0145, 0.0037), mcnemar_p=0.5, mean_difference=0.0039, largest_difference=0.071,
        calibration_error=0.024, brier=0.148,
    )  # fmt: skip
    by_class = {"cat": cat.to_dict(), "dog": dog.to_dict()}
    drift = whole.to_dict() | {"by_class": by_class, "gate": Verdict(GateState.PASSED, 0.01).to_dict()}
    file = ModelFile(
        path=INT8,
        format=TFLITE,
        precision=Precision.INT8,
        size_bytes=219432,
        sha256="9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4",
        input=TensorInfo("image", "uint8", (1, 64, 64, 3), 1.0),
        output=TensorInfo("scores", "uint8", (1, 1), 0.00390625),
        oldest_runtime="tflite-runtime 2.14",
        drift=as_json(drift),
    )
    picture = SelfTestPicture(
        path=f"{SELFTEST}/palette.gif",
        pixels_sha256="989536ec174adcf83de720f16b7173cb8ed7a1f01103a67da130ce40995a35da",
        scores={INT8: (0.171875, 0.828125)},
    )
    return Manifest(
        name="pets",
        labels=("cat", "dog"),
        preprocessing=Preprocessing(64, 64),
        files=(file,),
        training=golden_training(),
        selftest=(picture,),
        confidence_threshold=0.7,
    )


def golden_training() -> dict[str, Any]:
    return {
        "name": "pets",
        "architecture": "report",
        "data": "pictures",
        "seed": 0,
        "versions": {"python": "3.11.7", "catdog-edge": "0.1.0", "keras": "3.15.1"},
        "data_sha256": "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7",
        "export_versions": {"python": "3.11.7", "catdog-edge": "0.1.0", "ai-edge-litert": "2.3.0"},
        "calibration": {"pictures": 256, "seed": 0, "folder": None},
        "stability": {INT8: asdict(Stability(1000, 0.995, 0.0046, 0.094))},
        "temperature": Temperature(1.25, 800).to_dict(),
        "folded": ["rescaling", "batch_normalization", "dropout"],
        "kept_float": {},
        "gate": "passed",
    }


def as_json(values: Any) -> Any:
    """Return values as they come back from JSON, with tuples as lists."""
    return json.loads(json.dumps(values))


GOLDEN = golden_manifest()
VALUES = GOLDEN.to_dict()
OPEN_KEYS = {"versions", "export_versions", "extra"}  # maps of any keys
FREE = {"drift", "training", "extra"}  # where the reader does not look


@pytest.fixture(scope="module")
def exported(tensorflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the int8 files of a report network after one epoch on 2 x 40 drawings."""
    root = tmp_path_factory.mktemp("manifest")
    data = write_sample(root / "drawn", count_per_class=40)
    config = TrainConfig(data=str(data), image_size=32, epochs=1, batch_size=8, test_fraction=0.3)
    start_run(root / "runs", "small", config)
    run, _ = train(config, "small", runs=root / "runs", observer=Silent(), cache=root / "cache")
    targets = plan_targets(tuple(FORMATS), (Precision.INT8,))
    plan = ExportPlan(targets, calibration_count=16, max_drop=1.0)
    return export(read_source(run), root / "bundles" / "small", plan, observer=Stages([])).folder


def places(values: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield every value with the keys that lead to it. The outermost value has none."""
    yield place, values
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        yield from places(value, (*place, key))


def damaged(place: Place, *value: Any) -> dict[str, Any]:
    """Return the golden manifest with another value at a place, or without that key if no value is given."""
    values: dict[str, Any] = copy.deepcopy(VALUES)
    parent: Any = values
    for key in place[:-1]:
        parent = parent[key]
    if value:
        parent[place[-1]] = value[0]
    else:
        del parent[place[-1]]
    return values


def with_file(path: str) -> dict[str, Any]:
    """Return the golden manifest with another path of its model file, also in the self-test scores."""
    values = damaged(("files", 0, "path"), path)
    values["selftest"][0]["scores"] = {path: values["selftest"][0]["scores"][INT8]}
    return values


def reader_refuses(values: Any, folder: Path) -> bool:
    (folder / MANIFEST).write_text(json.dumps(values), encoding="utf-8")
    try:
        read_bundle(folder)
    except BundleError:
        return True
    return False


def schema_refuses(values: Any) -> bool:
    return not VALIDATOR.is_valid(values)


def errors(values: Any) -> list[str]:
    return [f"{error.json_path}: {error.message:.200}" for error in VALIDATOR.iter_errors(values)]


def test_the_schema_is_a_schema() -> None:
    """Proves that the schema follows JSON Schema 2020-12, so that any tool can use it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


# The golden manifest and a real one


def test_the_bytes_written_are_pinned(tmp_path: Path) -> None:
    """Proves that the writer writes exactly the bytes of version 2. A change needs a new version."""
    _write_json(tmp_path / MANIFEST, GOLDEN.to_dict())
    assert (tmp_path / MANIFEST).read_bytes() == GOLDEN_PATH.read_bytes()


def test_the_golden_manifest_reads_back_equal(tmp_path: Path) -> None:
    """Proves that bundles of today stay readable, and that nothing is lost or changes its type."""
    (tmp_path / MANIFEST).write_bytes(GOLDEN_PATH.read_bytes())
    read = read_bundle(tmp_path).manifest
    assert read == GOLDEN
    assert read == Manifest.from_dict(json.loads(GOLDEN_PATH.read_bytes()))
    assert read.to_dict() == VALUES


def test_every_version_stays_readable(tmp_path: Path) -> None:
    """Proves that bundles of each version can be read. These files are never changed, and new ones are added."""
    paths = [ROOT / f"tests/contract/golden_manifest_{number}.json" for number in range(1, SCHEMA_VERSION + 1)]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in paths]
    assert digests == ["fe1ff028c8cdecea", "d7744bd59327e15a"]
    for path in paths:
        (tmp_path / MANIFEST).write_bytes(path.read_bytes())
        assert read_bundle(tmp_path).manifest == GOLDEN
        assert errors(json.loads(path.read_bytes())) == []


def test_a_real_manifest_follows_the_schema(exported: Path) -> None:
    """Proves that an export of a trained network follows the schema, and that the reader reads it."""
    text = (exported / MANIFEST).read_text(encoding="utf-8")
    values = json.loads(text)
    assert errors(values) == []
    assert text == json.dumps(Manifest.from_dict(values).to_dict(), indent=1) + "\n"
    assert [file["format"] for file in values["files"]] == ["tflite", "onnx"]
    assert set(values["training"]["stability"]) == {INT8, "model.int8.onnx"}


def test_a_real_manifest_has_the_keys_of_the_golden_one_in_their_order(exported: Path) -> None:
    """Proves that a real export has the keys of the golden manifest in the same order."""
    values = json.loads((exported / MANIFEST).read_text(encoding="utf-8"))
    of_files = {place: real for place, real in places(values) if place[:2] != ("files", 1)}
    maps = OPEN_KEYS | {"stability", "scores"}
    for place, golden in places(VALUES):
        if isinstance(golden, dict) and place[-1:] not in {(key,) for key in maps}:
            assert list(of_files[place]) == list(golden), place


def test_a_real_folder_is_laid_out_as_the_page_says(exported: Path) -> None:
    """Proves that the page names exactly the files of a real bundle."""
    layout = PAGE.partition("## The folder")[2].partition("`manifest.json`, the model files")[0]
    named = set(re.findall(r"[\w.-]+\.(?:json|csv|md|html|png|log|bin)\b", layout))
    found = {path.name for path in exported.iterdir()}
    assert {name for name in found if not name.startswith("model.") and name != SELFTEST} == named
    assert f"{SELFTEST}/" in layout


# The schema and the reader agree

BOTH_REFUSE: dict[str, tuple[Place, Any]] = {
    "unknown schema version": (("schema_version",), 3),
    "schema version 0": (("schema_version",), 0),
    "schema version as text": (("schema_version",), "1"),
    "schema version true": (("schema_version",), True),
    "unknown preprocessing version": (("preprocessing", "version"), 2),
    "unknown key": (("colour",), "red"),
    "unknown key of a file": (("files", 0, "colour"), "red"),
    "unknown key of a tensor": (("files", 0, "input", "colour"), "red"),
    "unknown key of the preprocessing": (("preprocessing", "colour"), "red"),
    "unknown key of a picture": (("selftest", 0, "colour"), "red"),
    "name no text": (("name",), 5),
    "no labels": (("labels",), []),
    "one label": (("labels",), ["cat"]),
    "labels that repeat": (("labels",), ["cat", "cat"]),
    "an empty label": (("labels",), ["cat", ""]),
    "a label no text": (("labels",), ["cat", 5]),
    "labels no list": (("labels",), "cat"),
    "a size that no file has": (("files", 0, "size_bytes"), -1),
    "a size that no device reads": (("files", 0, "size_bytes"), 2_000_000_001),
    "a label of two lines": (("labels", 0), "ca\nt"),
    "a name that turns the text": (("name",), "pets\u202e"),
    "a name with an escape sequence": (("name",), "pets\x1b[2J"),
    "threshold 2": (("confidence_threshold",), 2),
    "threshold below 0": (("confidence_threshold",), -0.1),
    "threshold as text": (("confidence_threshold",), "0.7"),
    "threshold null": (("confidence_threshold",), None),
    "threshold true": (("confidence_threshold",), True),
    "width 0": (("preprocessing", "width"), 0),
    "width 1025": (("preprocessing", "width"), 1025),
    "half a pixel": (("preprocessing", "height"), 64.5),
    "unknown filter": (("preprocessing", "resize_filter"), "nearest"),
    "background of two": (("preprocessing", "background"), [0, 0]),
    "background 256": (("preprocessing", "background"), [0, 0, 256]),
    "preprocessing null": (("preprocessing",), None),
    "files no list": (("files",), {}),
    "no files": (("files",), []),
    "file no object": (("files", 0), INT8),
    "unknown format": (("files", 0, "format"), "onnx2"),
    "unknown precision": (("files", 0, "precision"), "int4"),
    "size as text": (("files", 0, "size_bytes"), "219432"),
    "hash null": (("files", 0, "sha256"), None),
    "input null": (("files", 0, "input"), None),
    "oldest runtime null": (("files", 0, "oldest_runtime"), None),
    "drift no object": (("files", 0, "drift"), []),
    "training no object": (("training",), None),
    "no such type": (("files", 0, "input", "dtype"), "text"),
    "no sizes": (("files", 0, "input", "shape"), []),
    "size 0": (("files", 0, "input", "shape"), [1, 0, 64, 3]),
    "size -2": (("files", 0, "input", "shape"), [-2, 64, 64, 3]),
    "scale below 0": (("files", 0, "output", "scale"), -1.0),
    "zero point as text": (("files", 0, "output", "zero_point"), "0"),
    "pictures no list": (("selftest",), {}),
    "score above 1": (("selftest", 0, "scores", INT8), [0.5, 1.5]),
    "score below 0": (("selftest", 0, "scores", INT8), [-0.5, 1.0]),
    "score as text": (("selftest", 0, "scores", INT8), ["0.5", 0.5]),
    "score true": (("selftest", 0, "scores", INT8), [True, 0.0]),
    "one score": (("selftest", 0, "scores", INT8), [0.5]),
    "no scores": (("selftest", 0, "scores"), {}),
    "scores no object": (("selftest", 0, "scores"), [0.5, 0.5]),
    "a path no text": (("files", 0, "path"), 5),
}

READER_REFUSES_MORE: dict[str, tuple[Place, Any]] = {
    "version 2.0, an integer to JSON Schema": (("schema_version",), 2.0),
    "width 64.0, an integer to JSON Schema": (("preprocessing", "width"), 64.0),
    "size 219432.0, an integer to JSON Schema": (("files", 0, "size_bytes"), 219432.0),
    "scores of another file": (("selftest", 0, "scores"), {"other.tflite": [0.5, 0.5]}),
    "scores of one file too many": (
        ("selftest", 0, "scores"),
        {INT8: [0.5, 0.5], "other.tflite": [0.5, 0.5]},
    ),
    "a score too many": (("selftest", 0, "scores", INT8), [0.5, 0.25, 0.25]),
    "threshold NaN, which is no JSON": (("confidence_threshold",), float("nan")),
    "scale infinite, which is no JSON": (("files", 0, "input", "scale"), float("inf")),
}

SCHEMA_REFUSES_MORE: dict[str, tuple[Place, Any]] = {
    "empty name": (("name",), ""),
    "a size that no model has": (("files", 0, "size_bytes"), 0),
    "a hash that no file has": (("files", 0, "sha256"), "9372C4"),
    "a hash that no tensor has": (("selftest", 0, "pixels_sha256"), ""),
    "no drift": (("files", 0, "drift"), {}),
    "an accuracy in per cent": (("files", 0, "drift", "accuracy"), 90.4),
    "an interval of three": (("files", 0, "drift", "interval"), [0.1, 0.2, 0.3]),
    "an unknown figure": (("files", 0, "drift", "f1"), 0.9),
    "an unknown figure of a class": (("files", 0, "drift", "by_class", "cat", "gate"), {}),
    "no classes": (("files", 0, "drift", "by_class"), {}),
    "a failed file": (("files", 0, "drift", "gate", "state"), "failed"),
    "a failed bundle": (("training", "gate"), "failed"),
    "no training": (("training",), {}),
    "a seed below 0": (("training", "seed"), -1),
    "a version that is a number": (("training", "versions", "keras"), 3),
    "no calibration pictures": (("training", "calibration", "pictures"), 0),
    "stability of a path outside": (("training", "stability", "../x"), asdict(Stability(9, 1.0, 0.0, 0.0))),
    "temperature 0": (("training", "temperature", "value"), 0),
}


@pytest.mark.parametrize("damage", BOTH_REFUSE.values(), ids=BOTH_REFUSE)
def test_schema_and_reader_refuse_the_same(damage: tuple[Place, Any], tmp_path: Path) -> None:
    """Proves that schema and reader both refuse each of these faults."""
    values = damaged(*damage)
    assert schema_refuses(values)
    assert reader_refuses(values, tmp_path)


@pytest.mark.parametrize("path", ["model.tflite", "..x", "a b", "貓.onnx"])
def test_a_plain_name_is_a_path(path: str, tmp_path: Path) -> None:
    """Proves that the two tests below refuse their paths for no other reason."""
    assert errors(with_file(path)) == []
    assert not reader_refuses(with_file(path), tmp_path)


@pytest.mark.parametrize("path", ["../x", "/x", "a/b", "a\\b", "..\\x", "", ".", "..", "x/", "./x", "x/.."])
def test_a_model_file_outside_the_folder_is_refused(path: str, tmp_path: Path) -> None:
    """Proves that schema and reader refuse a manifest whose only fault is a model file outside the folder."""
    assert schema_refuses(with_file(path))
    assert reader_refuses(with_file(path), tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/selftest/x",
        "selftest",
        "selftest/",
        "selftest/..",
        "selftest/a/b",
        "selftest/a\\b",
        "other/x",
        "x",
    ],
)
def test_a_picture_outside_its_folder_is_refused(path: str, tmp_path: Path) -> None:
    """Proves that self-test pictures can lie only in the bundle's sub-folder for them."""
    values = damaged(("selftest", 0, "path"), path)
    assert schema_refuses(values)
    assert reader_refuses(values, tmp_path)


@pytest.mark.parametrize("damage", READER_REFUSES_MORE.values(), ids=READER_REFUSES_MORE)
def test_what_only_the_reader_refuses(damage: tuple[Place, Any], tmp_path: Path) -> None:
    """Proves that only the reader refuses these faults. JSON Schema cannot express them, or not as strictly."""
    values = damaged(*damage)
    assert not schema_refuses(values)
    assert reader_refuses(values, tmp_path)


@pytest.mark.parametrize("damage", SCHEMA_REFUSES_MORE.values(), ids=SCHEMA_REFUSES_MORE)
def test_what_only_the_schema_refuses(damage: tuple[Place, Any], tmp_path: Path) -> None:
    """Proves that the reader accepts these faults, because a device never uses the values."""
    values = damaged(*damage)
    assert schema_refuses(values)
    assert not reader_refuses(values, tmp_path)


def test_a_bundle_without_files_and_pictures_is_left_to_the_schema(tmp_path: Path) -> None:
    """Proves that the reader accepts an empty `files` only if no self-test picture has scores."""
    values = damaged(("files",), []) | {"selftest": []}
    assert schema_refuses(values)
    assert not reader_refuses(values, tmp_path)


@pytest.mark.parametrize("values", [[], None, 1, "text", {}], ids=repr)
def test_what_is_no_manifest_is_refused(values: Any, tmp_path: Path) -> None:
    """Proves that schema and reader refuse JSON that is no manifest."""
    assert schema_refuses(values)
    assert reader_refuses(values, tmp_path)


KEYS = [place for place, _ in places(VALUES) if place and isinstance(place[-1], str)]
OBJECTS = [place for place, value in places(VALUES) if isinstance(value, dict)]


@pytest.mark.parametrize("place", KEYS, ids=str)
def test_a_missing_key_is_refused(place: Place, tmp_path: Path) -> None:
    """Proves that no key may be missing, except in open maps. In drift and training only the schema checks."""
    values = damaged(place)
    is_open = place[-2:-1] and place[-2] in OPEN_KEYS | {"by_class", "stability"}
    assert schema_refuses(values) is not bool(is_open)
    assert reader_refuses(values, tmp_path) is not bool(FREE & set(place[:-1]))


@pytest.mark.parametrize("place", OBJECTS, ids=str)
def test_an_unknown_key_is_refused(place: Place, tmp_path: Path) -> None:
    """Proves that no object takes an unknown key. Maps of versions take any key."""
    values = damaged((*place, "unknown"), "1.0")
    assert schema_refuses(values) is not bool(OPEN_KEYS & set(place))
    assert reader_refuses(values, tmp_path) is not bool(FREE & set(place))


VALID: dict[str, tuple[Place, Any]] = {
    "threshold 0": (("confidence_threshold",), 0),
    "threshold 1": (("confidence_threshold",), 1),
    "an open batch": (("files", 0, "input", "shape"), [-1, 64, 64, 3]),
    "a scale without point": (("files", 0, "input", "scale"), 1),
    "labels of any script": (("labels",), ["貓", "pes œ"]),
    "an unknown oldest runtime": (("files", 0, "oldest_runtime"), ""),
    "a file name with dots and spaces": (("selftest", 0, "path"), "selftest/..cat 1..png"),
    "no self-test": (("selftest",), []),
    "a seed unknown": (("training", "seed"), None),
    "no stability": (("training", "stability"), {}),
}


@pytest.mark.parametrize("change", VALID.values(), ids=VALID)
def test_schema_and_reader_take_the_same(change: tuple[Place, Any], tmp_path: Path) -> None:
    """Proves that schema and reader accept values that are unusual but right."""
    values = damaged(*change)
    assert errors(values) == []
    assert not reader_refuses(values, tmp_path)


# The schema and the code name the same closed sets


def test_closed_sets_are_those_of_the_code() -> None:
    """Proves that the schema has every format, precision, filter, state and version of the code."""
    file, preprocessing = DEFINED["file"]["properties"], DEFINED["preprocessing"]["properties"]
    assert file["format"]["enum"] == list(FORMATS)
    assert file["precision"]["enum"] == list(Precision)
    assert preprocessing["resize_filter"]["enum"] == list(ResizeFilter)
    assert preprocessing["version"]["const"] == CONTRACT_VERSION
    assert SCHEMA["properties"]["schema_version"]["maximum"] == SCHEMA_VERSION
    assert DEFINED["gateState"]["enum"] == [state for state in GateState if state is not GateState.FAILED]


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (Preprocessing, "preprocessing"),
        (ModelFile, "file"),
        (TensorInfo, "tensor"),
        (SelfTestPicture, "picture"),
        (DriftReport, "figures"),
        (Verdict, "gate"),
        (Stability, "stability"),
    ],
)
def test_keys_are_the_fields_of_the_code(record: type, name: str) -> None:
    """Proves that an object has exactly the fields of its record, all required, in the order they are written."""
    names = [field.name for field in fields(record)]
    assert [*DEFINED[name]["properties"]] == DEFINED[name]["required"] == names


# The page

SECTIONS = {
    "## Top level": SCHEMA,
    "## preprocessing": DEFINED["preprocessing"],
    "## files": DEFINED["file"],
    "### input and output": DEFINED["tensor"],
    "### drift": {"properties": DEFINED["figures"]["properties"] | DEFINED["drift"]["properties"]},
    "### gate": DEFINED["gate"],
    "## training": DEFINED["training"],
    "### training.calibration": DEFINED["calibration"],
    "### training.stability": DEFINED["stability"],
    "### training.temperature": DEFINED["temperature"],
    "## selftest": DEFINED["picture"],
    "## extra": DEFINED["extra"],
    "### extra.features": DEFINED["features"],
    "### extra.taught": DEFINED["taught"],
    "### extra.taught.base": DEFINED["base"],
    "### extra.taught.held_out": DEFINED["heldOut"],
}


def section(heading: str) -> str:
    """Return the text below a heading of the page, up to the next heading."""
    assert PAGE.count(f"\n{heading}\n") == 1
    return re.split(r"\n##+ ", PAGE.partition(f"\n{heading}\n")[2])[0]


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_page_has_every_key_of_the_schema(heading: str) -> None:
    """Proves that the table of each object lists exactly its keys, in the order they are written."""
    rows = re.findall(r"^\| `(\w+)` \|", section(heading), re.MULTILINE)
    assert rows == list(SECTIONS[heading]["properties"])


def test_every_object_of_the_schema_has_a_table() -> None:
    """Proves that every object has a table on the page, so that every key is explained."""
    listed = {key for found in SECTIONS.values() for key in found["properties"]} | {"right", "rows", "taken"}
    objects = (value for _, value in places(SCHEMA) if isinstance(value, dict) and value.get("type") == "object")
    assert {key for found in objects for key in found.get("properties", {})} <= listed


def test_the_page_states_the_limits_of_the_code() -> None:
    """Proves that the page has the limits and closed sets of the code."""
    contract = section("## preprocessing")
    for cost in {PLAIN_BYTES, *SCANS_BYTES.values(), *DECODER_BYTES.values()}:
        assert f"{MAX_PIXELS * PLAIN_BYTES // cost:,}" in contract
    for kind in PICTURE_FORMATS:
        assert re.search(rf"\b{kind}\b", contract)
    assert f"{MAX_PICTURE_BYTES:,} bytes" in contract
    assert f"{MAX_MANIFEST_BYTES:,} bytes" in section("## Rules")
    for allowed in TOLERANCE.values():
        assert f"{allowed:g} in" in section("## selftest")
    for closed in (ResizeFilter, FORMATS, Precision):
        for member in closed:
            assert f"`{member}`" in PAGE


def test_the_example_of_the_page_is_the_golden_manifest() -> None:
    """Proves that the example on the page is valid, and that it is the golden manifest."""
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert errors(json.loads(example)) == []
    assert json.loads(example) == json.loads(GOLDEN_PATH.read_bytes())
