"""Measure the noise that quantisation leaves in the layers of an ONNX file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.picture.preprocessing import Pixels
from exporter.formats.layer_error import LayerError, decibel, powers
from exporter.formats.onnx.feed import PictureFeed

_WEIGHTED = ("Conv", "Gemm", "MatMul")


def measure_layer_errors(float32: bytes, int8: bytes, pixels: Pixels) -> list[LayerError]:
    """Return the error of every convolution and dense layer over some pictures, in order of execution.

    Args:
        float32: the float32 file.
        int8: the file quantised from it.
        pixels: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    import onnx
    from onnxruntime.quantization.qdq_loss_debug import create_activation_matching

    matched = create_activation_matching(_tensors(int8, pixels), _tensors(float32, pixels))
    graph = onnx.load_from_string(float32).graph
    errors = []
    for node in graph.node:
        if node.op_type not in _WEIGHTED:
            continue
        # A convolution that ends in ReLU is quantised with it, so its own output has no counterpart.
        pair = matched.get(_rectified(graph, node.output[0])) or matched.get(node.output[0])
        if pair:
            exact, rough = np.concatenate(pair["float"]), np.concatenate(pair["post_qdq"])
            errors.append(LayerError(node.name, node.op_type, decibel(*powers(exact, rough))))
    return errors


def _tensors(content: bytes, pixels: Pixels) -> Any:
    """Return all tensors that a file computes of the pictures, by name."""
    import onnx
    from onnxruntime.quantization.qdq_loss_debug import (
        collect_activations,
        modify_model_output_intermediate_tensors,
    )

    with tempfile.TemporaryDirectory() as scratch:
        path, widened = Path(scratch, "file.onnx"), Path(scratch, "all.onnx")
        path.write_bytes(content)
        modify_model_output_intermediate_tensors(path, widened)
        dtype = _input_type(onnx.load_from_string(content))
        return collect_activations(str(widened), PictureFeed(pixels, dtype))


def _rectified(graph: Any, name: str) -> str:
    """Return the tensor after the ReLU that follows, if one does."""
    return next((node.output[0] for node in graph.node if node.op_type == "Relu" and name in node.input), name)


def _input_type(model: Any) -> Any:
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)
