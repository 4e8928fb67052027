"""A converter makes what is asked for, each float32 file once, and refuses int8 that is none."""

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.bundle import Precision
from exporter.errors import ConversionError, FloatOperatorsError
from exporter.formats.conversion import Converter, ExportTarget, plan_targets
from exporter.formats.operators import Graph, Operator
from exporter.formats.table import FORMATS, TFLITE_FILES
from tests.exporter.conftest import file_scores, target
from tests.exporter.idioms import stripes

PICTURES = np.arange(4 * 4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 4, 3)
INTEGER = Graph((Operator("CONV", "conv", ("int8",), ("int8",)),), {"int8": 2}, {})


@pytest.fixture
def asked(monkeypatch) -> list[tuple]:
    """A format `spy` that makes files of words; what it was asked for, in order."""
    calls: list[tuple] = []

    def convert(model) -> bytes:
        calls.append(("float32", model))
        return b"float32"

    def int8(float32, calibration, *, keep_float=()) -> bytes:
        calls.append(("int8", float32, calibration.tolist(), keep_float))
        return b"int8 without " + ",".join(keep_float).encode()

    made = replace(
        TFLITE_FILES,
        name="spy",
        convert=convert,
        read_graph=lambda content: INTEGER,
        float16=lambda float32: float32 + b" halved",
        dynamic=None,
        int8=int8,
        layer_errors=None,
    )
    monkeypatch.setitem(FORMATS, "spy", made)
    return calls


def test_the_float32_file_is_made_once(asked):
    """Proves that four files need one conversion, which takes minutes with a large network."""
    converter = Converter("the model", PICTURES)
    for precision in ("float32", "float16", "int8", "int8"):
        converter.convert(spy(precision))
    assert [call for call in asked if call[0] == "float32"] == [("float32", "the model")]


def spy(precision: str) -> ExportTarget:
    """Return a target of the format that is watched; its files have no ending of their own."""
    return ExportTarget("spy", Precision(precision))


@pytest.fixture(autouse=True)
def named(monkeypatch):
    """Let the runtime know the format too, for the names of files."""
    from edge_runtime.bundle import FORMATS as RUNTIME_FORMATS
    from edge_runtime.bundle import ModelFormat

    monkeypatch.setitem(RUNTIME_FORMATS, "spy", ModelFormat("Spy", ".spy"))


def test_each_precision_is_its_own_file(asked):
    """Proves that every target gets its bytes, its graph and its name back, and no other's."""
    converter = Converter("the model", PICTURES)
    made = [converter.convert(spy(precision)) for precision in ("float32", "float16", "int8")]
    assert [found.content for found in made] == [b"float32", b"float32 halved", b"int8 without "]
    assert [found.target.file_name for found in made] == [
        "model.float32.spy",
        "model.float16.spy",
        "model.int8.spy",
    ]
    assert all(found.graph is INTEGER for found in made)


def test_other_pictures_can_set_the_ranges(asked):
    """Proves that a second calibration uses its own pictures, and the next file those of the converter again."""
    converter = Converter("the model", PICTURES)
    converter.convert(spy("int8"), calibration=PICTURES[:1])
    converter.convert(spy("int8"))
    assert [call[2] for call in asked if call[0] == "int8"] == [PICTURES[:1].tolist(), PICTURES.tolist()]


def test_layers_kept_are_handed_on(asked):
    """Proves that a mixed file is an int8 one with the named operators left out, in their order."""
    made = Converter("the model", PICTURES).convert(spy("mixed"), keep_float=("b", "a"))
    assert made.content == b"int8 without b,a"


def test_a_file_that_there_is_not_is_refused(asked):
    """Proves that a format without a dynamic file says which files it has."""
    with pytest.raises(
        ConversionError, match=r"no dynamic file of the format spy: expected float32, float16, int8"
    ):
        Converter("the model", PICTURES).convert(spy("dynamic"))


@pytest.mark.parametrize("count", [1, 7])
def test_int8_with_a_float_operator_is_refused(asked, monkeypatch, count):
    """Proves that the number of float operators and the first five are named, of int8 files and of no others."""
    left = [Operator("ELU", f"elu{number}", ("float32",), ("float32",)) for number in range(count)]
    graph = Graph((*left, Operator("CONV", "conv", ("int8",), ("int8",))), {}, {})
    monkeypatch.setitem(FORMATS, "spy", replace(FORMATS["spy"], read_graph=lambda content: graph))
    converter = Converter("the model", PICTURES)
    with pytest.raises(
        ConversionError, match=rf"model\.int8\.spy: .* but {count} operators? computes? in float"
    ) as refused:
        converter.convert(spy("int8"))
    assert str(refused.value).count("ELU (elu") == min(count, 5)
    assert converter.convert(spy("mixed")).content
    assert converter.convert(spy("float16")).content


