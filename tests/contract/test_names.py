"""Names that were made to harm pass through every output of the four packages and are shown.

A run is trained on folders and files with such names, exported, benchmarked and used. Then every page is opened in
a real Chromium.
"""

import csv
import io
import json
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import markdown
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.cli import main as bench
from benchmarks.report.page import write_page
from benchmarks.report.report import write_csv, write_report
from edge_runtime.bundle import TFLITE, Precision
from edge_runtime.camera.camera import Shot
from edge_runtime.camera.sighting import Sighting, Teller
from edge_runtime.cli import main as edge
from edge_runtime.html_page import html_page
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.run_folder import Side
from edge_runtime.visible_text import visible
from tests.benchmarks.records import a_report, full_report, odd
from tests.hostile import HIT, NAMES, PRINTABLE, needs_browser, opened, texts

pytestmark = pytest.mark.filterwarnings("ignore:Glyph", "ignore:__array__ implementation")
LABELS = (f'<img src=x onerror="{HIT}">', 'a`b|"$x$ 🐈')  # as folders can be called
BUNDLE = f"<script>{HIT}<script>|`"  # as an export can be called
FILES = (
    f"a`<img src=x onerror={HIT}>`1.png",
    "\x1b[31mred\x1b[0m\n| a | b |\r.png",
    "cat\u202egnp.exe.png",
    "=cmd|' '!A0.png",
    "$x$\"'.png",
    "long" * 50 + ".png",
    os.fsdecode(b"\xe4.png"),
)


@dataclass(frozen=True)
class Made:
    """What was made of the hostile folder: run, bundle and report, with what their makers know and printed."""

    data: Path
    run: Path
    config: Any
    evaluation: Any
    dataset: Any
    outcome: Any
    report: Path
    printed: str


