"""Round the convolutions of an int8 TFLite file together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels
from exporter.formats.tflite.interface import read_model, written_model
from exporter.formats.tflite.tensors import tensors_of
from exporter.formats.weight_rounding import MOST_INPUTS, Window, input_powers, leave_nearest, round_kernels

Layer = tuple[int, int, Window]  # indices of input and kernel in the float file, and the window


def round_weights(quantised: bytes, float32: bytes, calibration: Pixels) -> bytes:
    """Return the file with the kernels of all ungrouped convolutions rounded together. Their scales stay.

    Args:
        quantised: the int8 file, kernels with a scale for each channel.
        float32: the file that it was made from. Its kernels have the same names.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    try:
        return _rounded_together(quantised, float32, calibration)
    except Exception as error:  # of an operator that is not known here: the file is whole without it
        leave_nearest(error, "TFLite")
        return quantised


def _rounded_together(quantised: bytes, float32: bytes, calibration: Pixels) -> bytes:
    exact, rounded = read_model(float32), read_model(quantised)
    kernels = {tensor.name: tensor for tensor in rounded.subgraphs[0].tensors}
    layers = [layer for layer in _layers(exact) if _is_int8(kernels.get(_tensor(exact, layer[1]).name))]
    if not layers:
        return quantised
    names = [_tensor(exact, source).name.decode() for source, *_ in layers]
    tensors = ([tensor[0] for tensor in found] for found in tensors_of(float32, calibration, names))
    powers = input_powers(tensors, [window for *_, window in layers], len(calibration))
    sources = [_tensor(exact, index) for _, index, _ in layers]
    steps = round_kernels(
        (
            _values(exact, source, np.float32).transpose(0, 3, 1, 2),  # a window's order: channels, rows, columns
            _values(rounded, kernels[source.name], np.int8),
            kernels[source.name].quantization.scale,
            power,
        )
        for source, power in zip(sources, powers, strict=True)
    )
    for source, kernel in zip(sources, steps, strict=True):
        values = np.ascontiguousarray(kernel.transpose(0, 2, 3, 1))
        rounded.buffers[kernels[source.name].buffer].data = values.reshape(-1).view(np.uint8)
    return written_model(rounded)


def _layers(model: Any) -> list[Layer]:
    """Return the convolutions that are neither grouped nor dilated and have constant kernels."""
    from ai_edge_litert import schema_py_generated as schema

    paddings = {schema.Padding.SAME: None, schema.Padding.VALID: (0, 0, 0, 0)}
    found = []
    for operator in model.subgraphs[0].operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode != schema.BuiltinOperator.CONV_2D:
            continue
        options, (source, kernel) = operator.builtinOptions, operator.inputs[:2]
        _, high, wide, channels = (int(side) for side in _tensor(model, kernel).shape)
        plain = options.dilationHFactor == options.dilationWFactor == 1
        constant = model.buffers[_tensor(model, kernel).buffer].data is not None
        few = high * wide * channels <= MOST_INPUTS
        if plain and constant and few and channels == _tensor(model, source).shape[3]:
            window = Window((high, wide), (options.strideH, options.strideW), paddings[options.padding])
            found.append((int(source), int(kernel), window))
    return found


def _is_int8(kernel: Any) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    return kernel is not None and kernel.type == schema.TensorType.INT8


def _tensor(model: Any, index: int) -> Any:
    return model.subgraphs[0].tensors[index]


def _values(model: Any, tensor: Any, dtype: type) -> NDArray[Any]:
    return np.frombuffer(bytes(model.buffers[tensor.buffer].data), dtype).reshape(tensor.shape)