def test_steps_to_bytes_and_back_are_not_named_beside_what_they_serve(asked, monkeypatch):
    """Proves that the error names the operator that is to be replaced, and the error is one of its own kind."""
    kinds = ("DEQUANTIZE", "ELU", "QUANTIZE")
    left = tuple(Operator(kind, kind.lower(), ("float32",), ("float32",)) for kind in kinds)
    monkeypatch.setitem(FORMATS, "spy", replace(FORMATS["spy"], read_graph=lambda content: Graph(left, {}, {})))
    with pytest.raises(FloatOperatorsError, match=r"1 operator computes in float: ELU \(elu\)\. With --repair"):
        Converter("the model", PICTURES).convert(spy("int8"))
    alone = Graph(left[:1], {}, {})
    monkeypatch.setitem(FORMATS, "spy", replace(FORMATS["spy"], read_graph=lambda content: alone))
    with pytest.raises(FloatOperatorsError, match=r"float: DEQUANTIZE \(dequantize\)"):
        Converter("the model", PICTURES).convert(spy("int8"))


@pytest.mark.parametrize("part", ["convert", "int8", "read_graph"])
def test_whatever_a_converter_raises_is_one_error(asked, monkeypatch, part):
    """Proves that an exception of a converter's own is told in one line, wherever it comes from."""

    def fails(*given, **options):
        raise KeyError("a\nb")

    monkeypatch.setitem(FORMATS, "spy", replace(FORMATS["spy"], **{part: fails}))
    with pytest.raises(ConversionError, match=r"^the converter failed: 'a\\nb'\.$"):
        Converter("the model", PICTURES).convert(spy("int8"))


@pytest.mark.parametrize("error", [OSError, MemoryError, KeyboardInterrupt, RuntimeError("std::bad_alloc")])
def test_a_full_disk_is_no_fault_of_the_converter(asked, monkeypatch, error):
    """Proves that what no other file would survive either ends the export."""

    def fails(model):
        raise error

    monkeypatch.setitem(FORMATS, "spy", replace(FORMATS["spy"], convert=fails))
    with pytest.raises(error if isinstance(error, type) else RuntimeError):
        Converter("the model", PICTURES).convert(spy("float16"))


def test_a_float32_file_that_fails_is_tried_once(asked, monkeypatch):
    """Proves that the three files of a format tell the same reason after one conversion."""
    calls = []

    def fails(model):
        calls.append(model)
        raise ConversionError("no operator for Erfinv")

    monkeypatch.setitem(FORMATS, "spy", replace(FORMATS["spy"], convert=fails))
    converter = Converter("the model", PICTURES)
    for precision in ("float32", "float16", "int8"):
        with pytest.raises(ConversionError, match=r"^no operator for Erfinv$"):
            converter.convert(spy(precision))
    assert calls == ["the model"]


def test_scores_may_be_handed_out_in_float(asked, monkeypatch):
    """Proves that the one operator that widens finished scores does not make int8 a float file."""
    last = Operator("DequantizeLinear", "scores", ("uint8",), ("float32",), hands_out_scores=True)
    graph = Graph((*INTEGER.operators, last), {}, {})
    monkeypatch.setitem(FORMATS, "spy", replace(FORMATS["spy"], read_graph=lambda content: graph))
    assert Converter("the model", PICTURES).convert(spy("int8")).graph is graph


def test_a_plan_has_what_there_is():
    """Proves that files stand by format and then by precision, without the dynamic ONNX file that is none."""
    wanted = (Precision.FLOAT32, Precision.DYNAMIC, Precision.INT8)
    assert [target.file_name for target in plan_targets(("onnx", "tflite"), iter(wanted))] == [
        "model.float32.onnx",
        "model.int8.onnx",
        "model.float32.tflite",
        "model.dynamic.tflite",
        "model.int8.tflite",
    ]
    assert plan_targets((), wanted) == ()


def test_a_silent_layer_has_a_range(idioms, format_):
    """Proves that int8 files of a network with a layer that no picture wakes load, and follow the float ones."""
    pictures = stripes(32)[0]
    scores = {
        precision: file_scores(
            Converter(idioms("silent layer")[1], pictures).convert(target(format_, precision)), pictures
        )
        for precision in ("float32", "int8")
    }
    assert np.abs(scores["int8"] - scores["float32"]).max() < 0.05
