"""Round the weights of an int8 ONNX file so that what a layer adds up stays nearest, not each weight alone.

A convolution's inputs go up and down together: neighbouring pixels are alike, and after ReLU all are positive. So
the errors of weights rounded to the nearest step add up. Here weights are rounded one after the other, and each
error is made good by the weights still to come, as far as the inputs of calibration pictures say they can.

Source: E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers",
2022, after B. Hassibi and D. Stork, "Second order derivatives for network pruning: Optimal Brain Surgeon", 1992.
Measured in docs/decisions/0006.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.preprocessing import Pixels
from exporter.keras_model import INPUT_NAME

_PATCHES = 16_384  # seen by a layer, over all pictures; ten times the longest filter of the networks here
_PICTURES = 32  # whose patches are multiplied at once
_DAMPING = 0.01  # share of the mean power added to each input's, so that few patches do not decide alone
_BLOCK = 128  # weights rounded before what they owe is handed to all later ones

Doubles = NDArray[np.float64]


def round_weights(quantised: Any, float32: Any, calibration: Pixels) -> None:
    """Round the kernels of all ungrouped two-dimensional convolutions anew, in place; scales stay.

    Args:
        quantised: the `onnx.ModelProto` in QDQ form, kernels in int8 with a scale for each channel.
        float32: the `onnx.ModelProto` that it was made from, with the same names of nodes.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    from onnx import numpy_helper

    constants = {constant.name: constant for constant in quantised.graph.initializer}
    exact = {constant.name: constant for constant in float32.graph.initializer}
    layers = _layers(quantised, float32.graph, set(exact))
    if not layers:
        return
    powers = _input_powers(float32, [node for node, _ in layers], calibration)
    for (node, (kernel, scale)), power in zip(layers, powers, strict=True):
        weights = numpy_helper.to_array(exact[node.input[1]])
        rounded = numpy_helper.to_array(constants[kernel])
        result = round_together(
            weights.reshape(len(weights), -1).astype(np.float64),
            numpy_helper.to_array(constants[scale]).astype(np.float64),
            power,
            int(np.abs(rounded.astype(np.int64)).max()),
        )
        constants[kernel].CopyFrom(numpy_helper.from_array(result.reshape(rounded.shape), kernel))


def round_together(weights: Doubles, scales: Doubles, powers: Doubles, limit: int) -> NDArray[np.int8]:
    """Return the steps of a layer's weights that keep the expected square of its error small.

    Args:
        weights: `float64 (outputs, inputs)`.
        scales: `float64 (outputs,)`, the width of a step of each output.
        powers: `float64 (inputs, inputs)`, mean products of the inputs with one another.
        limit: largest step to either side, at most 127.

    Returns:
        `int8 (outputs, inputs)`, -limit to limit.
    """
    inputs = weights.shape[1]
    damped = powers + np.eye(inputs) * max(_DAMPING * np.diag(powers).mean(), 1e-12)
    order = np.argsort(-np.diag(damped), kind="stable")  # the strongest inputs while most others can still repay
    debts = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    left, steps = weights[:, order].copy(), np.zeros(weights.shape, np.int8)
    for start in range(0, inputs, _BLOCK):
        end = min(start + _BLOCK, inputs)
        owed = np.zeros((len(weights), end - start))
        for index in range(start, end):
            step = np.clip(np.round(left[:, index] / scales), -limit, limit)
            steps[:, order[index]] = step
            error = (left[:, index] - step * scales) / debts[index, index]
            left[:, index:end] -= np.outer(error, debts[index, index:end])
            owed[:, index - start] = error
        left[:, end:] -= owed @ debts[start:end, end:]
    return steps


def _layers(quantised: Any, graph: Any, exact: set[str]) -> list[tuple[Any, tuple[str, str]]]:
    """Return the float nodes whose kernels can be rounded, with the names of kernel and scale in the other file."""
    dequantised = {node.output[0]: node for node in quantised.graph.node if node.op_type == "DequantizeLinear"}
    twins = {node.name: node for node in quantised.graph.node if node.op_type == "Conv"}
    found = []
    for node in graph.node:
        twin = twins.get(node.name) if node.op_type == "Conv" else None
        kernel = dequantised.get(twin.input[1]) if twin else None
        if kernel is not None and node.input[1] in exact and _is_plain(node):
            found.append((node, (kernel.input[0], kernel.input[1])))
    return found


