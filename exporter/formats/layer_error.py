"""How much noise quantisation leaves in the output of every layer, to find the layers that spoil a file."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import TFLITE
from edge_runtime.picture.preprocessing import Pixels
from exporter.formats.onnx.conversion import PictureFeed
from exporter.formats.operators import read_graph
from exporter.formats.tflite.tensors import tensors_of

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "Conv", "Gemm", "MatMul")


@dataclass(frozen=True)
class LayerError:
    """Noise in one layer's output, with all the layers before it quantised too.

    Args:
        name: the layer's operator, as `keep_float` takes it.
        kind: its name in the format.
        signal_to_noise_db: power of the float output over power of the error, decibels; infinite without error.
    """

    name: str
    kind: str
    signal_to_noise_db: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored with the report."""
        return asdict(self)


def measure_layer_errors(float32: bytes, int8: bytes, format_: str, pixels: Pixels) -> tuple[LayerError, ...]:
    """Return the error of every convolution and dense layer over some pictures, worst first.

    Args:
        float32: the float32 file.
        int8: the file quantised from it.
        format_: the format of both.
        pixels: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    measure = _tflite_errors if format_ == TFLITE else _onnx_errors
    return tuple(sorted(measure(float32, int8, pixels), key=lambda error: error.signal_to_noise_db))


def _tflite_errors(float32: bytes, int8: bytes, pixels: Pixels) -> list[LayerError]:
    layers = [operator for operator in read_graph(float32, TFLITE).operators if operator.kind in _WEIGHTED]
    names = [layer.name for layer in layers]
    powers = np.zeros((len(layers), 2))
    for exact, rough in zip(tensors_of(float32, pixels, names), tensors_of(int8, pixels, names), strict=True):
        powers += [_powers(*pair) for pair in zip(exact, rough, strict=True)]
    return [
        LayerError(layer.name, layer.kind, _decibel(*power)) for layer, power in zip(layers, powers, strict=True)
    ]


def _onnx_errors(float32: bytes, int8: bytes, pixels: Pixels) -> list[LayerError]:
    import onnx
    from onnxruntime.quantization.qdq_loss_debug import (
        collect_activations,
        create_activation_matching,
        modify_model_output_intermediate_tensors,
    )

    collected = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in (("float32", float32), ("int8", int8)):
            path, widened = Path(scratch, f"{name}.onnx"), Path(scratch, f"{name}.all.onnx")
            path.write_bytes(content)
            modify_model_output_intermediate_tensors(path, widened)
            dtype = _input_type(onnx.load_from_string(content))
            collected.append(collect_activations(str(widened), PictureFeed(pixels, dtype)))
    matched = create_activation_matching(collected[1], collected[0])
    errors = []
    for node in onnx.load_from_string(float32).graph.node:
        if node.op_type not in _WEIGHTED:
            continue
        # A convolution that ends in ReLU is quantised with it, so its own output has no counterpart.
        following = _rectified(onnx.load_from_string(float32).graph, node.output[0])
        pair = matched.get(following) or matched.get(node.output[0])
        if pair:
            exact, rough = np.concatenate(pair["float"]), np.concatenate(pair["post_qdq"])
            errors.append(LayerError(node.name, node.op_type, _decibel(*_powers(exact, rough))))
    return errors


def _rectified(graph: Any, name: str) -> str:
    """Return the tensor after the ReLU that follows, if one does."""
    return next((node.output[0] for node in graph.node if node.op_type == "Relu" and name in node.input), name)


def _input_type(model: Any) -> Any:
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)


def _powers(exact: NDArray[Any], rough: NDArray[Any]) -> tuple[float, float]:
    wide = exact.astype(np.float64)
    return float((wide**2).sum()), float(((wide - rough) ** 2).sum())


def _decibel(signal: float, noise: float) -> float:
    return float("inf") if noise == 0 else float(10 * np.log10(max(signal, 1e-30) / noise))
