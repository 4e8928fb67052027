"""report.md and report.csv: figures in their cells, best ones in bold, and names that are not markup."""

import csv
import html
import io
import re
from dataclasses import replace

import markdown
import pytest

from benchmarks.report.plots import PLOTS
from benchmarks.report.recommendation import recommend
from benchmarks.report.report import SHOWN_DISAGREEMENTS, write_csv, write_report
from benchmarks.run.record import STAGES
from tests.benchmarks.records import (
    HOSTILE,
    MACHINE,
    PICTURES,
    QUIET,
    a_report,
    answers,
    full_report,
    measured,
    odd,
    one_way,
    timed,
    without_keras,
    without_labels,
)


def section(report, title):
    """Return the part of the Markdown under a heading."""
    return write_report(report).split(f"## {title}\n")[1].split("\n## ")[0]


def rows_of(text):
    """Return the cells of each row of the first table in a text, the header first."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[html.unescape(cell.strip()) for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set(row[-1]) <= set("-:")]


def column(text, name):
    """Return the cells of a column of the first table, without the header."""
    header, *rows = rows_of(text)
    return [row[header.index(name)] for row in rows]


def csv_rows(report):
    return list(csv.DictReader(io.StringIO(write_csv(report))))


def test_the_latency_table_has_every_figure():
    """Proves that each cell holds the statistic of its heading, to two decimals."""
    item = timed(one_way("int8", 2), [2, 3, 4, 5, 11])
    text = section(a_report(item), "Latency")
    total = item.total
    low, high = total.median_interval_ms
    for name, value in {
        "file": "`model.int8.tflite`",
        "threads": "2",
        "median": "**5.50**",
        "95 % interval": f"[{low:.2f}, {high:.2f}]",
        "p90": f"**{total.p90_ms:.2f}**",
        "p95": f"**{total.p95_ms:.2f}**",
        "p99": f"**{total.p99_ms:.2f}**",
        "mean": "**6.50**",
        "deviation": "**3.54**",
        "decode": "**1.00**",
        "preprocess": "**0.50**",
        "inference": "**4.00**",
        "pictures/s": "**154**",
    }.items():
        assert column(text, name) == [value], name


def test_the_best_value_of_each_column_is_bold():
    """Proves that the lower time and the higher rate are bold, and those that look the same alike."""
    fast, slow = timed(one_way("int8"), [2.0] * 6), timed(one_way("float32"), [6.0] * 6)
    text = section(a_report(fast, slow), "Latency")
    assert column(text, "median") == ["**3.50**", "7.50"]
    assert column(text, "pictures/s") == ["**286**", "133"]
    assert column(text, "decode") == ["**1.00**", "**1.00**"]
    alike = timed(one_way("float32"), [2.0001] * 6)
    assert column(section(a_report(fast, alike), "Latency"), "median") == ["**3.50**", "**3.50**"]


def test_rows_are_fastest_first():
    """Proves that the order is that of the medians, with one row for each number of threads."""
    items = [measured("float32", 6), measured("int8", 2), measured("int8", 1.5, threads=2)]
    text = section(a_report(*items), "Latency")
    assert list(zip(column(text, "file"), column(text, "threads"), strict=True)) == [
        ("`model.int8.tflite`", "2"),
        ("`model.int8.tflite`", "1"),
        ("`model.float32.tflite`", "1"),
    ]


def test_memory_size_and_starts_are_in_their_units():
    """Proves that bytes are shown in MB, that starts are medians, and that unknown memory is not 0."""
    item = replace(
        measured("int8", 2),
        size_bytes=1_234_567,
        starts_ms={
            "cold_start": [90.0, 100.0, 500.0],
            "load": [9.0, 10.0, 50.0],
            "first_inference": [1.0, 2.0, 9.0],
        },
    )
    other = replace(measured("float32", 6), steady_mib=None, peak_mib=None, size_bytes=4_000_000)
    text = section(a_report(item, other), "Start, memory and size")
    assert column(text, "size, MB") == ["**1.23**", "4.00"]
    assert column(text, "cold start, ms") == ["**100.0**", "**100.0**"]
    assert column(text, "load, ms") == ["**10.0**", "**10.0**"]
    assert column(text, "first inference, ms")[0] == "**2.0**"
    assert column(text, "steady, MiB") == ["**50**", "not measured"]
    assert column(text, "peak, MiB") == ["**60**", "not measured"]


def test_memory_that_nobody_knows_is_not_measured():
    """Proves that a column without a single figure has no best one."""
    item = replace(measured("int8", 2), steady_mib=None, peak_mib=None)
    assert column(section(a_report(item), "Start, memory and size"), "peak, MiB") == ["not measured"]


def test_the_accuracy_table_has_shares_and_differences():
    """Proves that three of 1,000 lost are 99.70 %, -0.30 points, and pass; the signs are written."""
    text = section(full_report(), "Accuracy")
    assert column(text, "accuracy") == ["99.70%", "**100.00%**"]
    assert column(text, "from Keras") == ["-0.30%", "+0.00%"]
    assert column(text, "agreement") == ["99.70%", "100.00%"]
    assert column(text, "gate") == ["passed", "passed"]
    assert column(text, "largest difference") == ["0.8", "0"]
    header, first, _ = rows_of(text)
    ends = [first[number] for number, name in enumerate(header) if name == "95 % interval"]
    assert ends[0].startswith("[99.1")
    assert re.fullmatch(r"\[-0\.\d\d%, \+0\.\d\d%\]", ends[1])


def test_without_keras_scores_nothing_is_claimed_of_a_difference():
    """Proves that accuracy is shown, and that the rest is unknown and not judged."""
    report = a_report(measured("int8", 2), accuracy=[without_keras(answers("int8"))])
    text = section(report, "Accuracy")
    assert column(text, "accuracy") == ["**100.00%**"]
    assert column(text, "from Keras") == ["unknown"]
    assert column(text, "gate") == ["not judged"]


def test_without_labels_or_answers_there_is_no_table():
    """Proves that both are said in words, differently, and that no plot of them is shown."""
    unknown = a_report(measured("int8", 2), accuracy=[without_labels(answers("int8"))])
    stopped = a_report(measured("int8", 2))
    assert "|" not in section(unknown, "Accuracy")
    assert "|" not in section(stopped, "Accuracy")
    assert section(unknown, "Accuracy") != section(stopped, "Accuracy")
    for report in (unknown, stopped):
        assert "confusion" not in write_report(report)


def test_every_plot_is_shown_once():
    """Proves that each plot's file is named, with its title for those who cannot see it."""
    text = write_report(full_report())
    for name, title in PLOTS.items():
        assert text.count(f"![{title}]({name}.png)") == 1


