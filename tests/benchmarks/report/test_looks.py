"""How plots show files and backends: names that tell them apart, and colours, markers and lines that stay."""

import json

import pytest

from benchmarks.report.looks import COLOURS, list_looks
from benchmarks.run.record import BenchmarkReport
from edge_runtime.backends import BACKENDS
from edge_runtime.bundle import FORMATS, Precision
from tests.benchmarks.conftest import GOLDEN


def report_of(*configurations):
    """A report that measured these: file, format, precision and backend of each."""
    values = json.loads(GOLDEN.read_text())
    model = values["measured"][0]
    keys = ("file", "format", "precision", "runtime")
    values["measured"] = [model | dict(zip(keys, configuration, strict=True)) for configuration in configurations]
    return BenchmarkReport.from_dict(values)


def test_looks_of_a_report():
    """Proves that colour, marker and line say precision, backend and format, for the files of a usual bundle."""
    looks = list_looks(
        report_of(
            ("a.tflite", "tflite", "int8", "litert"),
            ("b.onnx", "onnx", "int8", "onnxruntime"),
            ("c.tflite", "tflite", "float32", "litert"),
        )
    )
    assert looks["a.tflite", "litert"] == ("int8 tflite", "#3a9d5d", "o", "-")
    assert looks["b.onnx", "onnxruntime"] == ("int8 onnx", "#3a9d5d", "^", "--")
    assert looks["c.tflite", "litert"] == ("float32 tflite", "#4f86c6", "o", "-")


def test_the_backend_is_named_where_a_file_ran_with_two():
    """Proves that names are short where they can be, and that no two are equal, whichever backends ran."""
    looks = list_looks(
        report_of(
            ("a.tflite", "tflite", "int8", "litert"),
            ("a.tflite", "tflite", "int8", "tflite-runtime"),
            ("b.onnx", "onnx", "int8", "onnxruntime"),
        )
    )
    assert [look.name for look in looks.values()] == [
        "int8 tflite (litert)",
        "int8 tflite (tflite-runtime)",
        "int8 onnx",
    ]


def test_a_file_with_several_threads_has_one_look():
    """Proves that the number of threads is no part of a look."""
    same = ("a.tflite", "tflite", "int8", "litert")
    assert len(list_looks(report_of(same, same))) == 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_known_backend_looks_the_same_in_every_report(place):
    """Proves that two reports can be read side by side: the marker does not depend on what else was measured."""
    others = [("x", "tflite", "int8", "litert"), ("y", "strange", "int8", "stranger")]
    others.insert(place, ("b.onnx", "onnx", "float16", "onnxruntime"))
    looks = list_looks(report_of(*others))
    assert (
        looks["b.onnx", "onnxruntime"]
        == list_looks(report_of(("b.onnx", "onnx", "float16", "onnxruntime")))["b.onnx", "onnxruntime"]
    )


def test_what_this_version_does_not_know_is_drawn_too():
    """Proves that a report of a newer version, or of another's backend, has looks of its own."""
    looks = list_looks(
        report_of(
            ("a.tflite", "tflite", "int8", "litert"),
            ("b.new", "new", "int2", "newer"),
            ("c.other", "other", "int2", "another"),
        )
    )
    new, other = looks["b.new", "newer"], looks["c.other", "another"]
    assert new.name == "int2 new"
    assert new.colour not in COLOURS.values()
    assert len({look.marker for look in looks.values()}) == 3
    assert len({look.line for look in (looks["a.tflite", "litert"], new, other)}) == 3


def test_more_backends_than_markers_are_no_error():
    """Proves that the tables may grow: markers repeat when there are none left."""
    many = [(f"{number}.x", f"format {number}", "int8", f"backend {number}") for number in range(20)]
    looks = list_looks(report_of(*many))
    assert len(looks) == 20
    assert all(look.marker and look.line for look in looks.values())


def test_every_entry_of_the_tables_has_a_look_of_its_own():
    """Proves that each precision has a colour, each backend a marker and each format a line, no two alike."""
    assert set(COLOURS) == set(Precision)
    assert len(set(COLOURS.values())) == len(Precision)
    looks = list_looks(report_of(*((f"{name}.x", BACKENDS[name].format, "int8", name) for name in BACKENDS)))
    assert len({look.marker for look in looks.values()}) == len(BACKENDS)
    assert len({look.line for look in looks.values()}) == len(FORMATS)