@pytest.fixture(scope="module")
def made(tensorflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Train, export and benchmark."""
    from exporter.export import explain, export
    from exporter.formats.conversion import plan_targets
    from exporter.plan import ExportPlan
    from exporter.source import read_source
    from tests.exporter.conftest import Stages
    from tests.trainer.conftest import PLAN, SMALL, Silent, write_pets
    from trainer.config import TrainConfig
    from trainer.data.dataset import read_dataset
    from trainer.run_folder import start_run
    from trainer.training import train

    root = tmp_path_factory.mktemp("hostile")
    data = write_pets(root / "<b>data|`", *LABELS)
    for label in LABELS:
        for number, name in enumerate(FILES):
            (data / label / f"{number:03d}.png").rename(data / label / name)
        (data / label / f"broken{FILES[1]}").write_bytes(b"no picture")
    config = TrainConfig(str(data), image_size=32, epochs=1, batch_size=8,
                         validation_fraction=0.2, test_fraction=0.4)  # fmt: skip
    start_run(root / "runs", BUNDLE, config)
    run, evaluation = train(config, BUNDLE, runs=root / "runs", observer=Silent(), cache=root / "cache")
    dataset = read_dataset(data, SMALL, replace(PLAN, test_fraction=0.4), cache=root / "cache")
    targets = plan_targets((TFLITE,), (Precision.FLOAT32, Precision.INT8))
    plan = ExportPlan(targets, calibration_count=8, max_drop=1)
    outcome = export(read_source(run), root / "bundles" / BUNDLE, plan, observer=Stages([]))
    report = root / "reports" / BUNDLE
    done = CliRunner().invoke(
        bench, ["run", "--bundle", str(outcome.folder), "--data", str(data), "--out", str(report), "--rounds", "10",
                "--threads", "1"]
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    printed = done.output + "\n".join(explain(outcome))
    return Made(data, run, config, evaluation, dataset, outcome, report, printed)


def page_of(text: str, title: str = "x") -> str:
    """Return Markdown as a page, as a viewer of Markdown files makes it."""
    return html_page(title, "", markdown.markdown(text, extensions=["tables"]).replace("<img", "<i"))


@needs_browser
@pytest.mark.parametrize(
    ("view", "policy"), [("desktop-light", True), ("phone-light", True), ("desktop-dark", False)]
)
def test_the_page_of_an_export(made: Made, tmp_path: Path, view: str, policy: bool) -> None:
    """Proves that labels, bundle and layers are words on it, with its policy and without, wide and narrow."""
    page = (made.outcome.folder / "report.html").read_text(encoding="utf-8")
    with opened(page, tmp_path, view=view, policy=policy) as driver:
        assert driver.title == f"Export of {BUNDLE}: {made.outcome.state}"
        assert texts(driver, "h1") == [driver.title]
        assert set(LABELS) <= set(texts(driver, "td"))
        pictures = "return [...document.images].map(image => image.complete && image.naturalWidth > 100)"
        assert driver.execute_script(pictures) == [True, True]
        width = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        assert len(set(driver.execute_script(width))) == 1


@needs_browser
@pytest.mark.parametrize(
    ("view", "policy"), [("desktop-light", True), ("phone-light", True), ("desktop-dark", False)]
)
def test_the_page_of_a_benchmark(made: Made, tmp_path: Path, view: str, policy: bool) -> None:
    """Proves that bundle, labels and pictures are words on it, with its policy and without, wide and narrow."""
    page = (made.report / "report.html").read_text(encoding="utf-8")
    with opened(page, tmp_path, view=view, policy=policy) as driver:
        assert driver.title == f"Benchmark of {BUNDLE}"
        drawn = "".join(texts(driver, "svg"))
        assert all(label[:23] in drawn for label in LABELS)
        width = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        assert len(set(driver.execute_script(width))) == 1


@needs_browser
@pytest.mark.parametrize("policy", [True, False])
def test_every_name_on_the_page_of_a_benchmark(tmp_path: Path, policy: bool) -> None:
    """Proves that pictures and labels of any name are shown letter by letter in their cells."""
    report = full_report(
        bundle=NAMES[0],
        labels=NAMES[:2],
        disagreements=tuple(odd(name, name) for name in NAMES),
        left_out=tuple((name, name) for name in NAMES),
        invalid=NAMES,
    )
    page = write_page(report, data=None, preprocessing=Preprocessing(16, 16))
    with opened(page, tmp_path, policy=policy) as driver:
        found = texts(driver, "td")
        for name in NAMES:
            assert found.count(visible(name)) == 2, name
        assert [text for text in texts(driver, "li") if text.startswith("Not measured: ")] == [
            f"Not measured: {visible(name)}: {visible(name)}" for name in NAMES
        ]


@needs_browser
@pytest.mark.parametrize("policy", [True, False])
def test_every_name_in_the_reports_of_an_export(made: Made, tmp_path: Path, policy: bool) -> None:
    """Proves the same of labels, layers and operators, in the page and in the model card."""
    from exporter.report.model_card import write_model_card
    from exporter.report.page import write_html
    from exporter.report.plots import plot_differences, plot_reliability
    from exporter.report.report import write_report as write_export_report

    record, manifest = made.outcome.record, made.outcome.bundle
    file = record.files[0]
    graph = file.converted.graph
    operators = tuple(replace(graph.operators[0], kind=name, name=name) for name in NAMES)
    named = replace(
        file,
        entry=replace(file.entry, precision=Precision.MIXED),  # what a repaired file is
        converted=replace(file.converted, graph=replace(graph, operators=operators)),
        check=replace(file.check, by_class=dict.fromkeys(NAMES, next(iter(file.check.by_class.values())))),
        kept_float=NAMES,
        repaired_from=file,
        time_ratio=1.0,
    )
    folding = replace(record.folding, folded=NAMES, left=tuple((name, name) for name in NAMES))
    record = replace(record, files=(named,), folding=folding)
    for draw, name in ((plot_differences, "differences"), (plot_reliability, "reliability")):
        draw(record, tmp_path / f"{name}.png")
    for title in NAMES:
        manifest = replace(manifest, name=title)
        text = write_export_report(manifest, record)
        assert text.splitlines()[1] == ""
    page = write_html(text, tmp_path)
    with opened(page, tmp_path, policy=policy) as driver:
        found = texts(driver, "td")
        assert all(found.count(visible(name)) >= 2 for name in NAMES)
        assert [text for text in texts(driver, "li") if text.startswith("Not folded: ")] == [
            f"Not folded: {visible(name)}, {visible(name)}." for name in NAMES
        ]
    card = write_model_card(replace(manifest, labels=PRINTABLE, selftest=()), record)
    with opened(page_of(card), tmp_path, policy=policy) as driver:
        assert {visible(name).strip() for name in NAMES} <= {text.strip() for text in texts(driver, "td")}
        assert ", ".join(PRINTABLE) in "".join(texts(driver, "p"))


@needs_browser
@pytest.mark.parametrize("policy", [True, False])
def test_every_name_in_the_report_of_a_run(made: Made, tmp_path: Path, policy: bool) -> None:
    """Proves the same of the report of a training: its name, labels, files and options."""
    from edge_runtime.picture.left_out import Cause, LeftOut
    from tests.trainer.test_report import STATE
    from trainer.evaluation import evaluate_scores
    from trainer.report import write_report as write_run_report

    first = made.dataset.sides[Side.TRAIN][0]
    last = len(NAMES) - 1
    pictures = tuple(
        replace(first, path=f"../neither/{name}/{name}", label=last, row=row) for row, name in enumerate(NAMES)
    )
    sides = dict.fromkeys(Side, pictures)
    left_out = tuple(LeftOut(name, Cause.UNREADABLE, name) for name in NAMES)
    dataset = replace(made.dataset, labels=NAMES, sides=sides, left_out=left_out, neither=last)
    evaluation = evaluate_scores(np.eye(len(NAMES)), np.arange(len(NAMES)), NAMES)
    state = replace(STATE, suspects=tuple(range(len(NAMES))))
    for title in (*NAMES, BUNDLE):
        text = write_run_report(title, replace(made.config, data=title), dataset, state, evaluation)
        assert text.splitlines()[1] == ""
    real = (made.run / "report.md").read_text(encoding="utf-8")
    for report, names in ((text, NAMES), (real, LABELS)):
        with opened(page_of(report), tmp_path, policy=policy) as driver:
            assert texts(driver, "h1") == [f"Run {BUNDLE}"]
            found = texts(driver, "td, th")
            assert all(found.count(visible(name).strip()) + found.count(visible(name)) >= 2 for name in names)
            assert all(f"predicted {visible(name)}" in found for name in names)
            listed = texts(driver, "li")
            assert real == report or all(f"{visible(name)}: {visible(name)}" in listed for name in names)


@needs_browser
def test_the_policy_holds_where_an_escape_is_forgotten(tmp_path: Path) -> None:
    """Proves that a script, a handler and a picture of the network do nothing in a page of ours."""
    body = f"<script>{HIT}</script><img src=x onerror={HIT}><img src='http://127.0.0.1:9/x.png'><a href=#>x</a>"
    pytest.importorskip("selenium")
    from benchmarks.report.browser import VIEWS, open_page

    path = tmp_path / "page.html"
    for policy, hit in ((True, None), (False, 1)):
        page = html_page("x", "a { color: rgb(1, 2, 3) }", body)
        path.write_text(page if policy else page.replace("http-equiv", "name"), encoding="utf-8")
        with open_page(path, VIEWS["desktop-light"]) as driver:
            assert driver.execute_script("return window.hit") == hit
            colour = "return getComputedStyle(document.querySelector('a')).color"
            assert driver.execute_script(colour) == "rgb(1, 2, 3)"


def lines_of(*arguments: str) -> tuple[list[str], str]:
    """Run `catdog-edge` and return the lines for people or scripts on standard output, and standard error."""
    done = CliRunner().invoke(edge, list(arguments))
    assert done.exit_code in (0, 1), done.output
    return done.stdout.split("\n")[:-1], done.stderr


def pictures_of(made: Made) -> list[str]:
    return [str(made.data / LABELS[0] / name) for name in (*FILES, f"broken{FILES[1]}")]


def test_the_terminal_shows_each_name_on_its_line(made: Made) -> None:
    """Proves that classify, info and selftest print a line for each thing, and none that moves the cursor."""
    bundle = ("--bundle", str(made.outcome.folder))
    for arguments in (("classify", *pictures_of(made)), ("info",), ("selftest",)):
        lines, errors = lines_of(*arguments, *bundle)
        assert all(line == visible(line) for line in (*lines, *errors.splitlines()))
        if arguments[0] == "classify":
            assert len(lines) == len(FILES)
            assert all(line.startswith(visible(path)) for line, path in zip(lines, pictures_of(made), strict=False))
            assert f"error: {visible(pictures_of(made)[-1])}: " in errors
    assert all(line == visible(line) for line in made.printed.splitlines())
    for command in ("recommend", "compare"):
        done = CliRunner().invoke(bench, [command, *[str(made.report)] * (1 + (command == "compare"))])
        assert all(line == visible(line) for line in done.output.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_wrong_use_shows_what_was_typed_on_one_line(name: str) -> None:
    """Proves that the names of files that `*` stands for do nothing to the terminal when there are too many."""
    from exporter.cli import main as export
    from trainer.cli import main as train

    for command, arguments in ((train, []), (export, []), (edge, ["info"]), (bench, ["recommend", "a"])):
        done = CliRunner().invoke(command, [*arguments, "--", name])
        assert done.exit_code == 2
        lines = done.stderr.splitlines()
        assert len(lines) == 4
        assert lines[0].startswith("Usage: ")
        assert lines[-1] == f"Error: Got unexpected extra argument ({visible(name)})"


def test_scripts_get_every_character(made: Made) -> None:
    """Proves that JSON and CSV of classify, the files of a report and the scores of Keras give names back."""
    pictures, bundle = pictures_of(made), made.outcome.folder
    lines, _ = lines_of("classify", "--json", *pictures, "--bundle", str(bundle))
    assert [json.loads(line)["path"] for line in lines] == pictures
    assert tuple(json.loads(lines[0])["scores"]) == LABELS
    done = CliRunner().invoke(edge, ["classify", "--csv", *pictures, "--bundle", str(bundle)])
    header, *rows = csv.reader(io.StringIO(os.fsdecode(done.stdout_bytes), newline=""))
    assert tuple(header[-2:]) == LABELS
    assert [row[0] for row in rows] == pictures
    assert {row[1] for row in rows[:-1]} <= set(LABELS)
    shown, _ = lines_of("info", "--json", "--bundle", str(bundle))
    values = json.loads("\n".join(shown))
    assert (values["name"], tuple(values["labels"])) == (BUNDLE, LABELS)
    report = json.loads((made.report / "report.json").read_text(encoding="utf-8"))
    assert (report["bundle"], tuple(report["labels"])) == (BUNDLE, LABELS)
    with (bundle / "keras_scores.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header[2:]) == LABELS
    assert {row[1] for row in rows} == set(LABELS)


@pytest.mark.parametrize("name", NAMES)
def test_the_csv_of_a_benchmark_gives_a_name_back(name: str) -> None:
    """Proves that a model file of any name stays in its cell."""
    report = full_report()
    items = [replace(item, configuration=replace(item.configuration, file=name)) for item in report.measured]
    rows = list(csv.DictReader(io.StringIO(write_csv(a_report(*items)), newline="")))
    assert [row["file"] for row in rows] == [name] * 2
    assert write_report(a_report(*items)).count("\n# ") == 0


@pytest.mark.parametrize("name", NAMES)
def test_watch_tells_and_keeps_any_label(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that a sighting is one line for people, exact for scripts, and its frame a file in its folder."""
    pixels = Image.new("RGB", (8, 8))
    seen = Sighting("2026-01-02T03:04:05.678+00:00", 1, name, True, 0.9, {name: 0.9, "b": 0.1}, True, 1.0, 9.0, 0)
    shot = Shot(1, 0.0, np.asarray(pixels))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for as_json in (False, True):
        Teller(False, as_json, save=tmp_path / "frames").tell(seen, shot)
        captured = capsys.readouterr()
        (line,) = captured.out.splitlines()
        assert (json.loads(line)["label"] == name) if as_json else visible(name) in line
        assert line == visible(line)
        status = re.sub(r"\r|\x1b\[K", "", captured.err)
        assert status == visible(status)
    (kept,) = (tmp_path / "frames").iterdir()
    assert re.fullmatch(r"[\w.+-]+\.jpg", kept.name)
    assert kept.name == visible(kept.name)


def test_progress_of_a_training_names_files_on_one_line_each(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    """Proves that the files left out are named without a character that moves the cursor."""
    from trainer.progress import Progress

    Progress("compact").on_dataset(made.dataset)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 + len(LABELS)
    assert all(line == visible(line) for line in lines)
    assert sum(line.startswith("left out: ") and "red" in line for line in lines) == len(LABELS)


def test_plots_show_any_name(made: Made, tmp_path: Path) -> None:
    """Proves that no name stops a plot, becomes a formula or makes the plot larger than can be read."""
    from trainer.evaluation import evaluate_scores
    from trainer.plots import plot_confusion, plot_mistakes

    plot_confusion(evaluate_scores(np.eye(len(NAMES)), np.arange(len(NAMES)), NAMES), NAMES, tmp_path / "c.png")
    sides = {Side.TEST: tuple(replace(made.dataset.sides[Side.TEST][0], path=name) for name in NAMES)}
    dataset = replace(made.dataset, sides=sides, labels=NAMES)
    plot_mistakes(dataset, [(index, index, 0.9) for index in range(len(NAMES))], tmp_path / "m.png")
    for path in (
        tmp_path / "c.png",
        tmp_path / "m.png",
        *made.run.glob("*.png"),
        *made.outcome.folder.glob("*.png"),
    ):
        with Image.open(path) as picture:
            assert max(picture.size) < 4000
    kept = os.environ.get("KEEP_PAGES")
    if kept:
        for path in (tmp_path / "c.png", tmp_path / "m.png", *made.run.glob("*.png")):
            shutil.copy(path, kept)
        shutil.copy(made.outcome.folder / "report.html", f"{kept}/export.html")
        shutil.copy(made.report / "report.html", f"{kept}/bench.html")


RESERVED = ("error", "label", "path", "sha256", "confidence", "accuracy", "macro avg", "neither", "猫")  # as labels


def test_labels_that_are_called_like_a_column(tmp_path: Path) -> None:
    """Proves that no figure of such a label is lost or takes the place of another in CSV, JSON or metrics."""
    from edge_runtime.bundle.keras_scores import read_keras_scores, write_keras_scores
    from edge_runtime.classifier import Prediction
    from edge_runtime.commands.results import COLUMNS, CsvFormat, JsonFormat
    from trainer.evaluation import evaluate_scores

    scores = {label: (number + 1) / 45 for number, label in enumerate(RESERVED)}
    answer = Prediction("猫", scores["猫"], True, scores, 1.0, 1.0, 1.0)
    form = CsvFormat(RESERVED)
    header, row = csv.reader([form.header(), form.line("a.jpg", answer)])
    assert len(set(header)) == len(header)
    assert header[: len(COLUMNS)] == list(COLUMNS)
    found = dict(zip(header, row, strict=True))
    assert (found["path"], found["label"], found["error"]) == ("a.jpg", "猫", "")
    assert float(found["score_error"]) == pytest.approx(scores["error"], abs=1e-6)
    assert json.loads(JsonFormat().line("a.jpg", answer))["scores"].keys() == scores.keys()

    rows = np.eye(len(RESERVED))
    write_keras_scores(tmp_path, RESERVED, [(f"{n:064x}", n) for n in range(len(RESERVED))], rows)
    read = read_keras_scores(tmp_path, RESERVED)
    assert [read[f"{n:064x}"].scores[n] for n in range(len(RESERVED))] == [1.0] * len(RESERVED)
    first = (tmp_path / "keras_scores.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert len(set(first)) == len(first)

    figures = evaluate_scores(rows, np.arange(len(RESERVED)), RESERVED).per_class
    assert list(figures) == [*RESERVED, "weighted avg"]


@pytest.mark.parametrize("name", PRINTABLE)
def test_a_label_is_one_row_of_each_report(name: str) -> None:
    """Proves that the tables of a training's report and its warnings have a label as a word, whatever it is."""
    from trainer.checkpoint import FitState
    from trainer.evaluation import evaluate_scores
    from trainer.report import _class_table, _confusion_table, _warnings

    labels = (name, "dog")
    found = evaluate_scores(np.eye(2)[[0, 0, 0, 0]], np.array([0, 0, 1, 1]), labels)
    for text in (_class_table(found), _confusion_table(found, labels), _warnings(found, FitState())):
        page = page_of(text)
        assert "<b" not in page.replace("<b>", "").replace("<body", "").replace("<blockquote", "")
        assert all(tag not in page for tag in ("<img", "<svg", "<script"))
    rows = _class_table(found).splitlines()
    assert len(rows) == 2 + 2 + 2