def test_disagreements_show_the_label_that_each_gives():
    """Proves that Keras says cat with 0.600 and the file dog with 0.750, and that the heading names both."""
    text = section(full_report(), "Pictures on which the files disagree")
    header, row = rows_of(text)
    assert header == ["picture", "label", "Keras", "int8.tflite litert"]
    assert row == ["`Cat/1.jpg`", "cat", "cat 0.600", "dog 0.750"]
    assert "1 of 1" in text


def test_a_label_that_nobody_knows_is_unknown():
    """Proves that a picture without a true label has a cell all the same."""
    text = section(full_report(disagreements=(odd(label=None),)), "Pictures on which the files disagree")
    assert column(text, "label") == ["unknown"]


def test_only_the_first_disagreements_are_shown():
    """Proves that of 50 so many are shown, the first ones, and that both numbers are told."""
    report = full_report(disagreements=tuple(odd(f"{number}.jpg") for number in range(50)))
    text = section(report, "Pictures on which the files disagree")
    assert column(text, "picture") == [f"`{number}.jpg`" for number in range(SHOWN_DISAGREEMENTS)]
    assert f"{SHOWN_DISAGREEMENTS} of 50" in text


def test_no_disagreement_is_not_the_same_as_none_measured():
    """Proves that a run that was stopped before it scored does not say that all files agree."""
    scored = section(full_report(disagreements=()), "Pictures on which the files disagree")
    stopped = section(a_report(measured("int8", 2)), "Pictures on which the files disagree")
    assert scored.strip() != stopped.strip()
    assert "None" in scored
    assert "None" not in stopped


