"""What report.json holds: figures drawn from samples, a round trip, and damage that is refused."""

import copy
import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.errors import BenchmarkError
from benchmarks.run.record import (
    REPORT,
    SCHEMA_VERSION,
    STAGES,
    STARTS,
    BenchmarkReport,
    Measured,
    read_report,
    to_json,
)
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

DOCS = Path(__file__).parents[3] / "docs"
ODD_TEXTS = ("a  b", "[ 1,  2 ]", "{x}", '"', "\\", "a\nb", "\t", "Käse", "\u2028", "\udce4", "]", "[\n 1\n]", "")


def read_back(report, folder):
    """Write a report and read it again."""
    (folder / REPORT).write_text(to_json(report), encoding="utf-8")
    return read_report(folder)


def rounded():
    """A full report whose times have no more decimals than its file keeps."""
    return full_report(measured=(timed(one_way(), [2.0, 2.25, 2.0625]), timed(one_way("float32"), [6.5] * 3)))


def changed(path, value):
    """Return the JSON object of a report with another value at a path of keys, or without it."""
    values = json.loads(to_json(full_report()))
    place = values
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return values


@pytest.mark.parametrize(("threads", "words"), [(1, "on 1 thread"), (2, "on 2 threads"), (16, "on 16 threads")])
def test_a_configuration_has_a_name_and_a_phrase(threads, words):
    """Proves that the name tells all that differs, and the phrase counts threads as people do."""
    what = one_way("int8", threads)
    assert what.name == f"model.int8.tflite litert {threads}"
    assert what.phrase() == f"model.int8.tflite with litert {words}"


def test_names_differ_where_anything_differs():
    """Proves that file, backend and threads are each in the name, so that no two configurations share one."""
    ways = [
        one_way(precision, threads, form=form, backend=backend)
        for precision in ("int8", "float32")
        for threads in (1, 2)
        for form, backend in (("tflite", "litert"), ("tflite", "tflite-runtime"), ("onnx", "onnxruntime"))
    ]
    assert len({what.name for what in ways}) == len(ways) == 12


def test_the_whole_way_is_the_sum_of_its_stages_round_by_round():
    """Proves that 1 ms to decode, 0.5 to preprocess and 2, 4 and 9 to infer are 3.5, 5.5 and 10.5 ms."""
    item = timed(one_way(), [2, 4, 9])
    assert item.total_ms == [3.5, 5.5, 10.5]
    assert (item.rounds, item.total.median_ms, item.total.count) == (3, 5.5, 3)
    assert item.stage("inference").median_ms == 4
    assert item.stage("decode").median_ms == 1
    assert item.pictures_per_second == pytest.approx(3000 / 19.5)  # of the mean, not of the median


def test_the_median_of_sums_is_not_the_sum_of_medians():
    """Proves that stages that take turns in being slow have the median 1 each, and the whole way 7."""
    item = timed(one_way(), [1.0, 1.0, 5.0])
    slow = {"decode": [5.0, 1.0, 1.0], "preprocess": [1.0, 5.0, 1.0], "inference": [1.0, 1.0, 5.0]}
    assert replace(item, stages_ms=slow).total.median_ms == 7


@pytest.mark.parametrize("stage", STAGES)
def test_stages_without_as_many_samples_are_refused(stage):
    """Proves that a stage with one sample fewer, none, or no key has no rounds that could be summed."""
    item = timed(one_way(), [2.0, 3.0])
    with pytest.raises(ValueError, match="as many of every stage"):
        replace(item, stages_ms=item.stages_ms | {stage: [1.0]})
    with pytest.raises(ValueError, match="samples of every start"):
        replace(item, stages_ms={name: [] for name in STAGES})
    with pytest.raises(KeyError):
        replace(item, stages_ms={name: [1.0] for name in STAGES if name != stage})


@pytest.mark.parametrize("start", STARTS)
def test_starts_without_samples_are_refused(start):
    """Proves that every start has at least one sample."""
    item = timed(one_way(), [2.0])
    with pytest.raises(ValueError, match="samples of every start"):
        replace(item, starts_ms=item.starts_ms | {start: []})


