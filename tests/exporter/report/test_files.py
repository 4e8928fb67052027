"""The part of the report about the files: operators counted, layers in float named, what a repair cost."""

from dataclasses import replace

import numpy as np

from exporter.formats.layer_error import LayerError
from exporter.formats.operators import Graph, Operator
from exporter.report.files import describe_files
from tests.exporter.records import KERAS, TURNED, file_of, record_of


def rows(text: str, first: str) -> list[list[str]]:
    """Return the cells of the table's rows whose first cell begins so."""
    found = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines()]
    return [row for row in found if row[0].startswith(first)]


def test_the_table_of_precision_is_that_of_the_graph():
    """Proves that tensors, bytes of weights and operators in float are the graph's, with thousands in commas."""
    [row] = rows(describe_files(record_of(file_of("int8", KERAS))), "`model.int8")
    expected = ["uint8, uint8", "1 uint8, 3 int8, 1 float32", "1,200 int8", "1 of 3", "litert 2.0"]
    assert row == ["`model.int8.tflite`", *expected]


def test_an_unknown_oldest_backend_is_said_to_be_unknown():
    """Proves that a file without a tested release does not have an empty cell."""
    file = file_of("int8", KERAS)
    text = describe_files(record_of(replace(file, entry=replace(file.entry, oldest_runtime=""))))
    assert rows(text, "`model.int8")[0][-1] == "not known"


def test_operators_are_counted_by_kind_and_types():
    """Proves that two operators of one kind on other types have a row each."""
    text = describe_files(record_of(file_of("int8", KERAS)))
    assert "### Operators of `model.int8.tflite`\n" in text
    assert rows(text, "CONV_2D") == [["CONV_2D", "uint8", "int8", "1"], ["CONV_2D", "int8", "int8", "1"]]
    assert "- In float in `model.int8.tflite`: DEQUANTIZE (`scores`).\n" in text


def test_a_file_all_in_integers_has_nothing_in_float():
    """Proves that the line is there and says `nothing`."""
    file = file_of("int8", KERAS)
    graph = Graph((Operator("CONV_2D", "conv", ("int8",), ("int8",)),), {"int8": 2}, {})
    file = replace(file, converted=replace(file.converted, graph=graph))
    assert "- In float in `model.int8.tflite`: nothing.\n" in describe_files(record_of(file))


def test_float_files_have_no_list_of_operators():
    """Proves that only int8 and repaired files, where each operator matters, have one."""
    text = describe_files(record_of(file_of("float32", KERAS), file_of("dynamic", KERAS)))
    assert "Operators of" not in text
    assert "In float in" not in text


def test_a_repair_tells_its_cost():
    """Proves that the drop before, the layers kept, and size and time over those of the failed file are told."""
    failed = file_of("int8", TURNED)
    failed = replace(failed, entry=replace(failed.entry, size_bytes=1_000_000))
    kept = ("conv", "a;b/c")
    mixed = file_of("mixed", KERAS, repaired_from=failed, kept_float=kept, time_ratio=1.256)
    text = describe_files(record_of(mixed))
    assert "The gate failed `model.int8.tflite` at a difference of -75.00%." in text
    assert "\n\n- `conv`\n- `a;b/c`\n\n" in text
    assert "Size 1.50 times that of the failed file. Time 1.26 times." in text


def test_layers_are_listed_in_the_order_given():
    """Proves that each layer has its decibels, and one without any error says so and not `inf`."""
    errors = (LayerError("last", "Gemm", -6.04), LayerError("dead", "Conv", np.inf))
    record = replace(record_of(file_of("int8", TURNED)), layer_errors={"model.int8.tflite": errors})
    text = describe_files(record).split("### Layers of the failed `model.int8.tflite`, worst first\n")[1]
    assert rows(text, "`") == [["`last`", "Gemm", "-6.0 dB"], ["`dead`", "Conv", "no error"]]


def test_a_layer_of_any_name_is_shown():
    """Proves that a layer's name with bars or tags keeps its table, and the usual names are code as ever."""
    errors = (LayerError("a|<b>", "Conv", 3.0), LayerError("a/b;c", "Conv", 4.0))
    record = replace(record_of(file_of("int8", TURNED)), layer_errors={"model.int8.tflite": errors})
    text = describe_files(record).split("worst first\n")[1]
    assert "| <code>a&#124;&#60;b&#62;</code> | Conv | 3.0 dB |" in text
    assert "| `a/b;c` | Conv | 4.0 dB |" in text
