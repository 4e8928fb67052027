"""Round the convolutions of an int8 TFLite file together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.preprocessing import Pixels
from exporter.tflite_interface import read_model, written_model
from exporter.weight_rounding import MOST_INPUTS, Window, input_powers, round_together

Layer = tuple[int, int, Window]  # indices of input and kernel in the float file, and the window


def round_weights(quantised: bytes, float32: bytes, calibration: Pixels) -> bytes:
    """Return the file with the kernels of all convolutions of all channels rounded anew; scales stay.

    Args:
        quantised: the int8 file, kernels with a scale for each channel.
        float32: the file that it was made from, with the same names of kernels.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    exact, rounded = read_model(float32), read_model(quantised)
    kernels = {tensor.name: tensor for tensor in rounded.subgraphs[0].tensors}
    layers = [layer for layer in _layers(exact) if _is_int8(kernels.get(_tensor(exact, layer[1]).name))]
    if not layers:
        return quantised
    tensors = _inputs(float32, [source for source, *_ in layers], calibration)
    powers = input_powers(tensors, [window for *_, window in layers], len(calibration))
    for (_, index, _), power in zip(layers, powers, strict=True):
        source = _tensor(exact, index)
        weights = _values(exact, source, np.float32).transpose(0, 3, 1, 2)  # in the order of a window
        kernel = kernels[source.name]
        steps = round_together(
            weights.reshape(len(weights), -1).astype(np.float64),
            np.asarray(kernel.quantization.scale, np.float64),
            power,
            int(np.abs(_values(rounded, kernel, np.int8).astype(np.int64)).max()),
        )
        values = np.ascontiguousarray(steps.reshape(weights.shape).transpose(0, 2, 3, 1))
        rounded.buffers[kernel.buffer].data = values.reshape(-1).view(np.uint8)
    return written_model(rounded)


def _layers(model: Any) -> list[Layer]:
    """Return the convolutions of all channels, not dilated, whose kernels are constants."""
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


def _inputs(float32: bytes, indices: list[int], calibration: Pixels) -> Iterator[list[NDArray[np.float32]]]:
    """Yield for each picture the tensors of these indices, `float32 (H, W, C)`."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=float32, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    for picture in calibration:
        interpreter.set_tensor(source, picture[None].astype(np.float32))
        interpreter.invoke()
        yield [interpreter.get_tensor(index)[0] for index in indices]