def test_figures_are_written_beside_the_samples():
    """Proves that a reader of the JSON finds the figures of the samples, to four decimals of a millisecond."""
    item = timed(one_way(), [2.00004, 2.00006, 7.0])
    values = item.to_dict()
    assert values["stages_ms"]["inference"] == [2.0, 2.0001, 7.0]
    assert values["latency"].keys() == {*STAGES, "total"}
    assert values["latency"]["total"]["median_ms"] == pytest.approx(3.50006)
    assert values["starts"]["cold_start"]["median_ms"] == 100
    assert values["pictures_per_second"] == item.pictures_per_second
    assert {"file", "format", "precision", "threads", "size_bytes", "steady_mib", "peak_mib"} <= values.keys()


def test_what_is_drawn_again_does_not_trust_the_figures():
    """Proves that figures in the file that do not fit the samples are not believed."""
    values = timed(one_way(), [2.0, 4.0, 6.0]).to_dict()
    values["latency"]["total"]["median_ms"] = 0.1
    assert Measured.from_dict(values).total.median_ms == 5.5


def test_a_report_comes_back_equal(tmp_path):
    """Proves that every field, tuples included, is what it was, when its times have four decimals."""
    report = rounded()
    assert read_back(report, tmp_path) == report
    assert read_report(tmp_path / REPORT) == report


@pytest.mark.parametrize(
    "changes",
    [
        {"accuracy": ()},
        {"accuracy": (without_keras(answers("int8")),)},
        {"accuracy": (without_labels(answers("int8")),), "pictures": PICTURES | {"targets": None}},
        {"complete": False, "invalid": ("too hot", "too loud")},
        {"left_out": (("model.onnx onnxruntime 4", "out of memory"),)},
        {"manifest_gates": {"model.int8.tflite": "passed"}},
        {"disagreements": (odd(label=None), odd(HOSTILE))},
        {"before": replace(QUIET, processor_s=None), "after": replace(QUIET, temperature_c={})},
        {"machine": MACHINE | {"board": "Raspberry Pi 5", "memory_mib": None}},
    ],
)
def test_every_kind_of_report_comes_back(tmp_path, changes):
    """Proves that reports without labels or Keras, stopped, invalid or with files left out come back equal."""
    report = replace(rounded(), **changes)
    assert read_back(report, tmp_path) == report


def test_memory_that_was_not_reached_stays_unknown(tmp_path):
    """Proves that None comes back as None, not as 0."""
    report = a_report(replace(timed(one_way(), [2.0]), steady_mib=None, peak_mib=None))
    assert read_back(report, tmp_path).measured[0].steady_mib is None


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ODD_TEXTS), st.sampled_from(ODD_TEXTS), st.text(max_size=20))
def test_names_come_back_letter_by_letter(first, second, third):
    """Proves that blanks, brackets and quotes in names are not touched by laying out the file."""
    report = rounded()
    texts = {
        "bundle": first,
        "labels": (first, second + "x", third + "y"),
        "left_out": ((first, second), (third, first)),
        "disagreements": (odd(first, second), odd(third)),
        "invalid": (third, second),
    }
    report = replace(report, **texts)
    assert BenchmarkReport.from_dict(json.loads(to_json(report))) == report


def test_samples_lie_on_one_line():
    """Proves that the file is read by people too: lists of numbers do not take a line for each."""
    text = to_json(full_report())
    assert '"inference": [ ' in text
    assert len(text.splitlines()) < 400
    assert text.endswith("}\n")
    assert max(len(line) for line in text.splitlines()) > 3000  # the answers


def test_a_number_that_json_does_not_know_is_not_written():
    """Proves that NaN and infinity, which strict readers refuse, are not written."""
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="JSON compliant"):
            to_json(full_report(max_drop=bad))


def test_it_fits_the_published_schema():
    """Proves that what the builders of these tests make is what the schema says, so they test the real thing."""
    schema = json.loads(next(DOCS.rglob("benchmark-report.schema.json")).read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(to_json(rounded())))


def test_the_report_in_the_documentation_can_be_read():
    """Proves that the measured report that is published is one, and its figures are those of its samples."""
    path = next(DOCS.rglob(REPORT))
    report = read_report(path)
    stored = json.loads(path.read_text())["measured"]
    for item, values in zip(report.measured, stored, strict=True):
        assert item.total.median_ms == pytest.approx(values["latency"]["total"]["median_ms"], abs=1e-3)
        assert item.total.p95_ms == pytest.approx(values["latency"]["total"]["p95_ms"], abs=1e-3)
    medians = [item.total.median_ms for item in report.measured]
    assert medians == sorted(medians)