def test_conditions_stand_side_by_side():
    """Proves that the state before and after are in columns of their own, with units."""
    after = replace(
        QUIET, load_1m=1.5, frequency_mhz=1200.0, temperature_c={"a": 80.25, "b": 41.0}, governor=("x", "y")
    )
    text = section(full_report(after=after), "Conditions")
    states = {row[0]: row[1:] for row in rows_of(text)[1:]}
    assert states["load of the last minute"] == ["0.25", "1.50"]
    assert states["frequency"] == ["2,400 MHz", "1,200 MHz"]
    assert states["temperature"] == ["48.5 °C", "80.2 °C, 41.0 °C"]
    assert states["governor"] == ["ondemand", "x, y"]
    assert states["throttled"] == ["no", "no"]
    assert "Cortex-A76, 4,096 MiB" in text
    assert "numpy 2.4.6" in text


def test_what_the_system_does_not_tell_is_unknown():
    """Proves that nothing is made up where there is no figure."""
    silent = replace(QUIET, governor=(), frequency_mhz=None, temperature_c={}, throttle_count=None)
    report = full_report(before=silent, after=silent, machine=MACHINE | {"memory_mib": None})
    text = section(report, "Conditions")
    states = {row[0]: row[1:] for row in rows_of(text)[1:]}
    for name in ("governor", "frequency", "temperature", "throttled"):
        assert states[name] == ["unknown", "unknown"]
    assert "MiB" not in text


def test_throttling_of_the_moment_is_named():
    """Proves that what slows a board down is shown by name, in the column of its moment."""
    text = section(full_report(after=replace(QUIET, throttled_now=("under-voltage", "throttled"))), "Conditions")
    assert {row[0]: row[1:] for row in rows_of(text)[1:]}["throttled"] == ["no", "under-voltage, throttled"]


def test_what_was_left_out_is_listed_with_its_reason():
    """Proves that each is a line of its own below the conditions."""
    text = section(full_report(left_out=(("a.onnx onnxruntime 1", "no memory"), ("b", "gone"))), "Conditions")
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(lines) == 2
    assert "a.onnx onnxruntime 1" in lines[0]
    assert "no memory" in lines[0]


def test_doubts_stand_under_the_title():
    """Proves that faults and an early end are said before any figure, once each."""
    text = write_report(full_report(invalid=("too hot", "too loud"), complete=False))
    head = text.split("## Latency")[0]
    assert head.count("> **Invalid:**") == 2
    assert head.count("> **Incomplete:**") == 1
    assert text.count("too hot") == text.count("too loud") == 1
    assert head.index("too hot") < head.index("Cortex-A76")
    calm = write_report(full_report())
    assert "**Invalid" not in calm
    assert "**Incomplete" not in calm


def test_the_answer_is_that_of_the_recommendation():
    """Proves that the page says what the command says, with its warnings."""
    report = full_report(accuracy=(answers("int8", wrong=60), answers("float32")))
    found = recommend(report)
    text = write_report(report)
    assert f"**{found.reason}**" in text
    assert f"- {found.warnings[0].text}" in text


def test_when_every_file_fails_the_report_is_written_all_the_same():
    """Proves that the error of the recommendation is its answer."""
    report = a_report(measured("int8", 2), accuracy=[answers("int8", wrong=60)])
    assert "**every file of pets failed the gate" in write_report(report)


def test_the_machine_and_the_rounds_are_told():
    """Proves that a board is preferred to its processor, and that rounds done and asked for are both there."""
    report = a_report(timed(one_way(), [2.0] * 7), machine=MACHINE | {"board": "Raspberry Pi 5"}, rounds=1000)
    line = next(line for line in write_report(report).splitlines() if line.startswith("Raspberry Pi 5"))
    for words in ("4 cores", "aarch64", "7 of 1,000 rounds", "1,000 of the 1,000 test pictures"):
        assert words in line