def _is_plain(node: Any) -> bool:
    """Whether the inputs of each output are one window of all channels."""
    options = _options(node)
    return (
        len(options["kernel_shape"]) == 2
        and options.get("group", 1) == 1
        and all(step == 1 for step in options.get("dilations", ()))
    )


def _options(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {option.name: helper.get_attribute_value(option) for option in node.attribute}


def _input_powers(float32: Any, nodes: list[Any], calibration: Pixels) -> list[Doubles]:
    """Return for each convolution the mean products of its inputs, `float64 (C * KH * KW, same)`."""
    generator = np.random.default_rng(0)
    each = -(-_PATCHES // len(calibration))
    sums: list[Any] = [0.0] * len(nodes)
    counts = [0] * len(nodes)
    waiting: list[list[NDArray[np.float32]]] = [[] for _ in nodes]
    for number, tensors in enumerate(_inputs(float32, nodes, calibration), 1):
        for node, tensor, patches in zip(nodes, tensors, waiting, strict=True):
            patches.append(_some_patches(tensor[0], _options(node), each, generator))
        if number % _PICTURES and number < len(calibration):
            continue  # one large product is many times as fast as many small ones
        for index, patches in enumerate(waiting):
            together = np.concatenate(patches)
            sums[index] += together.T @ together
            counts[index] += len(together)
            patches.clear()
    return [np.asarray(total, np.float64) / count for total, count in zip(sums, counts, strict=True)]


def _some_patches(
    tensor: NDArray[np.float32], options: dict[str, Any], most: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return what some of a convolution's outputs read, `float32 (patches, C * KH * KW)`."""
    windows = _windows(tensor, options)
    high, wide = windows.shape[1:3]
    some = generator.choice(high * wide, min(most, high * wide), replace=False)
    return windows[:, some // wide, some % wide].swapaxes(0, 1).reshape(len(some), -1)


def _inputs(float32: Any, nodes: list[Any], calibration: Pixels) -> Iterator[list[NDArray[np.float32]]]:
    """Yield for each picture what each node reads, `float32 (1, C, H, W)`."""
    import onnx
    from onnx import helper
    from onnxruntime import InferenceSession

    wider = onnx.ModelProto()
    wider.CopyFrom(float32)
    names = [node.input[0] for node in nodes]
    known = {value.name for value in (*wider.graph.output, *wider.graph.input)}
    for name in dict.fromkeys(names):
        if name not in known:
            wider.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = InferenceSession(wider.SerializeToString(), providers=["CPUExecutionProvider"])
    asked = [name for name in dict.fromkeys(names) if name != INPUT_NAME]
    for picture in calibration:
        feed = {INPUT_NAME: picture[None].astype(np.float32)}
        found = feed | dict(zip(asked, session.run(asked, feed), strict=True))
        yield [found[name] for name in names]


def _windows(tensor: NDArray[np.float32], options: dict[str, Any]) -> NDArray[np.float32]:
    """Return every window that a convolution multiplies: `(C, H, W)` to a view `(C, rows, columns, KH, KW)`."""
    kernel, strides = options["kernel_shape"], options.get("strides", [1, 1])
    pads = options.get("pads", [0, 0, 0, 0])
    how = options.get("auto_pad", b"NOTSET").decode()
    if how.startswith("SAME"):
        pads = [0, 0, 0, 0]
        for axis, (size, side, step) in enumerate(zip(tensor.shape[1:], kernel, strides, strict=True)):
            total = max(0, (-(-size // step) - 1) * step + side - size)
            first = total // 2 if how == "SAME_UPPER" else total - total // 2
            pads[axis], pads[axis + 2] = first, total - first
    padded = np.pad(tensor, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, (1, 2))
    return windows[:, :: strides[0], :: strides[1]]
