"""What a format says that it can make is what it makes."""

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.bundle import Precision
from exporter.errors import ConversionError
from exporter.formats.format import ExportFormat
from exporter.formats.layer_error import LayerError
from exporter.formats.operators import Graph
from exporter.formats.table import FORMATS

BARE = ExportFormat("bare", "litert", lambda model: b"float32", lambda content: Graph((), {}, {}))
NO_PICTURES = np.zeros((0, 4, 4, 3), np.uint8)


def test_a_bare_format_has_float32_alone():
    """Proves that nothing is offered that nothing makes."""
    assert BARE.precisions == (Precision.FLOAT32,)
    assert BARE.quantized(b"x", Precision.FLOAT32, NO_PICTURES) == b"x"
    for precision in set(Precision) - {Precision.FLOAT32}:
        with pytest.raises(ConversionError, match=rf"no {precision} file of the format bare: expected float32$"):
            BARE.quantized(b"x", precision, NO_PICTURES)


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS.keys())
def test_mixed_is_made_and_not_offered(format_):
    """Proves that mixed files, which only a repair makes, are in no plan of a format."""
    assert Precision.MIXED not in format_.precisions
    assert Precision.INT8 in format_.precisions


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS.keys())
def test_every_precision_has_its_oldest_backend(format_):
    """Proves that no file of a known format says `not known` of the release that runs it."""
    assert set(format_.precisions) <= set(format_.oldest_backend)


def test_layers_are_sorted_by_their_noise():
    """Proves that the worst layer comes first, a layer without error last, and equal ones in order of execution."""
    found = [LayerError(name, "Conv", db) for name, db in (("a", 20), ("b", float("inf")), ("c", -3), ("d", 20))]
    measured = replace(BARE, layer_errors=lambda *_: found).measure_layer_errors(b"", b"", NO_PICTURES)
    assert [error.name for error in measured] == ["c", "a", "d", "b"]
    assert BARE.measure_layer_errors(b"", b"", NO_PICTURES) == ()