@pytest.mark.parametrize("where", ["label", "bundle", "picture", "processor", "left out", "line break"])
def test_names_of_somebody_else_are_not_markup(where):
    """Proves that marks of HTML, Markdown and tables in a name are shown and change no table."""
    changes = {
        "label": {"labels": (HOSTILE, "dog"), "disagreements": (odd(label=HOSTILE),)},
        "bundle": {"bundle": HOSTILE},
        "picture": {"disagreements": (odd(HOSTILE),)},
        "processor": {"machine": MACHINE | {"processor": HOSTILE}},
        "left out": {"left_out": ((HOSTILE, HOSTILE),)},
        "line break": {"disagreements": (odd("a\nb.jpg", "c\nd"),), "labels": ("c\nd", "dog")},
    }[where]
    report = full_report(**changes)
    shown = markdown.markdown(write_report(report), extensions=["tables"])
    plain = markdown.markdown(
        write_report(full_report(left_out=(("a", "b"),) * (where == "left out"))), extensions=["tables"]
    )
    for tag in ("<td", "<tr", "<table", "<b>", "<em>", "<strong>", "<a ", "<code>", "<img", "<li", "<p>"):
        assert shown.count(tag) == plain.count(tag), tag
    if where != "line break":
        assert HOSTILE in html.unescape(shown)


def test_a_name_that_is_not_utf8_can_be_written():
    """Proves that a picture from an old disk does not cost the report."""
    write_report(full_report(disagreements=(odd("b\udce4r.jpg"),))).encode("utf-8")


def test_csv_has_a_line_for_each_configuration():
    """Proves that the figures are those of the samples, unrounded, under names with their unit."""
    report = full_report()
    rows = csv_rows(report)
    assert [row["file"] for row in rows] == ["model.int8.tflite", "model.float32.tflite"]
    for row, item in zip(rows, report.measured, strict=True):
        low, high = item.total.median_interval_ms
        assert float(row["total_median_ms"]) == item.total.median_ms
        assert (float(row["total_median_low_ms"]), float(row["total_median_high_ms"])) == (low, high)
        assert float(row["total_standard_deviation_ms"]) == item.total.standard_deviation_ms
        assert float(row["pictures_per_second"]) == item.pictures_per_second
        for stage in STAGES:
            assert float(row[f"{stage}_p95_ms"]) == item.stage(stage).p95_ms
        assert (int(row["threads"]), int(row["size_bytes"])) == (1, 1_000_000)
        assert (float(row["cold_start_ms"]), float(row["load_ms"])) == (100, 10)
        assert (float(row["steady_mib"]), float(row["peak_mib"])) == (50, 60)
    assert [float(row["accuracy"]) for row in rows] == [0.997, 1]
    assert [float(row["difference_from_keras"]) for row in rows] == [-0.003, 0]
    assert [row["gate"] for row in rows] == ["passed", "passed"]


def test_csv_leaves_empty_what_is_not_known():
    """Proves that unknown memory, accuracy and difference are empty cells, not None and not 0."""
    item = replace(measured("int8", 2), steady_mib=None, peak_mib=None)
    for report in (
        a_report(item),
        a_report(item, accuracy=[without_labels(answers("int8"))], pictures=PICTURES | {"targets": None}),
    ):
        (row,) = csv_rows(report)
        assert {row[name] for name in ("steady_mib", "peak_mib", "accuracy", "difference_from_keras")} == {""}
        assert row["gate"] == "unknown"
        assert "None" not in write_csv(report)


def test_csv_of_a_single_round():
    """Proves that one round has figures and no spread."""
    (row,) = csv_rows(a_report(timed(one_way(), [2.0])))
    assert float(row["total_median_ms"]) == float(row["total_p99_ms"]) == 3.5
    assert float(row["total_standard_deviation_ms"]) == 0


def test_csv_has_unix_line_ends_and_a_header():
    """Proves that each line has as many cells, and that no name comes twice."""
    lines = write_csv(full_report()).split("\n")
    assert lines[-1] == ""
    assert "\r" not in "".join(lines)
    names = lines[0].split(",")
    assert len(set(names)) == len(names)
    assert {line.count(",") for line in lines[:-1]} == {len(names) - 1}
