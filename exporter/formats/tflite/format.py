"""TFLite as a format that an export can write."""

from edge_runtime.bundle.formats import TFLITE, Precision
from exporter.formats.format import ExportFormat
from exporter.formats.tflite.conversion import convert_float32
from exporter.formats.tflite.layer_error import measure_layer_errors
from exporter.formats.tflite.operators import read_graph
from exporter.formats.tflite.quantization import quantize_dynamic, quantize_float16, quantize_int8

# The oldest releases in which tests/contract/test_parity.py loads the files and finds the scores of the newest.
_OLDEST = "tflite-runtime 2.14"
_OLDEST_DYNAMIC = "ai-edge-litert 2.0"  # tflite-runtime 2.14 refuses it, docs/decisions/0008

TFLITE_FILES = ExportFormat(
    name=TFLITE,
    backend="litert",
    convert=convert_float32,
    read_graph=read_graph,
    packages=("ai-edge-litert", "litert-quantizer"),
    float16=quantize_float16,
    dynamic=quantize_dynamic,
    int8=quantize_int8,
    layer_errors=measure_layer_errors,
    oldest_backend=dict.fromkeys(Precision, _OLDEST) | {Precision.DYNAMIC: _OLDEST_DYNAMIC},
)
