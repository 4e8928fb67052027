"""Page, writer and readers of the run folder agree, and the bytes of version 1 stay readable."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from benchmarks.figures.conversion import _pictures
from edge_runtime.errors import CatdogError, RunFolderError
from edge_runtime.picture.contract import Preprocessing
from edge_runtime.run_folder import (
    HISTORY,
    METRICS,
    SCHEMA_VERSION,
    SPLITS,
    Epoch,
    LeftOutFile,
    Run,
    Side,
    SplitFile,
    Splits,
    read_history,
    read_run_folder,
    write_json,
)
from exporter.errors import SourceError
from exporter.source import read_source
from trainer.config import _CHOICES, _RANGES, TrainConfig
from trainer.data.dataset import Dataset
from trainer.earlier_run import read_teacher
from trainer.errors import RunError
from trainer.evaluation import Evaluation

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden_run")
PAGE = (ROOT / "docs/reference/run-folder.md").read_text(encoding="utf-8")
FILES = ("run.json", SPLITS, HISTORY, METRICS)


def section(heading: str) -> str:
    """Return the text below a heading of the page, up to the next heading."""
    assert PAGE.count(f"\n{heading}\n") == 1
    return re.split(r"\n##+ ", PAGE.partition(f"\n{heading}\n")[2])[0]


def names(record: type) -> list[str]:
    return [field.name for field in fields(record)]


def keys(place: object) -> list[str]:
    """Return every key of a JSON value, outermost first, but not those of maps that may have any key."""
    if isinstance(place, list):
        return [key for value in place for key in keys(value)]
    if not isinstance(place, dict):
        return []
    return [*place, *(key for name, value in place.items() if name not in OPEN for key in keys(value))]


OPEN = ("versions", "preprocessing", "per_class", "extra")

# The page

TABLES = {
    "## run.json": names(Run),
    "## splits.json": names(Splits),
    "### files": names(SplitFile),
    "### left_out": names(LeftOutFile),
    "## history.json": names(Epoch),
    "## metrics.json": ["kept_epoch", "test"],
    "### test": names(Evaluation),
    "## config.toml": names(TrainConfig),
}


@pytest.mark.parametrize("heading", TABLES)
def test_the_page_has_every_key_and_no_other(heading: str) -> None:
    """Proves that each table lists the fields of its record, in their order."""
    assert re.findall(r"^\| `(\w+)` \|", section(heading), re.MULTILINE) == TABLES[heading]


def test_no_table_of_the_page_is_left_out() -> None:
    """Proves that the list above has every table of keys on the page."""
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert rows == [key for table in TABLES.values() for key in table]


@pytest.mark.parametrize("record", [Run, Splits])
def test_the_page_states_each_default(record: type) -> None:
    """Proves that the page gives a default for each key that may be missing, and for no other."""
    table = section("## run.json" if record is Run else "## splits.json")
    for field in fields(record):
        (row,) = re.findall(rf"^\| `{field.name}` \|.*$", table, re.MULTILINE)
        has_default = field.default_factory is not MISSING
        assert ("default:" in row) == has_default, field.name


def test_the_page_states_the_version_and_the_closed_sets() -> None:
    """Proves that the page has the version, sides, choices, ranges and defaults of the code."""
    assert PAGE.startswith(f"# The run folder, version {SCHEMA_VERSION}\n")
    assert f"| `schema_version` | integer, {SCHEMA_VERSION} |" in PAGE
    (row,) = re.findall(r"^\| `side` \|.*$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == ["side", *Side]
    options = section("## config.toml")
    for name, choices in _CHOICES.items():
        assert f"| `{name}` | `{choices[0]}`" in options
        assert all(f"`{choice}`" in options for choice in choices)
    for name, low, high in _RANGES:
        (kind,) = re.findall(rf"^\| `{name}` \| ([^|]*) \|", options, re.MULTILINE)
        for bound in (low, high):
            told = (f"{bound:g}", f"{bound}", "1" if bound == 0.99999 else "", "more" if bound == 10**9 else "")
            assert any(text and text in kind for text in told), (name, bound, kind)
    for name, value in TrainConfig().to_dict().items():
        (told,) = re.findall(rf"^\| `{name}` \| [^|]* \| ([^|]*) \|", options, re.MULTILINE)
        assert told.strip("`") == {"": "empty", "True": "true", "False": "false"}.get(str(value), str(value)), name


def test_the_example_of_the_page_is_the_golden_folder() -> None:
    """Proves that the example on the page is the whole golden folder."""
    examples = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert [json.loads(example) for example in examples] == [
        json.loads((GOLDEN / name).read_bytes()) for name in FILES
    ]


def test_a_real_folder_is_laid_out_as_the_page_says(run_folder: Path) -> None:
    """Proves that the page names exactly the files of a real run folder."""
    layout = section("## The folder").partition("An export needs")[0]
    named = set(re.findall(r"[\w.]+\.(?:json|keras|toml|md|png)\b", layout))
    assert {path.name for path in run_folder.iterdir()} == named
    assert "tensorboard/" in layout


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_has_the_keys_of_the_golden_one(run_folder: Path, name: str) -> None:
    """Proves that the golden folder, which is invented, has the keys of a real one."""
    real, golden = (keys(json.loads((folder / name).read_text())) for folder in (run_folder, GOLDEN))
    expected = [
        key for key in dict.fromkeys(golden) if key != "reason" or key in real
    ]  # drawings are never left out
    assert list(dict.fromkeys(real)) == expected


# Version 1 for ever


def test_the_golden_folder_reads_back() -> None:
    """Proves that a run folder of version 1 is read with every value and with the right types."""
    found = read_run_folder(GOLDEN)
    versions = {"python": "3.11.7", "catdog-edge": "0.1.0", "keras": "3.15.1"}
    assert found.run == Run("pets", ("cat", "dog"), Preprocessing(64, 64), "report", "pictures", 0, versions)
    assert (found.run.schema_version, found.run.extra, found.splits.extra) == (1, {}, {})
    assert found.splits.folder == Path("/home/ada/pictures")
    assert [(file.path, file.side, file.label) for file in found.splits.files] == [
        ("Cat/0001.jpg", Side.TRAIN, "cat"),
        ("Dog/0001.jpg", Side.TRAIN, "dog"),
        ("Cat/0002.jpg", Side.VALIDATION, "cat"),
        ("Dog/0003.jpg", Side.TEST, "dog"),
    ]
    assert found.splits.left_out == (LeftOutFile("Dog/0002.jpg", "exact copy of Dog/0001.jpg"),)
    assert read_history(found)[1] == Epoch(0.52, 0.75, 0.55, 0.75, 4.25, 0.02)


def test_the_bytes_written_are_pinned(tmp_path: Path) -> None:
    """Proves that the writer writes exactly the bytes of version 1. A change needs a new version."""
    found = read_run_folder(GOLDEN)
    write_json(tmp_path / "run.json", found.run.to_dict())
    write_json(tmp_path / SPLITS, found.splits.to_dict())
    write_json(tmp_path / HISTORY, [epoch.to_dict() for epoch in read_history(found)])
    test = json.loads((GOLDEN / METRICS).read_text())["test"]
    write_json(tmp_path / METRICS, {"kept_epoch": 2, "test": Evaluation(**test).to_dict()})
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes(), name


# Every reader checks the version

READERS: dict[str, tuple[Callable[[Path, Dataset], object], type[CatdogError]]] = {
    "export": (lambda run, _: read_source(run), SourceError),
    "teacher": (lambda run, dataset: read_teacher(run, dataset, TrainConfig()), RunError),
    "conversion": (lambda run, _: _pictures(run, Preprocessing()), RunFolderError),
    "training speed": (lambda run, _: read_history(read_run_folder(run)), RunFolderError),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_a_newer_version(reader: str, tmp_path: Path) -> None:
    """Proves that no program reads a newer folder, and that each names the file and what to install."""
    read, error = READERS[reader]
    run = shutil.copytree(GOLDEN, tmp_path / "run")
    values = json.loads((run / "run.json").read_text()) | {"schema_version": SCHEMA_VERSION + 1}
    (run / "run.json").write_text(json.dumps(values))
    dataset = Dataset(tmp_path, ("cat", "dog"), dict.fromkeys(Side, ()), (), None)  # type: ignore[arg-type]
    with pytest.raises(error, match=rf"run\.json: schema version {SCHEMA_VERSION + 1} is unknown.* Install"):
        read(run, dataset)


def test_only_one_module_knows_the_files() -> None:
    """Proves that no other module opens run.json, splits.json, history.json or metrics.json by itself."""
    owner = Path("edge_runtime/run_folder.py")
    constant = Path("edge_runtime/folders.py")
    for package in ("edge_runtime", "trainer", "exporter", "benchmarks", "scripts"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if path.relative_to(ROOT) not in (owner, constant):
                assert not re.search(r'/ "(run|splits|history|metrics)\.json"', text), path


def test_what_a_training_writes_today_is_read(run_folder: Path) -> None:
    """Proves that the reader reads what the trainer writes now, with the epochs that were trained."""
    found = read_run_folder(run_folder)
    assert (found.run.name, found.run.seed, found.run.labels) == ("small", 0, ("cat", "dog"))
    assert {side: len(found.splits.on(side)) for side in Side} == {"train": 64, "validation": 32, "test": 32}
    assert all(found.splits.path(file).is_file() for file in found.splits.files)
    assert len(read_history(found)) == 2
    assert found.model_path.is_file()
