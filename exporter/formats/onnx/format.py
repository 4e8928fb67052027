"""ONNX as a format that an export can write."""

from edge_runtime.bundle.formats import ONNX, Precision
from exporter.formats.format import ExportFormat
from exporter.formats.onnx.conversion import convert_float32
from exporter.formats.onnx.layer_error import measure_layer_errors
from exporter.formats.onnx.operators import read_graph
from exporter.formats.onnx.quantization import quantize_float16, quantize_int8

# The oldest release in which tests/contract/test_parity.py loads the files and finds the scores of the newest.
_OLDEST = "onnxruntime 1.20"

# There is no dynamic-range file. ONNX Runtime's dynamic quantisation has convolutions take their ranges anew from
# every picture. That is slower than float32 and loses accuracy: docs/decisions/0006.
ONNX_FILES = ExportFormat(
    name=ONNX,
    backend="onnxruntime",
    convert=convert_float32,
    read_graph=read_graph,
    packages=("tf2onnx", "onnx", "onnxruntime"),
    float16=quantize_float16,
    int8=quantize_int8,
    layer_errors=measure_layer_errors,
    oldest_backend=dict.fromkeys(Precision, _OLDEST),
    scales_inside=True,
)
