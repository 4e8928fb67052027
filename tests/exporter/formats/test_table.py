"""The table of formats: each under its own name, run by a backend that loads it, and never another in its place."""

import pytest

from edge_runtime.backends import BACKENDS
from edge_runtime.bundle import FORMATS as RUNTIME_FORMATS
from edge_runtime.bundle import Precision
from exporter.errors import ConversionError
from exporter.formats.conversion import ExportTarget
from exporter.formats.table import FORMATS, format_named


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_found_by_its_own_name(name):
    """Proves that the key in the table is the name in the entry, which manifests use."""
    assert format_named(name).name == name


def test_an_unknown_name_lists_the_known():
    """Proves that a wrong name is refused with the right ones."""
    with pytest.raises(ConversionError, match=r"format 'TFLite' is unknown: expected tflite, onnx$"):
        format_named("TFLite")


@pytest.mark.parametrize("use", [format_named, lambda name: ExportTarget(name, Precision.INT8)])
def test_an_unknown_format_is_refused(use):
    """Proves that no format is ever taken for another, and that the error names the known ones."""
    with pytest.raises(ConversionError, match="format 'weights' is unknown: expected tflite, onnx"):
        use("weights")


def test_the_tables_of_exporter_and_runtime_agree():
    """Proves that the formats that are written are those that are run, each judged by a backend that loads it."""
    assert list(FORMATS) == list(RUNTIME_FORMATS)
    assert {name: BACKENDS[made.backend].format for name, made in FORMATS.items()} == {
        name: name for name in FORMATS
    }


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_named_by_its_precision_and_format(name):
    """Proves that no two files of an export have one name, and that a name tells what the file is."""
    names = {precision: ExportTarget(name, precision).file_name for precision in Precision}
    assert len(set(names.values())) == len(Precision)
    assert names[Precision.INT8] == f"model.int8{RUNTIME_FORMATS[name].suffix}"