DAMAGE = [
    (("bundle",), None),
    (("measured",), []),
    (("measured",), {}),
    (("measured",), 3),
    (("measured", 0), "int8"),
    (("measured", 0, "file"), None),
    (("measured", 0, "threads"), None),
    (("measured", 0, "size_bytes"), None),
    (("measured", 0, "stages_ms"), {}),
    (("measured", 0, "stages_ms", "decode"), None),
    (("measured", 0, "stages_ms", "decode"), [1.0]),
    (("measured", 0, "stages_ms", "inference"), []),
    (("measured", 1, "starts_ms", "load"), []),
    (("accuracy",), [{}]),
    (("accuracy", 0, "interval"), 0.5),
    (("accuracy", 0, "unknown"), 1),
    (("disagreements", 0, "scores"), None),
    (("left_out",), [["one"]]),
    (("machine",), {}),
    (("machine", "cores"), None),
    (("pictures", "targets"), None),
    (("pictures", "sha256"), None),
    (("before",), "fine"),
    (("before", "time"), None),
    (("after", "weather"), "rain"),
]


@pytest.mark.parametrize(("path", "value"), DAMAGE, ids=lambda part: str(part)[:40])
def test_damage_is_told_with_the_file_and_what_to_do(tmp_path, path, value):
    """Proves that whatever is missing or of another kind is an error when it is read, not a traceback later."""
    file = tmp_path / "some.json"
    file.write_text(json.dumps(changed(path, value)))
    with pytest.raises(BenchmarkError, match=r"some\.json: damaged .* Measure again"):
        read_report(file)


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, "1", None, 1.5, [1]])
def test_an_unknown_version_is_named(version):
    """Proves that a version that is not known is told before anything else is looked at."""
    with pytest.raises(BenchmarkError, match="schema version") as error:
        BenchmarkReport.from_dict({"schema_version": version})
    assert repr(version) in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b'{"schema_version": 99}'])
def test_what_is_no_report_is_one_line_with_its_name(tmp_path, content):
    """Proves that what is empty, cut, no object or not UTF-8 is an error that names the file."""
    file = tmp_path / "report.json"
    file.write_bytes(content)
    with pytest.raises(BenchmarkError, match=r"report\.json: ") as error:
        read_report(tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_report_says_how_to_make_one(tmp_path):
    """Proves that a folder without one and a path to nothing are named, with the command that writes one."""
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(BenchmarkError, match="catdog-bench run") as error:
            read_report(path)
        assert str(path) in str(error.value)


def test_answers_are_found_by_file_and_backend_whatever_the_threads():
    """Proves that one entry serves all numbers of threads; another backend with the same file has its own."""
    other = replace(answers("int8", wrong=5), **backend_field(answers("int8"), "tflite-runtime"))
    report = a_report(measured("int8", 2), accuracy=[answers("int8"), other])
    assert report.accuracy_of(one_way("int8", 1)).accuracy == 1
    assert report.accuracy_of(one_way("int8", 4)).accuracy == 1
    assert report.accuracy_of(one_way("int8", 1, backend="tflite-runtime")).accuracy == 0.995
    assert report.accuracy_of(one_way("float32")) is None
    assert report.accuracy_of(one_way(form="onnx")) is None


def backend_field(accuracy, name):
    """Return the field of answers that names the backend, with another value."""
    (field,) = (key for key, value in vars(accuracy).items() if value == "litert")
    return {field: name}


def test_a_report_of_nothing_is_refused():
    """Proves that nothing measured, and a machine or pictures without what readers need, are refused."""
    item = measured("int8", 2)
    with pytest.raises(ValueError, match="no configuration"):
        a_report()
    for changes, word in (({"machine": {}}, "cores"), ({"pictures": {"count": 3}}, "targets")):
        with pytest.raises(ValueError, match=word):
            a_report(item, **changes)


def test_writing_changes_nothing():
    """Proves that the report is the same after it has been written."""
    report = full_report()
    before = copy.deepcopy(report)
    to_json(report)
    assert report == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"schema_version": 2, "schema_version": 1}', "'schema_version' stands twice"),
        ('{"schema_version": NaN}', "NaN is no finite number"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_what_two_readers_read_in_two_ways_is_refused(tmp_path, text, words):
    """Proves that a report is read by the strict reader, and that deep nesting is one line."""
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(BenchmarkError, match=words) as caught:
        read_report(tmp_path)
    assert "\n" not in str(caught.value)
