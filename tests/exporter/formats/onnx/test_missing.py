"""TensorFlow's operators that ONNX has not are written with others, or named."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime import InferenceSession
from scipy.special import erfc

from exporter.errors import ConversionError
from exporter.formats.onnx.missing import write_missing


def model_of(*kinds: str) -> onnx.ModelProto:
    """Return a chain of operators of these kinds, which ONNX may have or not."""
    names = ["in", *(f"t{number}" for number in range(1, len(kinds))), "out"]
    nodes = [
        helper.make_node(kind, [names[number]], [names[number + 1]], f"layer/{kind}")
        for number, kind in enumerate(kinds)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 9]) for name in ("in", "out")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("kind", "function"), [("Erfc", erfc), ("Expm1", np.expm1)])
def test_it_computes_the_same(kind, function):
    """Proves that the operators of the exact GELU and of CELU give what SciPy and NumPy give."""
    model = model_of(kind)
    write_missing(model)
    values = np.linspace(-3, 3, 9, dtype=np.float32)[None]
    found = InferenceSession(model.SerializeToString()).run(None, {"in": values})[0]
    np.testing.assert_allclose(found, function(values), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_written_is_named():
    """Proves that the error has the operators and their layers, and not those that ONNX has."""
    with pytest.raises(ConversionError, match=r"no operator for Erfinv \(layer/Erfinv\), RGBToHSV \(.*Replace"):
        write_missing(model_of("Erfinv", "Relu", "RGBToHSV"))


def test_an_ordinary_model_is_left():
    """Proves that no byte changes where ONNX has all operators."""
    model = model_of("Relu", "Erf")
    write_missing(model)
    assert model == model_of("Relu", "Erf")
